"""The frames that a force field learns from and is judged by, read as they are needed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
from ase.data import atomic_numbers
from ase.formula import Formula
from numpy.typing import NDArray

from confvib.errors import TrainingError
from confvib.stages.label_arrays import FRAME_COLUMNS, frame_arrays, label_batches
from confvib.tables.parquet import read_table
from confvib.tables.training_contracts import DATASET, SELECTION
from confvib.training.configuration_split import split_configurations
from confvib.training.dataset import Frames
from confvib.training.split import IntArray, Rows, split_rows

Row = dict[str, Any]


class DataSet:
    """The usable frames of a ``dataset`` table, numbered from 0 in its order.

    Args:
        table: Path of the ``dataset`` table.
        labels: Paths of the ``labels`` tables it was made from.
        expected: The hashes that they must carry: ``dataset`` and, in order, ``labels``.

    Raises:
        TableError: The table is missing, damaged or of another configuration.
    """

    def __init__(
        self, table: str, labels: Sequence[str], expected: Mapping[str, Any]
    ) -> None:
        rows = read_table(table, DATASET, expected["dataset"])
        status = rows["status"].to_numpy()
        self._left_out = Counter(status[status != "ok"].tolist())
        self._rows = rows.filter(pa.array(status == "ok"))
        self._hashes = dict(zip(labels, expected["labels"], strict=True))

    def __len__(self) -> int:
        return self._rows.num_rows

    @property
    def configurations(self) -> NDArray[np.str_]:
        """Name of the configuration of every usable frame, ``(B,)``."""
        return configuration_names(self._rows)

    def species(self) -> list[int]:
        """Return the atomic numbers that occur in a usable frame."""
        formulas = self._rows["composition"].unique().to_pylist()
        symbols = {symbol for each in formulas for symbol in Formula(each).count()}
        return sorted(atomic_numbers[symbol] for symbol in symbols)

    def said(self) -> str:
        """Return a sentence on how many frames there are and what was left out."""
        left_out = f", left out {dict(self._left_out)}" if self._left_out else ""
        return f"{len(self)} frames usable" + left_out

    def identity(self, rows: IntArray) -> list[Row]:
        """Return what frames are: config_id, task, copy and frame."""
        chosen = self._rows.select(["config_id", "task", "copy", "frame"])
        return chosen.take(pa.array(rows)).to_pylist()

    def frames(self, rows: IntArray) -> Frames:
        """Read frames, and no others, in the given order.

        Args:
            rows: Usable frames, each at most once, ``(n,)``.

        Raises:
            TableError: A label table is missing, damaged or of another configuration.
        """
        order = np.argsort(rows, kind="stable")
        whole: dict[str, NDArray] = {}
        done = 0
        for part in self._read(rows[order]):
            size = len(part["energies_eV"])
            if not whole:
                shapes = {name: (len(rows), *part[name].shape[1:]) for name in part}
                whole = {name: np.empty(shapes[name], part[name].dtype) for name in part}
            for name, values in part.items():
                whole[name][order[done : done + size]] = values
            done += size
        return Frames(**whole)

    def batches(self, rows: IntArray, size: int) -> Iterator[tuple[IntArray, Frames]]:
        """Read frames some at a time.

        Args:
            rows: Usable frames, each at most once, ``(n,)``.
            size: Frames at a time.

        Yields:
            Where in ``rows`` the frames stand, and the frames; of equal numbers but for
            the last.
        """
        order = np.argsort(rows, kind="stable")
        held: dict[str, NDArray] = {}
        done = 0
        for part in self._read(rows[order]):
            held = {
                name: np.concatenate([held[name], part[name]]) if held else part[name]
                for name in part
            }
            while len(held["energies_eV"]) >= size:
                yield order[done : done + size], _frames(held, slice(size))
                held = {name: values[size:] for name, values in held.items()}
                done += size
        if done < len(rows):
            yield order[done:], _frames(held, slice(None))

    def _read(self, rows: IntArray) -> Iterator[dict[str, NDArray]]:
        """Yield frames in pieces, given increasing rows."""
        wanted = self._rows.select(["source", "source_row"]).take(pa.array(rows))
        source = wanted["source"].to_numpy()
        source_row = wanted["source_row"].to_numpy()
        starts = np.flatnonzero(np.r_[True, source[1:] != source[:-1]])
        for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
            path = source[start]
            if path not in self._hashes:
                raise TrainingError(
                    f"the data set has frames of {path}, which is not among its label "
                    f"tables {[*self._hashes]}"
                )
            yield from _chosen(path, self._hashes[path], source_row[start:stop])


def configuration_names(rows: pa.Table) -> NDArray[np.str_]:
    """Return the configuration of each row of a ``dataset`` table, ``(B,)``.

    Frames of unknown configurations count as one for each label table: they may be of
    one.
    """
    pairs = zip(rows["config_id"].to_pylist(), rows["source"].to_pylist(), strict=True)
    return np.array([f"? {path}" if name is None else name for name, path in pairs])


def _chosen(
    path: str, config_hash: str, rows: NDArray[np.int64]
) -> Iterator[dict[str, NDArray]]:
    """Yield frames of one label table, given increasing rows of it."""
    for start, batch in label_batches(path, config_hash, FRAME_COLUMNS):
        begin, end = np.searchsorted(rows, [start, start + batch.num_rows])
        if end > begin:
            yield frame_arrays(batch.take(pa.array(rows[begin:end] - start)))
        if end == len(rows):
            return


def _frames(held: Mapping[str, NDArray], part: slice) -> Frames:
    return Frames(**{item.name: held[item.name][part] for item in fields(Frames)})


def split_of(configurations: NDArray[np.str_], split: Mapping[str, Any]) -> Rows:
    """Split frames by frame or by configuration.

    Args:
        configurations: Name of the configuration of every usable frame, ``(B,)``.
        split: Arguments of ``split_rows`` and, if not by frame, ``by``.

    Raises:
        TrainingError: There are too few frames or configurations.
    """
    if split.get("by", "frame") == "frame":
        arguments = {key: value for key, value in split.items() if key != "by"}
        return split_rows(len(configurations), **arguments)
    # Held-out frames are the same for all trainings in any case.
    arguments = {key: split[key] for key in split.keys() - {"by", "held_out"}}
    return split_configurations(configurations, **arguments)


def training_rows(
    data: DataSet, params: Mapping[str, Any], selection: str | None
) -> Rows:
    """Decide which frames train, validate and test a force field.

    Args:
        data: The usable frames.
        params: Parameters of the rule: ``split`` and ``expected``.
        selection: The ``selection`` table; None where training frames are drawn.

    Returns:
        Rows among the usable frames.

    Raises:
        TrainingError: There are fewer frames, or configurations, than asked for.
        TableError: The selection is missing, damaged or of another configuration.
    """
    rows = split_of(data.configurations, params["split"])
    if selection is None:
        return rows
    table = read_table(selection, SELECTION, params["expected"]["selection"])
    return replace(rows, train=table["row"].to_numpy()[: params["split"]["n_train"]])
