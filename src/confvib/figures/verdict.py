"""What a reader must be told about a row of the thermodynamics table, in words."""

import math
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]
"""One row of ``tables.thermodynamics_contracts.THERMODYNAMICS``; null is None or NaN."""


_TOO_NOISY = "the free energies are too uncertain to serve as Boltzmann weights"


def engine_warning(engine: str) -> str:
    """Return what the origin of the labels means for the numbers; may be empty.

    Args:
        engine: The configuration's ``labels.engine``: vasp, ase or ionic.
    """
    if engine != "ionic":
        return ""
    return (
        "The labels of this campaign come from the built-in ionic potential: these "
        "numbers test the machinery and are not a prediction for the material."
    )


def flags_in_words(row: Row) -> list[str]:
    """Return one sentence for each thing that limits the use of a row."""
    sentences = [_status(row), _frozen(row), _noise_gate(row), _failed(row)]
    return [sentence for sentence in sentences if sentence]


def _status(row: Row) -> str:
    # The noise gate has a sentence of its own, which quotes the reason.
    if row["status"] in ("ok", "noise_gate"):
        return ""
    return f"{row['status']}: {row['reason']}"


def _frozen(row: Row) -> str:
    # Null compares unequal to True, so an undecided flag says nothing.
    if row["frozen"] != True:  # noqa: E712  NumPy booleans are not the object True
        return ""
    few = _number(row["n99"], "{:.0f} configurations carry 99 % of the weight")
    most = _number(row["p_max"], "the heaviest {:.0%}")
    detail = f" ({', '.join(filter(None, [few, most]))})" if few or most else ""
    return (
        f"frozen: too cold for this sample, few configurations decide{detail}; one that "
        f"is missing could change the result"
    )


def _noise_gate(row: Row) -> str:
    typical = _number(
        row["noise_sigma_over_kT"],
        "; the rms error of a free energy is {:.2g} k_B T per cell",
    )
    if row["noise_gate"] == "refused":
        why = row["reason"] if row["status"] == "noise_gate" else _TOO_NOISY
        return f"noise gate refused: {why}{typical}"
    return f"noise gate passed{typical}" if row["noise_gate"] == "passed" else ""


def _failed(row: Row) -> str:
    if not _number(row["n_failed"], "{:.0f}").strip("0"):
        return ""
    return f"{row['n_failed']:.0f} selected configurations failed and are missing"


def _number(value: float | None, pattern: str) -> str:
    return "" if value is None or math.isnan(value) else pattern.format(value)
