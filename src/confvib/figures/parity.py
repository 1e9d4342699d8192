"""Parity of a force field: what it predicts against what its labels say."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from confvib.errors import TableError
from confvib.figures.rows import UsableRows, chosen_rows, require_columns, usable_rows
from confvib.figures.style import (
    BLUE,
    GREY,
    SKY,
    VERMILION,
    new_figure,
    say_instead,
    style,
    wrapped,
)

# Drawn in this order, so that the test frames, which judge the model, lie on top.
_SPLIT_COLOUR = {"train": SKY, "valid": BLUE, "test": VERMILION}
_JUDGED = {"test": "test", "test_unseen": "of which new configurations"}
# Above this a vector marker per point makes the file slow to open.
_MAX_VECTOR_POINTS = 2000

_Pair = tuple[np.ndarray, np.ndarray]


def parity_figure(predictions: pd.DataFrame, metrics: pd.DataFrame, model: str) -> Figure:
    """Draw predicted against reference energies and force components, one colour a split.

    Args:
        predictions: Rows of ``tables.contracts.PREDICTIONS`` of this model.
        metrics: Rows of ``tables.contracts.METRICS``; those of other models are ignored.
        model: Name of the force field, as in ``metrics``.

    Returns:
        Energies in meV/atom relative to the mean reference energy per atom of the frames
        drawn, and force components in eV/Å; the errors of the test frames, from
        ``metrics``, stand in the panels, and of those among them whose configuration
        neither trained nor validated. Below, the histogram of predicted − reference
        of each split, within four root-mean-square errors of zero.

    Raises:
        TableError: A table lacks a column, or a split is not train, valid or test.

    Source: figs. 2 and 3 of the paper.
    """
    used = usable_rows(
        predictions,
        [
            "split",
            "n_atoms",
            "energy_reference_eV",
            "energy_predicted_eV",
            "forces_reference_eV_per_A",
            "forces_predicted_eV_per_A",
        ],
    )
    with style():
        figure = new_figure(7.0, 5.0)
        figure.suptitle(wrapped(_title(model, used)), fontsize=8.5)
        panels = figure.subplots(2, 2, height_ratios=(3, 1))
        if used.rows.empty:
            for axes in panels.flat:
                say_instead(axes, "no frames to compare")
            return figure
        errors = [_errors_of(metrics, model, split) for split in _JUDGED]
        energies = _energies_meV_per_atom(used.rows)
        _draw(panels[0, 0], energies, "frames")
        _label(panels[0, 0], "energy − mean reference", "meV/atom")
        _write_errors(panels[0, 0], errors, "energy", "meV_per_atom", "meV/atom")
        _draw_errors(panels[1, 0], energies, 1.0, "error of energy (meV/atom)")
        forces = _force_components(used.rows)
        _draw(panels[0, 1], forces, "components")
        _label(panels[0, 1], "force component", "eV/Å")
        _write_errors(panels[0, 1], errors, "force", "meV_per_A", "meV/Å")
        _draw_errors(panels[1, 1], forces, 1e3, "error of force component (meV/Å)")
    return figure


def _title(model: str, used: UsableRows) -> str:
    return f"Force field {model}" + (f" ({used.note})" if used.note else "")


def _splits(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    names = rows["split"].to_numpy()
    unknown = sorted(set(names) - set(_SPLIT_COLOUR))
    if unknown:
        raise TableError(f"split: unknown {unknown}, expected {[*_SPLIT_COLOUR]}")
    masks = {split: names == split for split in _SPLIT_COLOUR}
    return {split: mask for split, mask in masks.items() if mask.any()}


def _energies_meV_per_atom(rows: pd.DataFrame) -> dict[str, _Pair]:
    reference = (1e3 * rows["energy_reference_eV"] / rows["n_atoms"]).to_numpy(float)
    predicted = (1e3 * rows["energy_predicted_eV"] / rows["n_atoms"]).to_numpy(float)
    zero = reference.mean()
    return {
        split: (reference[mask] - zero, predicted[mask] - zero)
        for split, mask in _splits(rows).items()
    }


def _force_components(rows: pd.DataFrame) -> dict[str, _Pair]:
    return {
        split: (
            np.concatenate(rows["forces_reference_eV_per_A"].to_numpy()[mask]),
            np.concatenate(rows["forces_predicted_eV_per_A"].to_numpy()[mask]),
        )
        for split, mask in _splits(rows).items()
    }


def _draw(axes: Axes, points: dict[str, _Pair], noun: str) -> None:
    total = sum(len(reference) for reference, _ in points.values())
    many = total > _MAX_VECTOR_POINTS
    for order, (split, (reference, predicted)) in enumerate(points.items()):
        axes.plot(
            reference,
            predicted,
            linestyle="none",
            marker="." if many else "o",
            markersize=1.5 if many else 3,
            markeredgewidth=0,
            color=_SPLIT_COLOUR[split],
            rasterized=many,
            zorder=2 + 0.1 * order,
            label=f"{split}, {len(reference):,} {noun}",
        )
    low, high = _limits(points)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.axline((0, 0), slope=1, color=GREY, linewidth=0.7, zorder=1)
    axes.legend(loc="lower right", markerscale=3 if many else 1, handlelength=0.8)


def _draw_errors(axes: Axes, points: dict[str, _Pair], scale: float, label: str) -> None:
    errors = {
        split: scale * (predicted - reference)
        for split, (reference, predicted) in points.items()
    }
    every = np.concatenate(list(errors.values()))
    # Beyond four standard deviations a single frame would set the scale; say what is cut.
    reach = 4 * float(np.sqrt(np.mean(every**2))) or 1.0
    bins = np.linspace(-reach, reach, 61 if len(every) > _MAX_VECTOR_POINTS else 21)
    for split, error in errors.items():
        axes.hist(
            error,
            bins=bins.tolist(),
            weights=np.full(len(error), 1 / len(error)),
            histtype="step",
            color=_SPLIT_COLOUR[split],
        )
    outside = int((np.abs(every) > reach).sum())
    axes.set_xlabel(f"{label}, {outside:,} beyond" if outside else label)
    axes.set_ylabel("fraction")
    axes.set_xlim(-reach, reach)


def _limits(points: dict[str, _Pair]) -> tuple[float, float]:
    values = [array for pair in points.values() for array in pair]
    low = min(float(array.min()) for array in values)
    high = max(float(array.max()) for array in values)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _label(axes: Axes, quantity: str, unit: str) -> None:
    axes.set_xlabel(f"reference {quantity} ({unit})")
    axes.set_ylabel(f"predicted {quantity} ({unit})")


def _errors_of(metrics: pd.DataFrame, model: str, split: str) -> pd.Series | None:
    require_columns(metrics, ["model", "split", "status", "n_frames"])
    mask = (metrics["model"] == model) & (metrics["split"] == split)
    found = chosen_rows(metrics, (mask & (metrics["status"] == "ok")).to_numpy(bool))
    return None if found.empty else found.iloc[0]


def _write_errors(
    axes: Axes, errors: list[pd.Series | None], quantity: str, suffix: str, unit: str
) -> None:
    """Write the errors of the test frames, and of those of unseen configurations."""
    texts = []
    for row, name in zip(errors, _JUDGED.values(), strict=True):
        if row is not None:
            mae, rmse = (row[f"{quantity}_{kind}_{suffix}"] for kind in ("mae", "rmse"))
            texts.append(
                f"{name}, {row['n_frames']:.0f} frames\n"
                f"MAE {mae:.3g} {unit}\nRMSE {rmse:.3g} {unit}"
            )
    text = "\n".join(texts) or "test errors: not available"
    axes.text(0.04, 0.97, text, va="top", transform=axes.transAxes)
