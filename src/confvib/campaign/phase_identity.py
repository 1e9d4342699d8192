"""What makes phases comparable, and the hash of their comparison."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from confvib.campaign.composition import group_counts
from confvib.campaign.config import Campaign
from confvib.campaign.identity import Identities, digest, plain
from confvib.errors import ConfigError

_MAY_DIFFER = ("kpoints", "command")
"""Keys of a label engine that follow the cell or the machine."""


class Phase(NamedTuple):
    """A phase that is compared: its campaign and its hashes."""

    campaign: Campaign
    identities: Identities

    @property
    def set(self) -> str:
        """The set that stands for the phase: its only one, or 'all'."""
        return whole_set(self.campaign)

    @property
    def thermodynamics(self) -> str:
        """Hash of the thermodynamic table of this set."""
        return self.identities.thermodynamics(self.set)


def whole_set(campaign: Campaign) -> str:
    """Return the name of a campaign's thermodynamics: the one set, or 'all'."""
    return next(iter(campaign.sets)) if len(campaign.sets) == 1 else "all"


def atoms_per_formula(campaign: Campaign) -> int:
    """Return the atoms of a formula unit."""
    from ase.formula import Formula

    return sum(Formula(campaign.crystal.formula).count().values())


def check_comparable(campaign: Campaign, phase: Campaign, within: str) -> None:
    """Refuse a phase whose G is of another composition or on another energy scale.

    Raises:
        ConfigError: Naming the path within the section of the phase.
    """
    from ase.formula import Formula

    here, there = campaign.crystal.formula, phase.crystal.formula
    if Formula(here).reduce()[0].count() != Formula(there).reduce()[0].count():
        raise ConfigError(
            f"{within}crystal.formula = {there!r}: expected the composition of the "
            f"campaign, {here!r}; G per atom of two compositions cannot be compared"
        )
    engine, other = campaign.labels.engine, phase.labels.engine
    if engine != other:
        raise ConfigError(
            f"{within}labels.engine = {other!r}: expected {engine!r} as in the campaign; "
            "energies of two engines have no common zero"
        )
    settings, others = _energies(campaign), _energies(phase)
    for key, expected in settings.items():
        if others[key] != expected:
            raise ConfigError(
                f"{within}labels.{engine}.{key} = {others[key]!r}: expected "
                f"{expected!r} as in the campaign, for energies that can be compared"
            )


def _energies(campaign: Campaign) -> dict[str, Any]:
    section = getattr(campaign.labels, campaign.labels.engine)
    return section.model_dump(mode="json", exclude=set(_MAY_DIFFER))


def force_fields(campaign: Campaign, phase: Campaign, level: str) -> str:
    """Return whose force fields a level of both phases rests on: see the contract."""
    stages = ["relaxation"]
    stages += {"conf": [], "conf+harmonic": ["harmonic"], "conf+md": ["dynamics"]}[level]
    drives = [
        getattr(each, stage).potential for each in (campaign, phase) for stage in stages
    ]
    if set(drives) == {"reference"}:
        return "reference"
    alike = drives[: len(stages)] == drives[len(stages) :]
    shared = {drive for drive in drives if drive != "reference"} <= set(phase.models)
    return "shared" if alike and shared else "own"


def comparison(campaign: Campaign, phases: Mapping[str, Phase]) -> list[dict[str, Any]]:
    """Return what the comparison is told about each phase, in the section's order."""
    levels = ("conf", "conf+harmonic", "conf+md")
    return [
        {
            "phase": name,
            "crystal": plain(phase.campaign.crystal, "structure"),
            "counts": group_counts(next(iter(phase.campaign.sets.values()))),
            "force_fields": {
                level: force_fields(campaign, phase.campaign, level) for level in levels
            },
            "reported": [
                each.model_dump(mode="json") for each in campaign.phases[name].reported
            ],
        }
        for name, phase in phases.items()
    ]


def phase_stability(
    campaign: Campaign, identities: Identities, phases: Mapping[str, Phase]
) -> str:
    """Return the hash of the tables that compare the phases of a campaign."""
    return digest(
        identities.thermodynamics(whole_set(campaign)),
        {name: phase.thermodynamics for name, phase in phases.items()},
        comparison(campaign, phases),
    )
