"""Stage ``select_frames``: the labelled frames that are least like each other."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from confvib.stages.job import Progress
from confvib.stages.labelled_frames import DataSet, split_of
from confvib.stages.runtime import configure_jax
from confvib.stages.train_potential import network_settings
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.tables.training_contracts import SELECTION
from confvib.training.descriptors import Descriptors
from confvib.training.farthest_point import farthest_points

_FRAMES_AT_A_TIME = 16
"""Of which descriptors are computed; descriptors alone are kept."""


def select_frames(
    labels: Sequence[str],
    dataset: str,
    output: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Choose training frames by farthest-point sampling.

    Args:
        labels: The ``labels`` tables.
        dataset: The ``dataset`` table made from them.
        output: The ``selection`` table.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    data = DataSet(dataset, labels, params["expected"])
    progress.say(data.said())
    pool = split_of(data.configurations, params["split"]).pool
    describe = Descriptors(network_settings(params["settings"]), data.species())
    points = np.empty((len(pool), describe.length), np.float32)
    done = 0
    for where, frames in data.batches(pool, _FRAMES_AT_A_TIME):
        points[where] = describe(frames)
        done += len(where)
        progress.update(done, len(pool), "frames described")
    chosen = farthest_points(points, params["split"]["n_train"])
    identity = data.identity(pool[chosen.rows])
    table = [
        {
            "order": order,
            "row": int(pool[index]),
            **who,
            "distance": float(distance),
            "status": "ok",
            "reason": "",
        }
        for order, (index, who, distance) in enumerate(
            zip(chosen.rows, identity, chosen.distances, strict=True)
        )
    ]
    provenance = collect(
        params["config_hash"], started=started, inputs=[dataset, *labels]
    )
    write_table(output, SELECTION, table, provenance)
    progress.say(
        f"{len(table)} of {len(pool)} frames chosen, the last at distance "
        f"{chosen.distances[-1]:.3g} from those before it"
    )
