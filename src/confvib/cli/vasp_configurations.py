"""Which configuration each imported run is of."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from confvib.campaign.composition import group_counts
from confvib.cli.imported_orbits import collect_orbits, count_set
from confvib.cli.loading import LoadedCampaign
from confvib.cli.mapped_files import Entry as MappedEntry
from confvib.cli.mapped_files import Target
from confvib.cli.vasp_runs import Entry
from confvib.crystal.lattice import minimum_image_distances
from confvib.crystal.structure_files import ExternalStructure
from confvib.dft.imported import Geometry

_CONTINUED_A = 0.5
"""Every atom is that near to where another run began or ended: the same trajectory."""


def name_configurations(
    entries: Sequence[Entry], targets: Sequence[tuple[str, LoadedCampaign, float]]
) -> None:
    """Give every run that is taken its ``config_id``, ``mapping`` and ``copy``.

    The first geometry is mapped onto the configurations of the sets. What is none of
    them is called by its path. Runs of one folder that go on from each other (segments of
    a relaxation or of dynamics, displacements of one cell) are of one configuration.

    Args:
        entries: The runs.
        targets: Sets to map onto, in turn: name, campaign, largest distance of an atom
            from its place [Å].

    Raises:
        CampaignError: A set has no configuration, or the tolerance does not fit it.
    """
    taken = [entry for entry in entries if entry.is_taken]
    for name, loaded, tolerance_A in targets:
        _map([e for e in taken if e.config_id is None], name, loaded, tolerance_A)
    for chain in _chains(taken):
        head = next((each for each in chain if each.config_id), None)
        for entry in chain:
            if entry.config_id is None:
                entry.config_id = head.config_id if head else _path(chain, taken)
                if head and entry.mapping:
                    entry.mapping = f"goes on from {head.run.name}; {entry.mapping}"
    copies: Counter[tuple[str | None, str]] = Counter()
    for entry in taken:
        key = (entry.config_id, entry.run.task)
        entry.copy = copies[key]
        copies[key] += 1


def _map(
    entries: Sequence[Entry], set_name: str, loaded: LoadedCampaign, tolerance_A: float
) -> None:
    counts = group_counts(loaded.campaign.sets[set_name])
    target = Target(loaded.parent, counts, loaded.rules, tolerance_A)
    mapper = target.mapper()
    mapped: list[MappedEntry] = []
    for number, entry in enumerate(entries):
        first = entry.run.first
        assert first is not None
        structure = ExternalStructure(first.cell, entry.run.numbers, first.fractional)
        name = entry.run.name
        mapped.append(MappedEntry(name, name, number, 0, mapper.map(structure)))
    found = collect_orbits(mapped, target, set_name, loaded.crystal, count_set(target))
    for entry, row in zip(entries, found.imports[: len(entries)], strict=True):
        entry.config_id = row["config_id"]
        reason = "" if row["config_id"] else f"set {set_name}: {row['reason']}"
        before = entry.mapping if reason else ""
        entry.mapping = "; ".join(filter(None, (before, reason)))


def _chains(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return the runs in groups that go on from each other; they are in natural order."""
    chains: list[list[Entry]] = []
    latest: dict[tuple[str, bytes], list[Entry]] = {}
    for entry in entries:
        key = (
            f"{entry.run.file.path.parent}/{entry.run.file.folder}",
            entry.run.numbers.tobytes(),
        )
        chain = latest.get(key)
        if chain is not None and _goes_on(entry, chain):
            chain.append(entry)
        else:
            latest[key] = [entry]
            chains.append(latest[key])
    return chains


def _goes_on(entry: Entry, chain: Sequence[Entry]) -> bool:
    run, begun, ended = entry.run, chain[0].run, chain[-1].run
    pairs = ((run.first, ended.last), (run.first, begun.first), (run.last, begun.first))
    return any(a and b and _distance_A(a, b) <= _CONTINUED_A for a, b in pairs)


def _distance_A(one: Geometry, other: Geometry) -> float:
    between = one.fractional - other.fractional
    if not np.isfinite(between).all():
        return np.inf
    return float(minimum_image_distances(one.cell, between).max())


def _path(chain: Sequence[Entry], entries: Sequence[Entry]) -> str:
    """Return the folder of a run if it holds no other, else the path of the file."""
    file = chain[0].run.file
    members = {id(entry) for entry in chain}
    alone = all(
        id(entry) in members
        for entry in entries
        if (entry.run.file.path, entry.run.file.folder) == (file.path, file.folder)
        or entry.run.file.folder == file.folder
    )
    return file.folder if file.folder and (alone or not file.is_segment) else file.name
