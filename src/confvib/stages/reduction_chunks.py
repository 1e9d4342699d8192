"""The tables of a reduction, chunk by chunk, each checked against the others."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from confvib.errors import TableError
from confvib.stages.set_facts import set_name
from confvib.tables.committee_contracts import COMMITTEE
from confvib.tables.contracts import DYNAMICS, HARMONIC, RELAXED
from confvib.tables.parquet import file_metadata, read_table
from confvib.tables.schema import TableSchema

KINDS: Mapping[str, TableSchema] = {
    "relaxed": RELAXED,
    "harmonic": HARMONIC,
    "dynamics": DYNAMICS,
    "committee": COMMITTEE,
}
"""Tables with a file per chunk that a reduction may read; the first always."""

_UNUSED = {
    "relaxed": ["numbers", "positions", "site_occupancy"],
    "harmonic": ["temperatures_K", "F_q_eV", "S_q_eV_per_K", "U_q_eV"],
    "dynamics": [
        "frequency_THz",
        "dos_per_THz",
        "elements",
        "dos_by_element_per_THz",
        "zero_frequency_weight_by_element",
        # 2PT counts arrangements that S_conf counts too: no reduction may use it.
        "diffusivity_by_element_cm2_per_s",
        "fluidity_by_element",
        "entropy_2PT_eV_per_K",
    ],
    "committee": [],
}
"""Columns that a reduction has no use for, or must not use."""

_MUST_AGREE = ("model_fingerprint", "equivalence")
"""What the files of one kind have in common beyond the hashes of their settings: a force
field that was trained again under the same settings has another fingerprint."""


@dataclass(frozen=True)
class ChunkTables:
    """What was computed of the configurations of one chunk.

    Attributes:
        set_name: Their set; empty if the chunk is.
        relaxed: Their relaxed cells.
        harmonic: Their normal modes; None if the reduction does not read them.
        dynamics: Their runs, by temperature.
        committee: Their energies with other members of the force field's committee.
    """

    set_name: str
    relaxed: pa.Table
    harmonic: pa.Table | None
    dynamics: Mapping[float, pa.Table]
    committee: pa.Table | None


@dataclass
class _Seen:
    """What is asked of every further file: the origin of the first, no row twice.

    Attributes:
        paths: The ``relaxed`` files.
        origin: What each kind was made with, the first file that says so, and its rows.
        chunk_of: By set, 1 + number of the chunk that holds each rank; 0 for none yet.
        sizes: A file with cells of each number of atoms.
    """

    paths: Sequence[str]
    origin: dict[tuple[str, str], tuple[str, str, str]] = field(default_factory=dict)
    chunk_of: dict[str, NDArray[np.int32]] = field(default_factory=dict)
    sizes: dict[int, str] = field(default_factory=dict)

    def check_origin(self, kind: str, path: str, table: pa.Table) -> None:
        """Refuse a file that was made with something else than those before it."""
        metadata = file_metadata(table)
        for key in _MUST_AGREE:
            found = metadata.get(key, "")
            known, first, rows = self.origin.setdefault(
                (kind, key), (found, path, _rows_in_words(table))
            )
            if found != known:
                raise TableError(
                    f"{kind} tables with different {key} cannot enter one sum: {known!r} "
                    f"in {first} ({rows}), {found!r} in {path} "
                    f"({_rows_in_words(table)}); delete those that are out of date and "
                    "run again"
                )

    def check_rows(self, chunk: int, table: pa.Table) -> None:
        """Refuse a configuration that an earlier file has, or another number of atoms."""
        if not len(table):
            return
        ranks = table["rank"].to_numpy()
        name = set_name(table["config_id"][0].as_py())
        places = self.chunk_of.get(name, np.zeros(0, np.int32))
        places = np.pad(places, (0, max(0, int(ranks.max()) + 1 - len(places))))
        taken = np.flatnonzero(places[ranks])
        if taken.size:
            first = self.paths[int(places[ranks[taken[0]]]) - 1]
            raise TableError(
                f"{table['config_id'][int(taken[0])].as_py()} is in {first} and in "
                f"{self.paths[chunk]}; expected every configuration once"
            )
        places[ranks] = chunk + 1
        self.chunk_of[name] = places
        for size in table["n_atoms"].unique().to_pylist():
            self.sizes.setdefault(size, self.paths[chunk])
        if len(self.sizes) > 1:
            each = ", ".join(f"{n} in {where}" for n, where in self.sizes.items())
            raise TableError(f"cells of different numbers of atoms in one sum: {each}")


def read_chunks(
    inputs: Mapping[str, Sequence[str]], expected: Mapping[str, Sequence[str]]
) -> Iterator[ChunkTables]:
    """Read the tables of one chunk after the other.

    Args:
        inputs: Paths by kind, ``relaxed`` first of all; a kind that is empty or absent is
            not read. ``dynamics`` holds as many files per chunk as there are
            temperatures, temperature by temperature.
        expected: The hashes they must carry, in the same order.

    Yields:
        The chunks, in the order of ``relaxed``.

    Raises:
        TableError: A table is missing, damaged or foreign, was made with another force
            field or equivalence than the others of its kind, or does not hold the
            configurations of its chunk; the message names files and rows.
    """
    seen = _Seen(inputs["relaxed"])
    n_chunks = len(inputs["relaxed"])

    def read(kind: str, index: int) -> pa.Table:
        path = inputs[kind][index]
        table = read_table(path, KINDS[kind], expected[kind][index])
        seen.check_origin(kind, path, table)
        return table.drop_columns(_UNUSED[kind])

    for chunk in range(n_chunks):
        relaxed = read("relaxed", chunk)
        path = inputs["relaxed"][chunk]
        seen.check_rows(chunk, relaxed)
        found: dict[str, list[pa.Table]] = {}
        for kind in ("harmonic", "dynamics", "committee"):
            indices = range(chunk, len(inputs.get(kind, ())), n_chunks)
            found[kind] = [read(kind, index) for index in indices]
            for index, table in zip(indices, found[kind], strict=True):
                _require_same_rows(path, relaxed, inputs[kind][index], table)
        yield ChunkTables(
            set_name=set_name(relaxed["config_id"][0].as_py()) if len(relaxed) else "",
            relaxed=relaxed,
            harmonic=next(iter(found["harmonic"]), None),
            dynamics={
                table["temperature_K"][0].as_py(): table
                for table in found["dynamics"]
                if len(table)
            },
            committee=next(iter(found["committee"]), None),
        )


def _require_same_rows(first: str, relaxed: pa.Table, path: str, table: pa.Table) -> None:
    """Refuse a table that lacks a configuration of its chunk, or has one too many."""
    asked = relaxed["config_id"].to_pylist()
    found = table["config_id"].to_pylist()
    if asked == found:
        return
    lacking = sorted(set(asked) - set(found))
    strange = sorted(set(found) - set(asked))
    if not lacking and not strange and len(asked) == len(found):
        return
    parts = [
        f"{what} {_some(names)}"
        for what, names in (("lacks", lacking), ("has in addition", strange))
        if names
    ] or ["has a configuration twice"]
    raise TableError(
        f"{path}: {' and '.join(parts)} where {first} has {len(asked)} configurations; "
        "delete it and run again"
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{len(names)} configurations ({shown}{', …' if len(names) > 3 else ''})"


def _rows_in_words(table: pa.Table) -> str:
    ids = table["config_id"]
    return f"{ids[0].as_py()} to {ids[-1].as_py()}" if len(ids) else "no rows"
