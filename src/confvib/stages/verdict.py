"""What a reader must know before quoting a thermodynamic row, in words."""

from collections.abc import Mapping
from typing import Any

from confvib.stages.sums import Tally

_MOST_OF_THE_WEIGHT = 0.5
"""A configuration with more than this probability outweighs all others together."""


def verdict(row: Mapping[str, Any], tally: Tally, min_coverage: float) -> dict[str, Any]:
    """Return ``status`` and ``reason``: every objection, the gravest as the status.

    Args:
        row: The thermodynamic row, all other columns filled in.
        tally: Of the rows it was made from.
        min_coverage: Share of selected rows below which a table is incomplete.
    """
    objections = {
        "incomplete": (
            row["coverage_rows"] < min_coverage,
            (
                f"{row['n_used']} of {row['n_selected']} selected configurations "
                f"entered, below min_coverage {min_coverage:g}: {failures(tally)}"
            ),
        ),
        "noise_gate": (
            row["noise_gate"] == "refused",
            (
                "statistical errors of the runs exceed k_B T / 2 per cell: these "
                "Boltzmann weights are mostly noise; quote conf+harmonic"
            ),
        ),
        "too_sparse": (
            row["n_used"] > 1 and row["p_max"] > _MOST_OF_THE_WEIGHT,
            (
                f"one configuration carries {row['p_max']:.0%} of the weight: the set is "
                "too sparse for this temperature, and its averages are those of that "
                "configuration"
            ),
        ),
        "left_basin": (
            row["n_left_basin"] > 0,
            (
                f"in {row['n_left_basin']} of {row['n_used']} configurations ions left "
                "their sites: these energies are not those of the arrangement they "
                "count for"
            ),
        ),
        "shared_minimum": (
            row["n_shared_minimum"] > 0,
            (
                f"{row['n_shared_minimum']} of {row['n_used']} configurations fell into "
                "the minimum of another one, which is counted more than once"
            ),
        ),
    }
    found = {name: text for name, (applies, text) in objections.items() if applies}
    return {"status": next(iter(found), "ok"), "reason": "; ".join(found.values())}


def failures(tally: Tally) -> str:
    """Return the selected rows without a number, counted by status."""
    parts = [f"{count} {status}" for status, count in sorted(tally.failures.items())]
    return ", ".join(parts) or "none failed"
