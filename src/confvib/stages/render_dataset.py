"""Stage ``render_dataset``: what a data set holds and how it is split, as a page."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from confvib.errors import TrainingError
from confvib.figures.dataset_table import SplitCounts, dataset_html, dataset_text
from confvib.stages.labelled_frames import configuration_names, split_of
from confvib.tables.atomic import write_text_atomically
from confvib.tables.parquet import read_table
from confvib.tables.training_contracts import DATASET
from confvib.training.configuration_split import share_configurations


def render_dataset(
    dataset: str, html: str, text: str, role: str, params: Mapping[str, Any]
) -> None:
    """Write counts, quantiles and both splits of a data set.

    Args:
        dataset: The ``dataset`` table.
        html: The page for the report.
        text: The page for the terminal.
        role: Name of the force field.
        params: Parameters of the rule.
    """
    table = read_table(dataset, DATASET, params["expected"])
    rule = params["split"].get("by", "frame")
    splits = [
        _counts(table, {**params["split"], "by": by}, used=by == rule)
        for by in ("frame", "configuration")
    ]
    title = f"Data set of force field {role}, campaign {params['campaign']}"
    frame = table.to_pandas()
    page = dataset_html(frame, splits, params["bounds"], title=title)
    write_text_atomically(html, page)
    lines = dataset_text(frame, splits, params["bounds"], title=title)
    write_text_atomically(text, lines)


def _counts(table: pa.Table, split: Mapping[str, Any], *, used: bool) -> SplitCounts:
    usable = table["status"].to_numpy() == "ok"
    names = configuration_names(table.filter(pa.array(usable)))
    try:
        rows = split_of(names, split)
    except TrainingError as error:
        return SplitCounts(split["by"], used, reason=str(error))
    learned = np.concatenate([rows.train, rows.valid])
    same = _first_equal(table)[usable]
    parts = (rows.train, rows.valid, rows.test)
    held = len(names) - len(rows.pool) - len(rows.valid) - len(rows.test)
    train, valid, test = (len(part) for part in parts)
    of_train, of_valid, of_test = (len(np.unique(names[part])) for part in parts)
    return SplitCounts(
        rule=split["by"],
        used=used,
        frames=(train, valid, test),
        configurations=(of_train, of_valid, of_test),
        seen=int(share_configurations(names, rows.test, learned).sum()),
        equal=int(np.isin(same[rows.test], same[learned]).sum()),
        unused=held,
    )


def _first_equal(table: pa.Table) -> NDArray[np.int64]:
    """Return for each row the first that has its cell and positions: often itself."""
    own = np.arange(table.num_rows)
    first = table["duplicate_of"].to_numpy().astype(np.float64)
    return np.where(np.isfinite(first), first, own).astype(np.int64)
