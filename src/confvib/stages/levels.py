"""Free energies of the configurations of a chunk, level by level."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from confvib.stages.reduction_chunks import ChunkTables
from confvib.stages.set_facts import SetFacts
from confvib.tables.parquet import file_metadata
from confvib.thermo.degeneracy import NO_NAME
from confvib.thermo.harmonic import harmonic_from_modes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """Usable rows of one level at one temperature; all energies eV per cell.

    Attributes:
        name: ``conf``, ``conf+harmonic`` or ``conf+md``.
        temperature_K: Temperature.
        config_ids: Rows that have a number, shape ``(n,)``.
        multiplicity: Arrangements that each stands for, shape ``(n,)``.
        representative: Does it stand for its pair-distance class, shape ``(n,)``.
        energy_eV: Static energies E_i, shape ``(n,)``.
        free_energy_eV: a_i = E_i or A_i(T), shape ``(n,)``.
        vibrational_entropy_eV_per_K: S_vib,i; zeros at ``conf``, shape ``(n,)``.
        vibrational_heat_capacity_eV_per_K: C_vib,i; NaN at ``conf+md``, shape ``(n,)``.
        published_eV: What the published convention takes for a_i, shape ``(n,)``.
        sigma_eV: Standard errors of A_i; zeros without noise, shape ``(n,)``.
        left_basin: Are its ions off the sites of the configuration, shape ``(n,)``.
        end_arrangement: Key of what its ions sit on, NO_NAME if that is no arrangement,
            shape ``(n,)``.
        members_eV: Energy of each member of the committee minus that of the force field
            that was used, shape ``(n, M)``; M = 0 without a committee.
        failures: Number of selected rows without a number, by status.
    """

    name: str
    temperature_K: float
    config_ids: NDArray[np.object_]
    multiplicity: Floats
    representative: NDArray[np.bool_]
    energy_eV: Floats
    free_energy_eV: Floats
    vibrational_entropy_eV_per_K: Floats
    vibrational_heat_capacity_eV_per_K: Floats
    published_eV: Floats
    sigma_eV: Floats
    left_basin: NDArray[np.bool_]
    end_arrangement: NDArray[np.uint64]
    members_eV: Floats
    failures: Mapping[str, int]

    @property
    def is_noisy(self) -> bool:
        """Whether the free energies come from runs."""
        return self.name == "conf+md"

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything that has a row per configuration."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: value for name, value in values.items() if isinstance(value, np.ndarray)
        }

    def only(self, chosen: NDArray[np.bool_]) -> "Level":
        """Return the level with some of its rows."""
        arrays = {name: value[chosen] for name, value in self.arrays().items()}
        return replace(self, **arrays)


class ChunkLevels:
    """Every level of one chunk."""

    def __init__(self, tables: ChunkTables, facts: SetFacts | None) -> None:
        """Prepare what all levels share.

        Args:
            tables: Of the chunk.
            facts: Of its set; None if the chunk is empty.
        """
        self._tables = tables
        relaxed = tables.relaxed
        ids = relaxed["config_id"].to_pylist()
        self._position = {key: row for row, key in enumerate(ids)}
        n_atoms = relaxed["n_atoms"].drop_null().unique().to_pylist()
        self.n_atoms: int = n_atoms[0] if n_atoms else 0
        classes = facts.class_multiplicity if facts else None
        multiplicity = (
            relaxed["multiplicity"].to_numpy()
            if classes is None
            else np.array([classes[key] for key in ids])
        )
        self._shared = {
            "config_ids": np.array(ids, dtype=object),
            "multiplicity": multiplicity.astype(np.float64),
            "representative": _flags(relaxed, "pair_representative"),
            "energy_eV": _reals(relaxed, "energy_eV"),
            "end_arrangement": keys_of(relaxed["end_arrangement"].to_pylist()),
            "members_eV": np.zeros((len(ids), 0)),
        }
        if tables.committee is not None and ids:
            table, order = self._aligned(tables.committee)
            self._shared["members_eV"] = _members(table)[order]
        self._moved = relaxed["n_moved"].fill_null(0).to_numpy() > 0
        self.n_selected = len(ids)
        self.n_selected_representatives = int(self._shared["representative"].sum())

    def conf(self, temperature_K: float) -> Level:
        """Static energies of the relaxed cells."""
        energy = self._shared["energy_eV"]
        return self._level(
            "conf",
            temperature_K,
            self._tables.relaxed["status"].to_pylist(),
            free_energy_eV=energy,
            published_eV=energy,
        )

    def conf_harmonic(self, temperatures_K: Sequence[float]) -> list[Level]:
        """E_i + F_q of the normal modes: no noise, no double counting (method H)."""
        table, order = self._aligned(self._tables.harmonic)
        energy = _reals(table, "energy_eV")[order]
        status = [table["status"][row].as_py() for row in order]
        moved = table["n_moved"].fill_null(0).to_numpy()[order] > 0
        thermo = np.full((3, len(temperatures_K), len(order)), np.nan)
        for number, modes in enumerate(_modes(table, order, status)):
            if modes is not None:
                found = harmonic_from_modes(modes, temperatures_K)
                thermo[:, :, number] = (
                    found.free_energy_eV,
                    found.entropy_eV_per_K,
                    found.heat_capacity_eV_per_K,
                )
        # A committee judges the force field of the relaxation, and no other.
        members = self._shared["members_eV"]
        if _origin(table) != _origin(self._tables.relaxed):
            members = members[:, :0]
        # The descent to this point may have led to an arrangement without a name.
        names = np.where(moved, NO_NAME, self._shared["end_arrangement"])
        return [
            self._level(
                "conf+harmonic",
                temperature_K,
                status,
                energy_eV=energy,
                free_energy_eV=energy + free,
                vibrational_entropy_eV_per_K=entropy,
                vibrational_heat_capacity_eV_per_K=heat,
                published_eV=energy + free,
                left_basin=moved | self._moved,
                end_arrangement=names,
                members_eV=members,
            )
            for temperature_K, free, entropy, heat in zip(
                temperatures_K, *thermo, strict=True
            )
        ]

    def conf_md(self, temperature_K: float) -> Level:
        """Classical free energy of the runs with the quantum correction of the Hessian.

        The published column is the paper's <U_pot> - TS_vib. A run whose configuration
        has no minimum has no correction either and counts as failed.
        """
        table, order = self._aligned(self._tables.dynamics[temperature_K])
        modes_of, rows = self._aligned(self._tables.harmonic)
        minima = [modes_of["status"][row].as_py() for row in rows]
        status = [
            f"no minimum: {minimum}" if own == "ok" and minimum != "ok" else own
            for own, minimum in zip(
                (table["status"][row].as_py() for row in order), minima, strict=True
            )
        ]
        correction = np.full((2, len(order)), np.nan)
        for number, modes in enumerate(_modes(modes_of, rows, minima)):
            if modes is not None:
                quantum, classical = (
                    harmonic_from_modes(modes, [temperature_K], statistics=statistics)
                    for statistics in ("quantum", "classical")
                )
                correction[:, number] = (
                    quantum.free_energy_eV[0] - classical.free_energy_eV[0],
                    quantum.entropy_eV_per_K[0] - classical.entropy_eV_per_K[0],
                )

        def of(column: str) -> Floats:
            return _reals(table, column)[order]

        published = of("potential_mean_eV") - self.n_atoms * of(
            "published_TS_vib_eV_per_atom"
        )
        return self._level(
            "conf+md",
            temperature_K,
            status,
            free_energy_eV=of("free_energy_M_eV") + correction[0],
            vibrational_entropy_eV_per_K=of("entropy_M_eV_per_K") + correction[1],
            vibrational_heat_capacity_eV_per_K=np.full(len(order), np.nan),
            published_eV=published,
            sigma_eV=of("free_energy_stderr_eV"),
            left_basin=_flags(table, "left_basin")[order] | self._moved,
            # Runs have a force field of their own, which the committee does not judge.
            members_eV=np.zeros((len(order), 0)),
        )

    def _level(
        self,
        name: str,
        temperature_K: float,
        status: Sequence[str],
        **columns: NDArray[Any],
    ) -> Level:
        """Return the rows with status ok, and count the others by status."""
        zeros = np.zeros(len(status))
        level = Level(
            name=name,
            temperature_K=temperature_K,
            failures=Counter(each for each in status if each != "ok"),
            **{
                **self._shared,
                "vibrational_entropy_eV_per_K": zeros,
                "vibrational_heat_capacity_eV_per_K": zeros,
                "sigma_eV": zeros,
                "left_basin": self._moved,
                **columns,
            },
        )
        return level.only(np.array([each == "ok" for each in status], dtype=bool))

    def _aligned(self, table: pa.Table | None) -> tuple[pa.Table, NDArray[np.intp]]:
        """Return a table with where it holds the rows of ``relaxed``, in their order."""
        assert table is not None, "the rule that reads this level reads its tables"
        order = np.empty(table.num_rows, dtype=np.intp)
        for row, key in enumerate(table["config_id"].to_pylist()):
            order[self._position[key]] = row
        return table, order


def keys_of(names: Sequence[str | None]) -> NDArray[np.uint64]:
    """Return a well mixed 64-bit number for each name, NO_NAME for None.

    Args:
        names: Of configurations or arrangements, length n.
    """
    digests = b"".join(
        bytes(8)
        if name is None
        else hashlib.blake2b(name.encode(), digest_size=8).digest()
        for name in names
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _origin(table: pa.Table) -> str | None:
    """Return the fingerprint of the force field behind a table."""
    return file_metadata(table).get("model_fingerprint")


def _reals(table: pa.Table, column: str) -> Floats:
    return table[column].to_numpy().astype(np.float64)


def _flags(table: pa.Table, column: str) -> NDArray[np.bool_]:
    return table[column].fill_null(fill_value=False).to_numpy().astype(bool)


def _modes(
    table: pa.Table, order: NDArray[np.intp], status: Sequence[str]
) -> list[Floats | None]:
    """Return the frequencies of the rows that are ok [THz], None for the others."""
    column = table["frequencies_THz"]
    return [
        column[int(row)].values.to_numpy() if each == "ok" else None
        for row, each in zip(order, status, strict=True)
    ]


def _members(committee: pa.Table) -> Floats:
    """Return energies relative to the first member; NaN where a member has none."""
    energies = np.full((len(committee), len(committee["members"][0])), np.nan)
    for row, values in enumerate(committee["energies_eV"].to_pylist()):
        if values is not None:
            energies[row] = values
    return energies - energies[:, :1]
