"""Rows of the ``configurations`` table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.configuration import pack_occupancy
from confvib.crystal.fingerprint import (
    internal_contacts,
    pair_fingerprints,
    pair_representatives,
)
from confvib.crystal.identifiers import configuration_id
from confvib.crystal.parent import ParentCrystal


def configuration_rows(
    parent: ParentCrystal,
    crystal: Mapping[str, Any],
    set_name: str,
    occupancy: NDArray[np.bool_],
    multiplicity: Sequence[int] | NDArray[np.int64],
    *,
    represents: float = 1.0,
) -> list[dict[str, Any]]:
    """Describe configurations, numbered in the order given.

    Args:
        parent: The crystal.
        crystal: The ``crystal`` section.
        set_name: First part of every ``config_id``.
        occupancy: Occupied places, shape ``(n, M)``.
        multiplicity: Arrangements in each orbit, shape ``(n,)``.
        represents: Configurations of the set that each row stands for.
    """
    fingerprints = pair_fingerprints(parent, occupancy)
    representative = pair_representatives(fingerprints)
    contacts = internal_contacts(parent, occupancy, crystal["contact_cutoff_A"])
    return [
        {
            "config_id": configuration_id(set_name, rank),
            "rank": rank,
            "occupancy": packed,
            "multiplicity": int(multiplicity[rank]),
            "represents": represents,
            "pair_fingerprint": str(fingerprints[rank]),
            "pair_representative": bool(representative[rank]),
            "n_internal_contacts": int(contacts[rank]),
            "status": "ok",
            "reason": "",
        }
        for rank, packed in enumerate(pack_occupancy(occupancy))
    ]
