"""Which rows of a set a chunk works on, and the crystal they live in."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from confvib.crystal.parent import ParentCrystal, read_parent
from confvib.crystal.rules import DistanceRule
from confvib.crystal.sampling import campaign_order, chunk_bounds


def parent_of(structure: str, crystal: Mapping[str, Any]) -> ParentCrystal:
    """Read the parent crystal as the ``crystal`` section describes it."""
    return read_parent(
        structure,
        crystal["site_groups"],
        symprec_A=crystal["symmetry_tolerance_A"],
        supercell=crystal["supercell"],
    )


def rules_of(crystal: Mapping[str, Any]) -> list[DistanceRule]:
    """Return the distance rules of the ``crystal`` section."""
    return [
        DistanceRule(
            rule["groups"] and tuple(rule["groups"]),
            rule["min_distance_A"],
            rule["species"] and tuple(rule["species"]),
        )
        for rule in crystal["distance_rules"]
    ]


def eligible_rows(configurations: pa.Table, equivalence: str) -> NDArray[np.intp]:
    """Return the ranks that count as distinct under the campaign's equivalence."""
    if equivalence == "pair_distances":
        return np.flatnonzero(configurations["pair_representative"].to_numpy())
    return np.arange(configurations.num_rows)


def select_rows(
    configurations: pa.Table, equivalence: str, slice_: Mapping[str, Any], seed: int
) -> list[dict[str, Any]]:
    """Return the rows of ``configurations`` that a slice stands for, in its order.

    Args:
        configurations: The whole table of a set.
        equivalence: ``symmetry`` or ``pair_distances``.
        slice_: What ``confvib.campaign.names.chunk_slice`` returned.
        seed: Campaign seed; a sample is the beginning of a seeded permutation.
    """
    return [row for row, _ in select_copies(configurations, equivalence, slice_, seed, 1)]


def select_copies(
    configurations: pa.Table,
    equivalence: str,
    slice_: Mapping[str, Any],
    seed: int,
    copies: int,
) -> list[tuple[dict[str, Any], int]]:
    """Return rows as :func:`select_rows` does, each with the numbers of its copies.

    A slice is one of all copies of all rows, so that chunks also share those of one row.

    Args:
        configurations: The whole table of a set.
        equivalence: ``symmetry`` or ``pair_distances``.
        slice_: Bounds among rows times copies.
        seed: Campaign seed.
        copies: Times that each row is asked for.
    """
    eligible = eligible_rows(configurations, equivalence)
    if slice_["of"] == "all":
        bounds = chunk_bounds(copies * len(eligible), slice_["n_chunks"], slice_["chunk"])
    else:
        bounds = (slice_["start"], slice_["stop"])
        order = campaign_order(len(eligible), -(-slice_["stop"] // copies), seed)
        eligible = eligible[order]
    items = np.arange(*bounds)
    rows = configurations.take(pa.array(eligible[items // copies])).to_pylist()
    return list(zip(rows, (items % copies).tolist(), strict=True))
