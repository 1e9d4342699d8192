"""Does every set fit the sites of the crystal and its formula?"""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from confvib.campaign.crystal_settings import CrystalSettings, SetSettings
from confvib.errors import CampaignError, ConfigError

if TYPE_CHECKING:
    from confvib.crystal.parent import ParentCrystal


def group_counts(settings: SetSettings) -> dict[str, int]:
    """Return the ions on each group, under the names of ``ParentCrystal.groups``."""
    counts: dict[str, int] = {}
    for site, value in settings.counts.items():
        if isinstance(value, int):
            counts[site] = value
        else:
            counts.update({f"{site}/{species}": n for species, n in value.items()})
    return counts


def check_counts(
    crystal: CrystalSettings, sets: Mapping[str, SetSettings], parent: "ParentCrystal"
) -> None:
    """Refuse impossible rules, too many ions per group and foreign compositions.

    Raises:
        ConfigError: Naming the key path, the value found and what was expected.
    """
    _check_rules(crystal, parent)
    required = ions_required(crystal, parent)
    for name, settings in sets.items():
        path = f"sets.{name}.counts = {settings.counts}"
        _check_sites(path, settings, parent)
        _check_composition(path, settings, crystal, parent, required)


def ions_required(
    crystal: CrystalSettings, parent: "ParentCrystal"
) -> Counter[str] | None:
    """Return the ions of each mobile species that complete the framework.

    Returns:
        Ions per cell by species; None where no species of the formula is framework
        alone, so that nothing says how many formula units the cell holds.

    Raises:
        ConfigError: The formula is none, or the framework is no multiple of it.
    """
    from ase.data import chemical_symbols
    from ase.formula import Formula

    try:
        formula = Formula(crystal.formula).count()
    except ValueError:
        raise ConfigError(
            f"crystal.formula = {crystal.formula!r}: not a chemical formula; "
            "expected something like 'Li7La3Zr2O12'"
        ) from None
    framework = Counter(chemical_symbols[z] for z in parent.framework_numbers)
    mobile = {group.species for group in parent.groups} - {"X"}
    fixed = {species: n for species, n in formula.items() if species not in mobile}
    if not fixed:
        return None
    units = {framework[species] / n for species, n in fixed.items()}
    if set(framework) - set(formula) or len(units) != 1 or not units.copy().pop():
        raise ConfigError(
            f"crystal.formula = {crystal.formula!r}: the framework of "
            f"{crystal.structure} is {dict(framework)}, which is no multiple of it"
        )
    missing = mobile - set(formula)
    if missing:
        raise ConfigError(
            f"crystal.formula = {crystal.formula!r}: has no {sorted(missing)}, which "
            f"crystal.site_groups = {crystal.site_groups} places"
        )
    per_cell = units.pop()
    return Counter(
        {
            species: round(formula[species] * per_cell) - framework[species]
            for species in sorted(mobile)
        }
    )


def _check_rules(crystal: CrystalSettings, parent: "ParentCrystal") -> None:
    from confvib.crystal.rules import DistanceRule, conflict_matrix

    groups = {group.name for group in parent.groups}
    groups.update(group.site for group in parent.groups)
    for number, rule in enumerate(crystal.distance_rules):
        for name in rule.groups or ():
            if name not in groups:
                raise ConfigError(
                    f"crystal.distance_rules[{number}].groups = {list(rule.groups or ())}"
                    f": {name!r} is not one of crystal.site_groups "
                    f"{list(crystal.site_groups)}"
                )
    rules = [
        DistanceRule(rule.groups, rule.min_distance_A, rule.species)
        for rule in crystal.distance_rules
    ]
    try:
        conflict_matrix(parent, rules)
    except CampaignError as error:
        raise ConfigError(f"crystal.distance_rules: {error}") from None


def _check_sites(path: str, settings: SetSettings, parent: "ParentCrystal") -> None:
    counts = group_counts(settings)
    names = [group.name for group in parent.groups]
    if set(counts) != set(names):
        raise ConfigError(f"{path}: expected one count for each of {names}")
    for site in dict.fromkeys(group.site for group in parent.groups):
        members = [group for group in parent.groups if group.site == site]
        total = sum(counts[group.name] for group in members)
        available = len(members[0].indices)
        if total > available:
            raise ConfigError(
                f"{path}: {total} ions on {site}, which has {available} sites"
            )
        if total < available and any(group.species == "X" for group in members):
            raise ConfigError(
                f"{path}: ions and vacancies on {site} add up to {total}, expected "
                f"{available}, the number of its sites"
            )


def _check_composition(
    path: str,
    settings: SetSettings,
    crystal: CrystalSettings,
    parent: "ParentCrystal",
    required: Counter[str] | None,
) -> None:
    counts = group_counts(settings)
    found: Counter[str] = Counter()
    for group in parent.groups:
        found[group.species] += counts[group.name]
    for species, expected in (required or {}).items():
        if found[species] != expected:
            raise ConfigError(
                f"{path}: {found[species]} {species} in the cell; crystal.formula = "
                f"{crystal.formula!r} needs {expected}"
            )
