"""What a user decides about VASP, checked once."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from pymatgen.io.vasp.inputs import POTCAR_FUNCTIONAL_MAP, Incar

from confvib.errors import LabelError

IncarValue = str | int | float | bool

TASK_KEYS = frozenset(
    {
        "IBRION",
        "NSW",
        "ISIF",
        "EDIFFG",
        "MDALGO",
        "ANDERSEN_PROB",
        "RANDOM_SEED",
        "SMASS",
        "TEBEG",
        "TEEND",
        "KSPACING",
        "KGAMMA",
        "ML_LMLFF",
    }
)
"""INCAR keys that the task and the k-point mesh decide, never the user's INCAR block."""

LARGE_FILES = ("WAVECAR", "CHGCAR", "CHG")
"""Files that may have gigabytes; they outlive a calculation only where asked for."""

_SMALL_FILES = """
CONTCAR DOSCAR EIGENVAL INCAR KPOINTS OSZICAR OUTCAR POSCAR PROCAR REPORT XDATCAR vasp.out
vasprun.xml
"""
KEEPABLE = (*LARGE_FILES, *_SMALL_FILES.split())
"""Files of a calculation that can be kept."""


@dataclass(frozen=True, kw_only=True)
class VaspSettings:
    """Hold the choices that every VASP run of a campaign shares.

    Attributes:
        command: How VASP is started, for example "srun vasp_gam"; split as a shell would,
            run without a shell.
        incar: INCAR keys of every run. ENCUT is required: its default follows from the
            elements present, so cells of different composition would differ in it. POTIM
            and ISYM hold for relaxations; heating sets its own.
        potcar_symbols: POTCAR symbol of each element, for example {"Zr": "Zr_sv_GW"}.
        potcar_functional: POTCAR set under PMG_VASP_PSP_DIR, as pymatgen names it.
        kpoints: Γ-centred mesh.
        ediffg: Stopping rule of relaxations as VASP reads it: > 0, energy change between
            ionic steps [eV]; < 0, largest force [eV/Å]; None, the task's largest force.
        version: VASP version that must have run, for example "6.4.2"; None accepts any.
        max_corrections: Repairs by custodian before a run is given up, >= 1.
        poll_s: Time between looks at a running VASP [s], > 0.
        keep: Files of finished calculations that are kept, of `KEEPABLE`.
        stop_margin_s: Walltime that must be left when VASP ends, for its files to be
            written and its frames stored [s], > 0.
        grace_s: From the scheduler's SIGTERM to that for VASP [s], > 0. Slurm kills a
            job 30 s after its own (KillWait), and VASP may take 10 s to die.
        frozen_after_s: VASP that has printed nothing for so long is ended [s], > 0.

    Raises:
        LabelError: A value is outside its domain, or an INCAR key belongs to the task.
    """

    command: str
    incar: Mapping[str, IncarValue]
    potcar_symbols: Mapping[str, str]
    potcar_functional: str = "PBE"
    kpoints: tuple[int, int, int] = (1, 1, 1)
    ediffg: float | None = None
    version: str | None = None
    max_corrections: int = 5
    poll_s: float = 2.0
    keep: tuple[str, ...] = ()
    stop_margin_s: float = 300.0
    grace_s: float = 15.0
    frozen_after_s: float = 21_600.0

    def __post_init__(self) -> None:
        _check_incar(self.incar)
        _require(
            self.potcar_functional in POTCAR_FUNCTIONAL_MAP,
            f"potcar_functional is {self.potcar_functional!r}",
            f"one of {', '.join(POTCAR_FUNCTIONAL_MAP)}",
        )
        _require(
            len(self.kpoints) == 3 and min(self.kpoints) >= 1,
            f"kpoints is {self.kpoints!r}",
            "three integers >= 1",
        )
        _require(self.ediffg != 0, "ediffg is 0", "a value > 0 [eV] or < 0 [eV/Å]")
        _require(
            self.max_corrections >= 1,
            f"max_corrections is {self.max_corrections}",
            "an integer >= 1",
        )
        for name in ("poll_s", "stop_margin_s", "grace_s", "frozen_after_s"):
            time_s = getattr(self, name)
            _require(time_s > 0, f"{name} is {time_s}", "a time > 0 [s]")
        _require(
            set(self.keep) <= set(KEEPABLE),
            f"keep is {list(self.keep)}",
            f"names among {', '.join(KEEPABLE)}",
        )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "VaspSettings":
        """Build settings from a plain mapping, such as a section of the configuration.

        Args:
            mapping: Values by attribute name; attributes with a default may be absent.

        Returns:
            The checked settings.

        Raises:
            LabelError: A key is unknown or missing, or a value is outside its domain.
        """
        known = {field.name: field.default is MISSING for field in fields(cls)}
        if unknown := sorted(set(mapping) - set(known)):
            raise LabelError(f"unknown VASP settings {unknown}; known: {sorted(known)}")
        needed = {name for name, required in known.items() if required}
        if missing := sorted(needed - set(mapping)):
            raise LabelError(f"VASP settings lack {missing}")
        values = dict(mapping)
        for name in {"kpoints", "keep"}.intersection(values):
            values[name] = tuple(values[name])
        return cls(**values)


def _check_incar(incar: Mapping[str, IncarValue]) -> None:
    keys = [key.strip().upper() for key in incar]
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        raise LabelError(f"incar names {repeated} more than once")
    if taken := sorted(TASK_KEYS.intersection(keys)):
        raise LabelError(
            f"incar sets {taken}, which the task decides; expected other keys only"
        )
    if "ENCUT" not in keys:
        raise LabelError(f"incar has no ENCUT; expected a cutoff [eV] among {keys}")
    parsed = Incar({key.strip().upper(): value for key, value in incar.items()})
    if (icharg := int(parsed.get("ICHARG", 0))) >= 10:
        raise LabelError(
            f"incar sets ICHARG = {icharg}, which keeps the charge density as it is; "
            "expected a value below 10, as labels are self-consistent"
        )


def _require(holds: bool, found: str, expected: str) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise LabelError(f"{found}, expected {expected}")
