"""The verdict on a set of configurations as a sentence."""

from confvib.thermo.sparseness import Sparseness


def statement(found: Sparseness, temperature_K: float, tolerance_kT: float) -> str:
    """Say whether a set is too sparse for its temperature, and why.

    Args:
        found: What its weights and random halves say.
        temperature_K: Temperature.
        tolerance_kT: Error of a half that was allowed, k_B T or k_B per cell.
    """
    verdict = "too sparse" if found.sparse else "dense enough"
    few = (
        f"the heaviest of {found.n_rows:,} rows carries {100 * found.p_max:.1f} % of the "
        f"weight, {found.n99:,} carry 99 %"
    )
    halves = (
        f"a random half of them puts F between {_signed(found.F_half_p05_kT)} and "
        f"{_signed(found.F_half_p95_kT)} k_BT and S_conf between "
        f"{_signed(found.S_half_p05_kB)} and {_signed(found.S_half_p95_kB)} k_B per cell "
        f"from what all give (5–95 %), {_against(found)} {tolerance_kT:g}"
    )
    return f"{verdict} for {temperature_K:g} K: {few}; {halves}"


def _against(found: Sparseness) -> str:
    return "more than the allowed" if found.halves_differ else "within the allowed"


def _signed(value: float) -> str:
    return f"{value:+.2g}".replace("-", "−")
