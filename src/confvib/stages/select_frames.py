"""Stage ``select_frames``: the labelled frames that are least like each other."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from confvib.stages.job import Progress
from confvib.stages.labelled_frames import read_labelled_frames
from confvib.stages.runtime import configure_jax
from confvib.stages.train_potential import network_settings
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.tables.training_contracts import SELECTION
from confvib.training.descriptors import frame_descriptors
from confvib.training.farthest_point import farthest_points
from confvib.training.split import split_rows


def select_frames(
    labels: Sequence[str], output: str, params: Mapping[str, Any], progress: Progress
) -> None:
    """Choose training frames by farthest-point sampling.

    Args:
        labels: The ``labels`` tables.
        output: The ``selection`` table.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    identity, frames, said = read_labelled_frames(labels, params["expected"]["labels"])
    progress.say(said)
    rows = split_rows(len(frames), **params["split"])
    pool = frames.select(rows.pool)
    points = frame_descriptors(network_settings(params["settings"]), pool)
    chosen = farthest_points(points, params["split"]["n_train"])
    table = [
        {
            "order": order,
            "row": int(rows.pool[index]),
            **identity[rows.pool[index]],
            "distance": float(distance),
            "status": "ok",
            "reason": "",
        }
        for order, (index, distance) in enumerate(
            zip(chosen.rows, chosen.distances, strict=True)
        )
    ]
    provenance = collect(params["config_hash"], started=started, inputs=labels)
    write_table(output, SELECTION, table, provenance)
    progress.say(
        f"{len(table)} of {len(pool)} frames chosen, the last at distance "
        f"{chosen.distances[-1]:.3g} from those before it"
    )
