"""Does every set fit the sites of the crystal and its formula?"""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from confvib.campaign.crystal_settings import CrystalSettings, SetSettings
from confvib.errors import ConfigError

if TYPE_CHECKING:
    from confvib.crystal.parent import ParentCrystal


def check_counts(
    crystal: CrystalSettings, sets: Mapping[str, SetSettings], parent: "ParentCrystal"
) -> None:
    """Refuse unknown site groups, too many ions per group and foreign compositions.

    Raises:
        ConfigError: Naming the key path, the value found and what was expected.
    """
    groups = {group.name: group for group in parent.groups}
    for number, rule in enumerate(crystal.distance_rules):
        for name in rule.groups:
            if name not in groups:
                raise ConfigError(
                    f"crystal.distance_rules[{number}].groups = {list(rule.groups)}: "
                    f"{name!r} is not one of crystal.site_groups {list(groups)}"
                )
    required = _ions_required(crystal, parent)
    for name, settings in sets.items():
        path = f"sets.{name}.counts = {settings.counts}"
        if set(settings.counts) != set(groups):
            raise ConfigError(f"{path}: expected one count for each of {list(groups)}")
        for group, count in settings.counts.items():
            available = len(groups[group].indices)
            if count > available:
                raise ConfigError(
                    f"{path}: {count} ions on {group}, which has {available} sites"
                )
        _check_composition(path, settings, crystal, required)


def _check_composition(
    path: str, settings: SetSettings, crystal: CrystalSettings, required: Counter[str]
) -> None:
    found: Counter[str] = Counter()
    for group, count in settings.counts.items():
        found[crystal.site_groups[group]] += count
    for species, expected in required.items():
        if found[species] != expected:
            raise ConfigError(
                f"{path}: {found[species]} {species} in the cell; crystal.formula = "
                f"{crystal.formula!r} needs {expected}"
            )


def _ions_required(crystal: CrystalSettings, parent: "ParentCrystal") -> Counter[str]:
    """Ions of each mobile species that complete the framework to the formula."""
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
    mobile = set(crystal.site_groups.values())
    fixed = {species: n for species, n in formula.items() if species not in mobile}
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
    return Counter({species: round(formula[species] * per_cell) for species in mobile})
