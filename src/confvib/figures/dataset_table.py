"""What a data set holds, what was left out and how it is split, as HTML and text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from confvib.figures.measured import MISSING, plain
from confvib.figures.page import document, html_table, notes_list
from confvib.figures.rows import chosen_rows, real_column, require_columns

_STATUSES = ("ok", "unconverged", "failed_label", "not_finite", "outlier", "duplicate")
_QUANTILES = {
    "smallest": 0.0,
    "1 %": 0.01,
    "25 %": 0.25,
    "median": 0.5,
    "75 %": 0.75,
    "99 %": 0.99,
    "largest": 1.0,
}
_BOUNDS = {"max_force_eV_per_A": "above", "min_distance_A": "below"}
_MOST_REASONS = 10
_EQUAL = (
    "Cell and positions are those of an earlier usable frame to 1e-4 Å. They are used "
    "unless dataset.duplicates is 'drop'."
)
_SEEN = (
    "Those that a training or validation frame has. Errors of their test frames "
    "say how well a force field interpolates within known configurations, those "
    "of the others how it does on new ones. The metrics have both."
)
_DRAWN = (
    "The splits are those of drawn training frames; test and validation frames are the "
    "same where training frames are chosen."
)


@dataclass(frozen=True)
class SplitCounts:
    """What a rule of splitting does to a data set.

    Attributes:
        rule: ``frame`` or ``configuration``.
        used: Is it the rule of the force field.
        frames: Frames that train, validate and test; None where there are too few.
        configurations: Configurations of those frames.
        seen: Test frames whose configuration a training or validation frame has.
        equal: Test frames equal to a training or validation frame.
        unused: Frames that may not train, since their configuration is held out.
        reason: Why the rule cannot be followed; '' if it can.
    """

    rule: str
    used: bool
    frames: tuple[int, int, int] | None = None
    configurations: tuple[int, int, int] | None = None
    seen: int | None = None
    equal: int | None = None
    unused: int | None = None
    reason: str = ""


def dataset_html(
    dataset: pd.DataFrame,
    splits: Sequence[SplitCounts],
    bounds: Mapping[str, Any],
    *,
    title: str,
) -> str:
    """Write the page for the report.

    Args:
        dataset: Rows of ``tables.training_contracts.DATASET``.
        splits: Both rules of splitting.
        bounds: What makes frames unusable: keys of the section ``dataset``.
        title: Of the page.

    Raises:
        TableError: The table lacks a column.
    """
    parts = [f"<h1>{title}</h1>", f"<p>{_said(dataset)}</p>"]
    for heading, columns, rows in _tables(dataset, splits):
        parts += [f"<h2>{heading}</h2>", html_table([("", columns)], rows)]
    return document(title, [*parts, notes_list(_notes(dataset, splits, bounds))])


def dataset_text(
    dataset: pd.DataFrame,
    splits: Sequence[SplitCounts],
    bounds: Mapping[str, Any],
    *,
    title: str,
) -> str:
    """Write the same as plain text.

    Args:
        dataset: Rows of ``tables.training_contracts.DATASET``.
        splits: Both rules of splitting.
        bounds: What makes frames unusable: keys of the section ``dataset``.
        title: Of the page.

    Raises:
        TableError: The table lacks a column.
    """
    lines = [title, _said(dataset)]
    for heading, columns, rows in _tables(dataset, splits):
        cells = [columns, *rows]
        widths = [max(len(row[k]) for row in cells) for k in range(len(columns))]
        lines += ["", heading]
        for row in cells:
            first, *others = (
                cell.ljust(width) if k == 0 else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join([first, *others]).rstrip())
    notes = [f"{label}: {each}" for label, each in _notes(dataset, splits, bounds)]
    return "\n".join([*lines, "", *notes, ""])


def _said(dataset: pd.DataFrame) -> str:
    names = ["source", "config_id", "composition", "status", "task", "duplicate_of"]
    require_columns(dataset, names)
    cells = sorted(set(dataset["composition"].dropna()))
    return (
        f"{len(dataset):,} frames of {_configurations(dataset):,} configurations from "
        f"{len(set(dataset['source'])):,} label tables; cells {', '.join(cells)}."
    )


def _configurations(rows: pd.DataFrame) -> int:
    return len(set(rows["config_id"].dropna()))


def _tables(
    dataset: pd.DataFrame, splits: Sequence[SplitCounts]
) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    found = set(dataset["status"])
    statuses = [name for name in _STATUSES if name in found]
    columns = ["task", "frames", "configurations", *statuses, "equal frames"]
    yield "Frames", columns, list(_frames(dataset, statuses))
    yield "Values", ["quantity", *_QUANTILES], list(_values(dataset))
    columns = ["split by", *(f"{each.rule}{' (used)' * each.used}" for each in splits)]
    yield "Splits", columns, list(_splits(splits))


def _frames(dataset: pd.DataFrame, statuses: Sequence[str]) -> Iterator[list[str]]:
    # An import may not know what a run did.
    of_task = dataset["task"].fillna("").replace("", "unknown").to_numpy(object)
    parts = {name: of_task == name for name in dict.fromkeys(of_task)}
    if len(parts) > 1:
        parts["all"] = np.full(len(dataset), fill_value=True)
    for name, mask in parts.items():
        rows = chosen_rows(dataset, mask)
        yield [
            name,
            f"{len(rows):,}",
            f"{_configurations(rows):,}",
            *(f"{(rows['status'] == status).sum():,}" for status in statuses),
            f"{rows['duplicate_of'].notna().sum():,}",
        ]


def _values(dataset: pd.DataFrame) -> Iterator[list[str]]:
    """Yield quantiles over all frames with a label, outliers included."""
    for name, label, digits in (
        ("energy_eV_per_atom", "energy above the lowest (meV/atom)", ",.1f"),
        ("max_force_eV_per_A", "largest force (eV/Å)", ",.3f"),
        ("min_distance_A", "smallest distance (Å)", ",.3f"),
    ):
        values = real_column(dataset, name)
        values = values[np.isfinite(values)]
        if not len(values):
            yield [label, *[MISSING] * len(_QUANTILES)]
            continue
        if name == "energy_eV_per_atom":
            values = 1e3 * (values - values.min())
        found = np.quantile(values, list(_QUANTILES.values()))
        yield [label, *(plain(value, digits) for value in found)]


def _splits(splits: Sequence[SplitCounts]) -> Iterator[list[str]]:
    """Yield a row per number, a column per rule."""
    for what in ("frames", "configurations"):
        for part, label in enumerate(("training", "validation", "test")):
            numbers = (getattr(each, what) for each in splits)
            yield [
                f"{label} {what}",
                *(MISSING if each is None else f"{each[part]:,}" for each in numbers),
            ]
    for name, label in (
        ("seen", "test frames of seen configurations"),
        ("equal", "test frames equal to a training or validation frame"),
        ("unused", "frames held back, which may not train"),
    ):
        yield [label, *(plain(getattr(each, name), ",.0f") for each in splits)]


def _notes(
    dataset: pd.DataFrame, splits: Sequence[SplitCounts], bounds: Mapping[str, Any]
) -> list[tuple[str, str]]:
    return [
        *(("left out", each) for each in _reasons(dataset, bounds)),
        *(("not possible", each.reason) for each in splits if each.reason),
        ("equal frames", _EQUAL),
        ("seen configurations", _SEEN),
        ("splits", _DRAWN),
    ]


def _reasons(dataset: pd.DataFrame, bounds: Mapping[str, Any]) -> Iterator[str]:
    for key, side in _BOUNDS.items():
        if bounds[key] is not None:
            n = dataset["reason"].str.contains(f"dataset.{key}", regex=False).sum()
            yield f"{n:,} frames {side} dataset.{key} = {bounds[key]:g}"
    failed = dataset["status"].isin(["failed_label", "unconverged", "not_finite"])
    counts = chosen_rows(dataset, failed.to_numpy(bool))["reason"].value_counts()
    for reason, n in counts.head(_MOST_REASONS).items():
        yield f"{n:,} frames: {reason}"
    if len(counts) > _MOST_REASONS:
        rest = counts.iloc[_MOST_REASONS:]
        yield f"{rest.sum():,} frames for {len(rest):,} other reasons"
