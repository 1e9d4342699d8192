"""Stage ``relax_configurations``: ideal arrangements to minima of the force field."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from confvib.crystal.basins import n_moved
from confvib.crystal.configuration import (
    configuration_atoms,
    nearest_sites,
    pack_occupancy,
    unpack_occupancy,
)
from confvib.crystal.parent import ParentCrystal
from confvib.dynamics.relax import Relaxation, relax
from confvib.dynamics.state import Status
from confvib.stages.job import Progress
from confvib.stages.potentials import Drive, bind
from confvib.stages.runtime import configure_jax
from confvib.stages.selection import parent_of, select_rows
from confvib.tables.contracts import CONFIGURATIONS, RELAXED
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect


def relax_configurations(
    structure: str,
    configurations: str,
    model: str | None,
    output: str,
    params: Mapping[str, Any],
    batch_size: int,
    progress: Progress,
) -> None:
    """Relax the configurations of a chunk at fixed cell.

    Args:
        structure: CIF of the parent crystal.
        configurations: The ``configurations`` table of the set.
        model: Checkpoint of the force field; None if the reference drives.
        output: The ``relaxed`` table.
        params: Parameters of the rule.
        batch_size: Cells on the device at once.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    parent = parent_of(structure, params["crystal"])
    table = read_table(
        configurations, CONFIGURATIONS, params["expected"]["configurations"]
    )
    selected = select_rows(
        table, params["crystal"]["equivalence"], params["slice"], params["seed"]
    )
    occupancy = unpack_occupancy(
        [row["occupancy"] for row in selected], len(parent.sites)
    )
    cells = [configuration_atoms(parent, bits) for bits in occupancy]
    starts = np.array([atoms.positions for atoms in cells])
    settings = params["settings"]
    drive = Drive(model, params["expected"]["model"], params["engine"])
    energy_fn, fingerprint = bind(
        drive, cells[0].numbers, parent.cell, starts, settings["precision"]
    )
    rows: list[dict[str, Any]] = []
    for first in range(0, len(selected), batch_size):
        batch = slice(first, first + batch_size)
        relaxed = relax(
            energy_fn,
            starts[batch].astype(settings["precision"]),
            fmax_eV_per_A=settings["fmax_eV_per_A"],
            max_steps=settings["max_steps"],
            progress=lambda done, _, first=first: progress.update(
                first + done, len(selected), "configurations"
            ),
        )
        rows += [
            _row(
                parent,
                selected[first + i],
                occupancy[first + i],
                relaxed,
                i,
                cells[0].numbers,
                params["crystal"]["split_site_A"],
            )
            for i in range(len(starts[batch]))
        ]
    write_table(
        output,
        RELAXED,
        rows,
        collect(
            params["config_hash"],
            started=started,
            inputs=[path for path in (structure, configurations, model) if path],
            model_fingerprint=fingerprint,
            equivalence=params["crystal"]["equivalence"],
        ),
    )
    good = sum(row["status"] == Status.OK for row in rows)
    progress.say(f"{good} of {len(rows)} relaxed, {time.monotonic() - started:.1f} s")


def _row(
    parent: ParentCrystal,
    row: Mapping[str, Any],
    occupancy: np.ndarray,
    relaxed: Relaxation,
    index: int,
    numbers: np.ndarray,
    split_site_A: float,
) -> dict[str, Any]:
    positions = np.asarray(relaxed.positions[index], dtype=np.float64)
    status = Status.from_code(int(relaxed.status[index]))
    finite = bool(np.isfinite(positions).all())
    sites = nearest_sites(parent, positions, numbers)[0] if finite else None
    start = np.flatnonzero(occupancy & parent.is_ion)
    return {
        **{key: row[key] for key in ("config_id", "rank", "multiplicity")},
        "pair_representative": row["pair_representative"],
        "n_atoms": len(numbers),
        "numbers": numbers.tolist(),
        "energy_eV": float(relaxed.energy_eV[index]),
        "positions": positions.ravel().tolist(),
        "fmax_eV_per_A": float(relaxed.fmax_eV_per_A[index]),
        "n_steps": int(relaxed.n_steps[index]),
        "displacement_max_A": float(relaxed.displacement_max_A[index]),
        "site_occupancy": _packed(sites, len(occupancy)),
        "n_moved": (
            None if sites is None else n_moved(parent, start, sites, split_site_A)
        ),
        "status": status.value,
        "reason": "" if status is Status.OK else status.sentence,
    }


def _packed(sites: np.ndarray | None, n_sites: int) -> bytes | None:
    if sites is None:
        return None
    occupied = np.zeros((1, n_sites), dtype=bool)
    occupied[0, sites] = True
    return pack_occupancy(occupied)[0]
