"""Stage ``tabulate_sweep``: errors of all trainings of a sweep in one table."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from confvib.tables.contracts import METRICS
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect
from confvib.tables.training_contracts import SWEEP


def tabulate_sweep(
    metrics: Sequence[str], output: str, sweep: str, params: Mapping[str, Any]
) -> None:
    """Collect the errors of the points of a sweep, with what distinguishes each.

    Args:
        metrics: The ``metrics`` table of every point.
        output: The ``sweep`` table.
        sweep: Name of the sweep.
        params: Parameters of the rule.
    """
    started = time.monotonic()
    points = zip(metrics, params["points"], params["expected"], strict=True)
    shared = {column.name for column in SWEEP.columns}
    rows = [
        {
            "sweep": sweep,
            **point,
            **{name: value for name, value in row.items() if name in shared},
        }
        for path, point, config_hash in points
        for row in read_table(path, METRICS, config_hash).to_pylist()
    ]
    provenance = collect(params["config_hash"], started=started, inputs=metrics)
    write_table(output, SWEEP, rows, provenance)
