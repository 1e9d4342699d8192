"""Stage ``score_committee``: energies of relaxed cells from a whole committee."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from confvib.dynamics.evaluation import BatchMode, evaluate_batch
from confvib.dynamics.state import Bounds, EnergyFn, Status
from confvib.forcefield.checkpoint import fingerprint
from confvib.forcefield.model import TrainedModel
from confvib.stages.batch_size import bytes_of_cells
from confvib.stages.chunk import Chunk, chunk_of
from confvib.stages.job import Progress
from confvib.stages.potentials import bind_model, load_checked
from confvib.stages.relaxed_cells import RelaxedCells, read_relaxed_cells
from confvib.stages.runtime import configure_jax
from confvib.tables.committee_contracts import COMMITTEE
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.thermo.committee import member_spread

_ROUNDING_EV_PER_ATOM = {"float32": 1e-5, "float64": 1e-8}
"""What a relaxation may have lost of its last energy, besides the last bits of the total:
2 meV per cell of 192 atoms in float32, a tenth of k_B T at 300 K."""

Row = dict[str, Any]


def score_committee(
    structure: str,
    relaxed: str,
    models: Sequence[str],
    output: str,
    params: Mapping[str, Any],
    batch_size: int,
    progress: Progress,
) -> None:
    """Evaluate every relaxed cell of a chunk with each member of a committee.

    Float64 throughout: a spread is a small difference of large energies.

    Args:
        structure: CIF of the parent crystal.
        relaxed: The ``relaxed`` table of the chunk.
        models: Checkpoints of the members, the one that relaxed the cells first.
        output: The ``committee`` table.
        params: Parameters of the rule.
        batch_size: Cells on the device at once.
        progress: Where to report.
    """
    started = time.monotonic()
    configure_jax()
    expected = params["expected"]
    cells = read_relaxed_cells(structure, relaxed, params["crystal"], expected["relaxed"])
    members = [
        load_checked(path, config_hash)
        for path, config_hash in zip(models, expected["models"], strict=True)
    ]
    inputs = [structure, relaxed, *models]
    with chunk_of(cells.config_ids, COMMITTEE, params, inputs, progress) as chunk:
        _Scores(chunk, cells, params).run(members, batch_size)
        if not chunk.is_whole:
            return
        found = chunk.finished.rows
        rows = [
            found.get(row["config_id"]) or _left_out(row, params["members"])
            for row in cells.rows
        ]
        provenance = collect(
            params["config_hash"],
            started=started,
            inputs=inputs,
            model_fingerprint=fingerprint(members[0]),
            equivalence=params["crystal"]["equivalence"],
        )
        write_table(output, COMMITTEE, rows, provenance)
        chunk.finished.remove()
    progress.say(_summary(rows, len(members)))


class _Scores:
    """The energies of a chunk."""

    def __init__(
        self, chunk: Chunk, cells: RelaxedCells, params: Mapping[str, Any]
    ) -> None:
        self.chunk, self.cells = chunk, cells
        self.members: Sequence[str] = params["members"]
        self.precision: str = params["precision"]
        self.relaxed_eV = {row["config_id"]: row["energy_eV"] for row in cells.rows}

    def run(self, models: Sequence[TrainedModel], batch_size: int) -> None:
        """Evaluate what is left, with wider tables where needed."""
        cells = self.cells
        for widening in self.chunk.tries():
            energy_fns = [
                bind_model(
                    model,
                    {},
                    cells.numbers,
                    cells.cell,
                    cells.positions,
                    "float64",
                    widening,
                    self.chunk.progress.say,
                )
                for model in models
            ]
            self.chunk.in_batches_that_fit(
                partial(self._evaluate, energy_fns),
                min(batch_size, len(self.chunk.own())),
                # Members are alike and take turns: what fits one fits all.
                bytes_of_cells(energy_fns[0], cells.positions.shape[1:], "float64"),
            )

    def _evaluate(self, energy_fns: Sequence[EnergyFn], n_cells: int) -> None:
        todo, mode = self.chunk.todo(), BatchMode.for_device()
        for first in range(0, len(todo), n_cells):
            batch = todo[first : first + n_cells]
            # The last batch is filled up: one of another size would be another program.
            positions = jnp.asarray(self.cells.positions[np.resize(batch, n_cells)])
            found = [evaluate_batch(each, mode, positions) for each in energy_fns]
            energies = np.array([each.energy_eV for each, _ in found])
            forces = np.array([each.forces_eV_per_A for each, _ in found])
            fmax = np.linalg.norm(forces, axis=-1).max(axis=-1)
            codes = np.array([code for _, code in found])
            for place, index in enumerate(batch):
                self.chunk.keep(
                    self._row(index, energies[:, place], fmax[:, place], codes[:, place])
                )

    def _row(
        self,
        index: int,
        energies_eV: NDArray[np.float64],
        fmax_eV_per_A: NDArray[np.float64],
        codes: NDArray[np.int8],
    ) -> Row:
        """Describe one cell, with one value per member."""
        config_id = self.cells.config_ids[index]
        status, reason = self._verdict(self.relaxed_eV[config_id], energies_eV, codes)
        row = {
            **_left_out({"config_id": config_id}, self.members),
            "status": status.value,
            "reason": reason,
        }
        if codes.any():
            return row
        good = status is Status.OK
        return row | {
            "energies_eV": energies_eV.tolist(),
            "energy_spread_eV": member_spread(energies_eV) if good else None,
            "fmax_eV_per_A": fmax_eV_per_A.tolist(),
        }

    def _verdict(
        self,
        relaxed_eV: float,
        energies_eV: NDArray[np.float64],
        codes: NDArray[np.int8],
    ) -> tuple[Status, str]:
        """Return the status of a row and why it is not ok."""
        n_atoms, own_eV = len(self.cells.numbers), float(energies_eV[0])
        for name, energy_eV, code in zip(self.members, energies_eV, codes, strict=True):
            status = Status.from_code(int(code))
            if status is not Status.OK:
                return status, f"{name}: {status.sentence}"
            away = (energy_eV - own_eV) / n_atoms
            most = Bounds().energy_change_eV_per_atom
            if abs(away) > most:
                reason = (
                    f"{name}: {away:+.2f} eV/atom from {self.members[0]}, expected at "
                    f"most {most:g}"
                )
                return Status.DIVERGED, reason
        epsilon = float(np.finfo(self.precision).eps)
        rounding_eV = n_atoms * _ROUNDING_EV_PER_ATOM[self.precision]
        rounding_eV += 8 * epsilon * abs(relaxed_eV)
        if abs(own_eV - relaxed_eV) > rounding_eV:
            reason = (
                f"{self.members[0]}: {own_eV:.6f} eV for a cell whose relaxation ended "
                f"at {relaxed_eV:.6f} eV, expected the same within {rounding_eV:.1e} eV"
            )
            return Status.FAILED, reason
        return Status.OK, ""


def _left_out(row: Mapping[str, Any], members: Sequence[str]) -> Row:
    """Return the row of a cell whose relaxation gave nothing to work on."""
    return {
        **dict.fromkeys(column.name for column in COMMITTEE.columns),
        "config_id": row["config_id"],
        "members": list(members),
        "status": Status.FAILED.value,
        "reason": f"not attempted; the relaxation ended with {row.get('status')!r}",
    }


def _summary(rows: Sequence[Row], n_members: int) -> str:
    spreads = [row["energy_spread_eV"] for row in rows if row["status"] == Status.OK]
    text = f"{len(spreads)} of {len(rows)} cells scored by {n_members} members"
    if not spreads:
        return text
    return text + f"; rms spread {1e3 * np.sqrt(np.mean(np.square(spreads))):.1f} meV"
