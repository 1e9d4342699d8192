"""Which of the imported runs are of one kind: cells of one size, one level of theory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confvib.cli.loading import LoadedCampaign
from confvib.cli.vasp_runs import Entry
from confvib.dft.imported_level import (
    Level,
    campaign_differences,
    campaign_level,
    differences,
    level_hash,
)
from confvib.dft.level import level_of_theory
from confvib.dft.potcars import read_potcars
from confvib.dft.settings import VaspSettings
from confvib.errors import LabelError

_SHOWN = 4
"""Levels whose differences are spelled out."""

_SHOWN_KEYS = 12


@dataclass(frozen=True)
class CampaignLevel:
    """What the campaign itself asks VASP for.

    Attributes:
        name: Its level of theory, as fresh labels carry it.
        level: The same key by key.
    """

    name: str
    level: Level


@dataclass(frozen=True, eq=False)
class Group:
    """The runs of one level of theory.

    Attributes:
        name: Hash of the level.
        level: The level key by key, as its first run tells it.
        entries: The runs.
        foreign: In what it is not the campaign's; empty if it is, None if unknown.
    """

    name: str
    level: Level
    entries: list[Entry]
    foreign: list[str] | None

    @property
    def n_ok(self) -> int:
        """Frames that a force field can learn from."""
        return sum(entry.n_ok for entry in self.entries)


def level_of_campaign(loaded: LoadedCampaign) -> CampaignLevel | None:
    """Return what the campaign asks VASP for; None if another engine labels.

    Args:
        loaded: The campaign.

    Raises:
        LabelError: The settings or the library of pseudopotentials do not allow it.
    """
    section = loaded.campaign.labels.vasp
    if loaded.campaign.labels.engine != "vasp" or section is None:
        return None
    values = {**loaded.identities.engine()["vasp"], "command": section.command}
    settings = VaspSettings.from_mapping(values)
    potcars = read_potcars(settings)
    return CampaignLevel(
        level_of_theory(settings, potcars), campaign_level(settings, potcars)
    )


def keep_size(entries: Sequence[Entry], n_atoms: int | None) -> None:
    """Leave out runs of cells of another size.

    Args:
        entries: The runs.
        n_atoms: Atoms in the cell; None where the runs themselves shall tell.

    Raises:
        LabelError: The runs are of several sizes and none was asked for.
    """
    taken = [entry for entry in entries if entry.is_taken]
    sizes: dict[int, int] = {}
    for entry in taken:
        size = len(entry.run.numbers)
        sizes[size] = sizes.get(size, 0) + 1
    if n_atoms is None and len(sizes) > 1:
        listed = ", ".join(f"{size} ({n} runs)" for size, n in sorted(sizes.items()))
        raise LabelError(
            f"the cells are of {len(sizes)} sizes: {listed} atoms; a force field learns "
            "from one, expected --atoms N"
        )
    for entry in taken:
        size = len(entry.run.numbers)
        if n_atoms is not None and size != n_atoms:
            reason = f"the cell holds {size} atoms, expected {n_atoms}"
            entry.leave_out("other_size", reason)


def group_levels(entries: Sequence[Entry], campaign: CampaignLevel | None) -> list[Group]:
    """Group the runs by level of theory, the level with most frames first.

    A run of the campaign's own level gets its name, so that its frames may stand beside
    fresh ones.

    Args:
        entries: The runs; those that are taken get their ``level``.
        campaign: What the campaign asks for; None if unknown.
    """
    found: dict[str, Group] = {}
    for entry in entries:
        if not entry.is_taken:
            continue
        level = entry.run.level
        foreign = campaign and campaign_differences(level, campaign.level)
        name = campaign.name if campaign and not foreign else level_hash(level)
        group = found.setdefault(name, Group(name, level, [], foreign))
        group.entries.append(entry)
        entry.level = name
    return sorted(found.values(), key=lambda group: (-group.n_ok, group.name))


def choose_level(
    groups: Sequence[Group], wanted: str | None, *, accept_all: bool
) -> None:
    """Leave out runs of a level that was not chosen.

    Args:
        groups: Runs by level.
        wanted: Beginning of the hash of the level to take; None for the only one.
        accept_all: Take every level.

    Raises:
        LabelError: There are several levels and none is chosen, or no such level.
    """
    if wanted is not None:
        matching = [group for group in groups if group.name.startswith(wanted)]
        if len(matching) != 1:
            raise LabelError(
                f"--level {wanted}: begins the hash of {len(matching)} levels, expected "
                f"one of {', '.join(group.name for group in groups)}"
            )
        for group in groups:
            if group is not matching[0]:
                _leave_out(group, matching[0])
    elif len(groups) > 1 and not accept_all:
        raise LabelError(
            f"the runs are of {len(groups)} levels of theory, which differ in "
            f"{said_differences(groups)}; expected --level HASH to take one, or "
            "--accept-levels to take all (training refuses a mixture)"
        )


def said_differences(groups: Sequence[Group]) -> str:
    """Say in one line what levels differ in."""
    shown = groups[:_SHOWN]
    phrases = differences([group.level for group in shown])
    text = ", ".join(phrases[:_SHOWN_KEYS])
    keys, levels = len(phrases) - _SHOWN_KEYS, len(groups) - len(shown)
    return (
        text
        + (f" and {keys} keys more" if keys > 0 else "")
        + (f" (levels in the order of the table, {levels} more)" if levels else "")
    )


def _leave_out(group: Group, chosen: Group) -> None:
    text = ", ".join(differences([group.level, chosen.level]))
    for entry in group.entries:
        entry.leave_out("other_level", f"{group.name}, not {chosen.name}: {text}")


def size_of(counts: Mapping[str, int], loaded: LoadedCampaign) -> int:
    """Return the atoms in a cell of a set.

    Args:
        counts: Ions on each site group.
        loaded: The campaign.
    """
    parent = loaded.parent
    species = {group.name: group.species for group in parent.groups}
    ions = sum(n for name, n in counts.items() if species[name] != "X")
    return len(parent.framework_numbers) + ions
