"""Imported runs as rows of ``labels`` and of ``imported_runs``."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from confvib.cli.vasp_runs import Entry
from confvib.dft.imported import read_frames
from confvib.tables.contracts import LABELS

_COLUMNS = frozenset(column.name for column in LABELS.columns)


def content_hash(entries: Sequence[Entry]) -> str:
    """Return a hash of all that the table says, which is what it is known by.

    Args:
        entries: The runs.
    """
    content = [
        (e.run.digest, e.run.counts, e.config_id, e.run.task, e.copy, e.level, e.status)
        for e in entries
        if e.is_taken
    ]
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def label_parts(entries: Sequence[Entry]) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of ``labels`` in parts of bounded size, for `write_columns`.

    A run that was cut ends with a row that says so.

    Args:
        entries: The runs.
    """
    for entry in entries:
        run = entry.run
        if not entry.is_taken or run.frames is None:
            continue
        shared = {
            "config_id": entry.config_id,
            "task": run.task,
            "copy": entry.copy,
            "target_temperature_K": run.target_K,
            "level_of_theory": entry.level,
            "corrections": "",
        }
        for batch in read_frames(run.frames):
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield _known({**shared, **columns})
        if entry.status == "cut":
            yield _known({**shared, **_end(entry)})


def run_rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the rows of ``imported_runs``: the fate of every run.

    Args:
        entries: The runs.
    """
    return [
        {
            "source": entry.run.name,
            "config_id": entry.config_id,
            "mapping": entry.mapping,
            "task": entry.run.task,
            "copy": entry.copy,
            "level_of_theory": entry.level,
            "version": entry.run.level.get("VASP", ""),
            "n_atoms": len(entry.run.numbers),
            "n_ok": entry.n_ok,
            "n_unconverged": entry.run.counts.get("unconverged", 0),
            "n_overflow": entry.run.counts.get("overflow", 0),
            "n_predicted": entry.run.n_predicted,
            "force_max_eV_per_A": entry.run.force_max_eV_per_A if entry.n_ok else None,
            "status": entry.status,
            "reason": entry.reason,
        }
        for entry in entries
    ]


def _end(entry: Entry) -> dict[str, Any]:
    nothing = ("numbers", "cell", "positions", "energy_eV", "forces_eV_per_A")
    n_frames = sum(entry.run.counts.values())
    return {
        **dict.fromkeys((*nothing, "temperature_K")),
        "frame": np.array([n_frames]),
        "converged": False,
        "status": "cut",
        "reason": entry.reason,
    }


def _known(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name in _COLUMNS}
