"""INCAR, KPOINTS, POSCAR and POTCAR of each task."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

from confvib.dft.potcars import PotcarFile
from confvib.dft.settings import VaspSettings
from confvib.dft.velocities import thermal_velocities
from confvib.errors import LabelError
from confvib.reference.engine import DynamicsTask, HeatingTask, RelaxationTask

RANDOM_SEED_BELOW = 900_000_000
"""Bound of the first integer of RANDOM_SEED."""

# With NBLOCK > 1 VASP would scale the velocities in every so-manieth step only.
_DYNAMICS: dict[str, Any] = {"IBRION": 0, "ISIF": 2, "ISYM": 0, "NBLOCK": 1}


@dataclass(frozen=True)
class VaspInputs:
    """Hold one complete calculation, before it is a folder.

    Attributes:
        incar: INCAR.
        kpoints: Γ-centred mesh.
        atoms: The cell, atoms in the order of the caller.
        order: Which atom of ``atoms`` each atom of POSCAR is, shape ``(N,)``.
        velocities: Initial velocities [Å/fs] in the order of ``atoms``, shape ``(N, 3)``;
            None in a relaxation.
        poscar: POSCAR.
        potcars: Pseudopotential of each element.
    """

    incar: Incar
    kpoints: Kpoints
    atoms: Atoms
    order: NDArray[np.int64]
    velocities: NDArray[np.float64] | None
    poscar: str
    potcars: Mapping[str, PotcarFile]

    @property
    def is_dynamics(self) -> bool:
        """Return whether the atoms follow Newton; otherwise they are relaxed."""
        return self.velocities is not None

    @property
    def n_steps(self) -> int:
        """Return the number of ionic steps asked for; at most, in a relaxation."""
        return max(int(self.incar["NSW"]), 1)

    @property
    def has_fixed_length(self) -> bool:
        """Return whether all of the steps are wanted, not as many as it takes."""
        return self.is_dynamics or self.incar["NSW"] == 0

    def symbols(self) -> list[str]:
        """Return the chemical symbols in the order of POSCAR."""
        symbols = self.atoms.get_chemical_symbols()
        return [symbols[index] for index in self.order]

    def write(self, folder: Path) -> None:
        """Write the four input files of VASP.

        Args:
            folder: Existing directory; the files in it are overwritten.
        """
        self.incar.write_file(folder / "INCAR")
        self.kpoints.write_file(folder / "KPOINTS")
        (folder / "POSCAR").write_text(self.poscar, encoding="utf-8")
        texts = (self.potcars[element].text for element in dict.fromkeys(self.symbols()))
        (folder / "POTCAR").write_text("".join(texts), encoding="utf-8")


def relaxation_inputs(
    atoms: Atoms,
    task: RelaxationTask,
    settings: VaspSettings,
    potcars: Mapping[str, PotcarFile],
) -> VaspInputs:
    """Set up a relaxation of the positions at fixed cell by conjugate gradients.

    Args:
        atoms: The cell.
        task: What is asked for; its largest force is EDIFFG unless the settings give one.
        settings: VASP settings.
        potcars: Pseudopotential of each element.

    Returns:
        The calculation.

    Raises:
        LabelError: VASP cannot take the cell as it is.

    Source:
        The paper (10.1039/d5cp00138b), section 5.1: fixed lattice, one Γ point,
        EDIFFG = 1e-4 eV.
    """
    ediffg = -task.fmax_eV_per_A if settings.ediffg is None else settings.ediffg
    keys = {"IBRION": 2, "ISIF": 2, "NSW": task.max_steps, "EDIFFG": ediffg}
    return _inputs(atoms, keys, None, settings, potcars)


def single_point_inputs(
    atoms: Atoms, settings: VaspSettings, potcars: Mapping[str, PotcarFile]
) -> VaspInputs:
    """Set up one energy and its forces.

    Args:
        atoms: The cell.
        settings: VASP settings.
        potcars: Pseudopotential of each element.

    Returns:
        The calculation.

    Raises:
        LabelError: VASP cannot take the cell as it is.
    """
    keys = {"IBRION": -1, "NSW": 0, "ISIF": 2}
    return _inputs(atoms, keys, None, settings, potcars)


def heating_inputs(
    atoms: Atoms,
    task: HeatingTask,
    settings: VaspSettings,
    potcars: Mapping[str, PotcarFile],
) -> VaspInputs:
    r"""Set up molecular dynamics whose velocities are scaled to a rising temperature.

    With SMASS = -1, VASP scales at its ionic step n = 1 ... NSW to

    .. math:: T_n = T_{begin} + (T_{end} - T_{begin})\, n / NSW

    Its first step is the geometry it was given, so ``n_steps`` moves take n_steps + 1 of
    them. The initial velocities are written out: RANDOM_SEED needs a VASP built for it.

    Args:
        atoms: The cell.
        task: What is asked for.
        settings: VASP settings.
        potcars: Pseudopotential of each element.

    Returns:
        The calculation.

    Raises:
        LabelError: VASP cannot take the cell as it is, or it has fewer than two atoms.

    Source:
        The paper (10.1039/d5cp00138b), section 5.1; vasp.at/wiki/index.php/SMASS.
    """
    keys = _DYNAMICS | {
        "MDALGO": 0,
        "SMASS": -1,
        "TEBEG": task.start_K,
        "TEEND": task.end_K,
        "POTIM": task.timestep_fs,
        "NSW": task.n_steps + 1,
    }
    velocities = thermal_velocities(atoms.get_masses(), task.start_K, task.seed)
    return _inputs(atoms, keys, velocities, settings, potcars)


def dynamics_inputs(
    atoms: Atoms,
    task: DynamicsTask,
    settings: VaspSettings,
    potcars: Mapping[str, PotcarFile],
) -> VaspInputs:
    """Set up NVE dynamics (SMASS = -3), or NVT with Andersen's collisions (MDALGO = 1).

    The first step of VASP is the geometry it was given, so ``n_steps`` moves take
    n_steps + 1 of them. The initial velocities are written out. The collisions draw
    random numbers from the seed (RANDOM_SEED: three integers, the first below 9e8),
    which every VASP that knows MDALGO = 1 reads: both need ``-Dtbdyn``.

    Args:
        atoms: The cell.
        task: What is asked for.
        settings: VASP settings.
        potcars: Pseudopotential of each element.

    Returns:
        The calculation.

    Raises:
        LabelError: VASP cannot take the cell as it is, or it has fewer than two atoms.

    Source:
        The paper (10.1039/d5cp00138b), section 5.1; vasp.at/wiki: SMASS, MDALGO,
        ANDERSEN_PROB and RANDOM_SEED.
    """
    probability = task.collision_probability
    ensemble: dict[str, Any] = (
        {
            "MDALGO": 1,
            "ANDERSEN_PROB": probability,
            "RANDOM_SEED": [task.seed % RANDOM_SEED_BELOW, 0, 0],
        }
        if probability
        else {"MDALGO": 0, "SMASS": -3}
    )
    keys = (
        ensemble
        | _DYNAMICS
        | {
            "TEBEG": task.temperature_K,
            "TEEND": task.temperature_K,
            "POTIM": task.timestep_fs,
            "NSW": task.n_steps + 1,
        }
    )
    velocities = thermal_velocities(atoms.get_masses(), task.start_K, task.seed)
    return _inputs(atoms, keys, velocities, settings, potcars)


def _inputs(
    atoms: Atoms,
    task_keys: Mapping[str, Any],
    velocities: NDArray[np.float64] | None,
    settings: VaspSettings,
    potcars: Mapping[str, PotcarFile],
) -> VaspInputs:
    _check_cell(atoms, potcars)
    user_keys = {key.strip().upper(): value for key, value in settings.incar.items()}
    order = _grouped(atoms.get_chemical_symbols())
    return VaspInputs(
        incar=Incar(user_keys | dict(task_keys)),
        kpoints=Kpoints.gamma_automatic(settings.kpoints),
        atoms=atoms,
        order=order,
        velocities=velocities,
        poscar=poscar_text(atoms, order, velocities),
        potcars=potcars,
    )


def poscar_text(
    atoms: Atoms, order: NDArray[np.int64], velocities: NDArray[np.float64] | None
) -> str:
    """Return a POSCAR.

    Args:
        atoms: The cell.
        order: Which atom of ``atoms`` each atom of POSCAR is, shape ``(N,)``.
        velocities: In the order of ``atoms`` [Å/fs], shape ``(N, 3)``; None for none.

    Returns:
        The file, with 16 decimals.
    """
    symbols = np.array(atoms.get_chemical_symbols())[order]
    scaled = atoms.get_scaled_positions(wrap=False)[order]
    structure = Structure(Lattice(atoms.cell.array), symbols.tolist(), scaled)
    moving = None if velocities is None else velocities[order].tolist()
    return Poscar(structure, velocities=moving, sort_structure=False).get_str()


def _grouped(symbols: list[str]) -> NDArray[np.int64]:
    """Return the order that puts equal elements together, first met first."""
    rank = {symbol: index for index, symbol in enumerate(dict.fromkeys(symbols))}
    ranks = np.array([rank[symbol] for symbol in symbols])
    return np.argsort(ranks, kind="stable").astype(np.int64)


def _check_cell(atoms: Atoms, potcars: Mapping[str, PotcarFile]) -> None:
    volume_A3 = float(np.linalg.det(atoms.cell.array))
    if not volume_A3 > 0:
        raise LabelError(
            f"the cell has volume {volume_A3:.6g} Å³; VASP expects three right-handed "
            "lattice vectors"
        )
    if atoms.constraints:
        raise LabelError(
            f"the cell carries {len(atoms.constraints)} constraint(s), expected none: "
            "VASP would move all atoms"
        )
    if missing := sorted(set(atoms.get_chemical_symbols()) - set(potcars)):
        raise LabelError(
            f"the cell holds {missing}, for which there is no POTCAR; potcar_symbols "
            f"names {sorted(potcars)}"
        )
