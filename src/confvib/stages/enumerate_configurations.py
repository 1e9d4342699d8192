"""Stage ``enumerate_configurations``: the parent crystal to a table of arrangements."""

import time
from collections.abc import Mapping
from typing import Any

from confvib.crystal.configuration import pack_occupancy
from confvib.crystal.enumeration import enumerate_configurations as enumerate_crystal
from confvib.crystal.fingerprint import (
    internal_contacts,
    pair_fingerprints,
    pair_representatives,
)
from confvib.crystal.identifiers import configuration_id
from confvib.crystal.rules import DistanceRule
from confvib.stages.job import Progress
from confvib.stages.selection import parent_of
from confvib.tables.contracts import CONFIGURATIONS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect


def enumerate_configurations(
    structure: str,
    output: str,
    set_name: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Write every symmetry-distinct arrangement of a set, with its multiplicity.

    Args:
        structure: CIF of the parent crystal.
        output: The ``configurations`` table.
        set_name: Name of the set, first part of every ``config_id``.
        params: ``crystal``, ``counts`` and ``config_hash`` of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    crystal = params["crystal"]
    parent = parent_of(structure, crystal)
    rules = [
        DistanceRule(tuple(rule["groups"]), rule["min_distance_A"])
        for rule in crystal["distance_rules"]
    ]
    found = enumerate_crystal(parent, params["counts"], rules)
    fingerprints = pair_fingerprints(parent, found.occupancy)
    representative = pair_representatives(fingerprints)
    contacts = internal_contacts(parent, found.occupancy, crystal["contact_cutoff_A"])
    packed = pack_occupancy(found.occupancy)
    rows = [
        {
            "config_id": configuration_id(set_name, rank),
            "rank": rank,
            "occupancy": packed[rank],
            "multiplicity": int(found.multiplicity[rank]),
            "pair_fingerprint": str(fingerprints[rank]),
            "pair_representative": bool(representative[rank]),
            "n_internal_contacts": int(contacts[rank]),
            "status": "ok",
            "reason": "",
        }
        for rank in range(len(packed))
    ]
    write_table(
        output,
        CONFIGURATIONS,
        rows,
        collect(
            params["config_hash"],
            started=started,
            inputs=[structure],
            note=f"{found.raw_count} raw arrangements; rows are distinct by symmetry, "
            "pair_representative marks those distinct by pair distances",
        ),
    )
    progress.say(
        f"{found.raw_count:,} arrangements, {len(rows):,} distinct by symmetry, "
        f"{int(representative.sum()):,} by pair distances, "
        f"{time.monotonic() - started:.1f} s"
    )
