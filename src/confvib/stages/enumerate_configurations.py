"""Stage ``enumerate_configurations``: the parent crystal to a table of arrangements."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from confvib.crystal.bitsets import Permuter, pack_words
from confvib.crystal.cif import read_cif_sites
from confvib.crystal.configuration import unpack_occupancy
from confvib.crystal.drawing import draw_orbits
from confvib.crystal.enumeration import enumerate_configurations as enumerate_crystal
from confvib.crystal.fingerprint import pair_representatives
from confvib.crystal.identifiers import configuration_id
from confvib.crystal.near_symmetry import find_near_symmetry
from confvib.crystal.orbits import smallest_images
from confvib.crystal.parent import ParentCrystal
from confvib.crystal.rules import conflict_matrix
from confvib.crystal.site_graph import SiteGraph
from confvib.crystal.symmetry import find_symmetry
from confvib.errors import EnumerationError
from confvib.stages.configuration_rows import configuration_rows
from confvib.stages.job import Progress
from confvib.stages.selection import parent_of, rules_of
from confvib.tables.contracts import CONFIGURATIONS
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect

Row = dict[str, Any]


def enumerate_configurations(
    structure: str,
    output: str,
    set_name: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Write the symmetry-distinct arrangements of a set, with their multiplicities.

    All of them; or, where the set asks for it, a uniform draw from a set too large to
    enumerate, or the table that an import made.

    Args:
        structure: CIF of the parent crystal.
        output: The ``configurations`` table.
        set_name: Name of the set, first part of every ``config_id``.
        params: ``crystal``, ``counts``, ``draw``, ``imported``, ``seed`` and
            ``config_hash`` of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    crystal = params["crystal"]
    parent = parent_of(structure, crystal)
    _warn_of_near_symmetry(structure, crystal["symmetry_tolerance_A"], progress)
    if params["imported"]:
        rows, note = _imported(parent, set_name, params)
    elif params["draw"]:
        rows, note = _drawn(parent, set_name, params)
    else:
        rows, note = _enumerated(parent, set_name, params)
    write_table(
        output,
        CONFIGURATIONS,
        rows,
        collect(
            params["config_hash"],
            started=started,
            inputs=[path for path in (structure, params["imported"]) if path],
            # The rows of this table; which of them go on is the campaign's choice.
            equivalence="symmetry",
            note=note,
        ),
    )
    progress.say(f"{note}; {time.monotonic() - started:.1f} s")


def _enumerated(
    parent: ParentCrystal, set_name: str, params: Mapping[str, Any]
) -> tuple[list[Row], str]:
    crystal = params["crystal"]
    found = enumerate_crystal(parent, params["counts"], rules_of(crystal))
    rows = configuration_rows(
        parent, crystal, set_name, found.occupancy, found.multiplicity
    )
    classes = sum(row["pair_representative"] for row in rows)
    return rows, (
        f"all configurations: {found.raw_count:,} arrangements, {len(rows):,} distinct "
        f"by symmetry (the rows), {classes:,} by pair distances (pair_representative)"
    )


def _drawn(
    parent: ParentCrystal, set_name: str, params: Mapping[str, Any]
) -> tuple[list[Row], str]:
    crystal = params["crystal"]
    graph = SiteGraph.build(conflict_matrix(parent, rules_of(crystal)), parent.kinds)
    counts = [params["counts"][group.name] for group in parent.groups]
    found = draw_orbits(
        graph, parent.permutations, counts, params["draw"], params["seed"]
    )
    rows = configuration_rows(
        parent,
        crystal,
        set_name,
        found.occupancy,
        found.multiplicity,
        represents=found.n_inequivalent / len(found.occupancy),
    )
    return rows, (
        f"{len(rows):,} configurations drawn uniformly from {found.n_inequivalent:.6g} "
        f"distinct by symmetry ({found.raw_count:.6g} arrangements), in the order drawn"
    )


def _imported(
    parent: ParentCrystal, set_name: str, params: Mapping[str, Any]
) -> tuple[list[Row], str]:
    table = params["imported"]
    rows = read_table(table, CONFIGURATIONS).to_pylist()
    occupancy = unpack_occupancy([row["occupancy"] for row in rows], len(parent.sites))
    for group in parent.groups:
        found = set(occupancy[:, group.indices].sum(axis=1).tolist())
        if found != {params["counts"][group.name]}:
            raise EnumerationError(
                f"{table}: has {sorted(found)} ions on group {group.name!r}, expected "
                f"{params['counts'][group.name]} as sets.{set_name}.counts says"
            )
    words = pack_words(occupancy)
    smallest, sizes = smallest_images(Permuter.build(parent.permutations), words)
    if np.any(smallest != words) or sizes.tolist() != [r["multiplicity"] for r in rows]:
        raise EnumerationError(
            f"{table}: was made for another parent crystal; import the structures again"
        )
    # The first row of a class may be one that no imported structure is.
    first = pair_representatives(np.array([row["pair_fingerprint"] for row in rows]))
    rows = [
        row
        | {
            "config_id": configuration_id(set_name, row["rank"]),
            "pair_representative": bool(representative),
        }
        for row, representative in zip(rows, first, strict=True)
    ]
    return rows, f"{len(rows):,} configurations imported from {Path(table).name}"


def _warn_of_near_symmetry(structure: str, symprec_A: float, progress: Progress) -> None:
    sites = read_cif_sites(structure, symprec_A=symprec_A)
    symmetry = find_symmetry(sites, symprec_A=symprec_A)
    near = find_near_symmetry(sites, symmetry, symprec_A)
    if near is not None:
        progress.say(f"warning: {structure}: {near}")
