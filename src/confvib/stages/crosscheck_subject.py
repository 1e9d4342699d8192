"""One configuration of the cross-check, its runs and what refuses them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from confvib.dynamics.reference_crystal import ReferenceCrystal
from confvib.dynamics.relax import relax
from confvib.dynamics.state import EnergyFn, Status, statuses
from confvib.dynamics.velocities import configuration_key
from confvib.stages.job import Progress
from confvib.stages.relaxed_cells import RelaxedCells
from confvib.tables.crosscheck_contracts import FREE_ENERGIES


@dataclass(frozen=True)
class Subject:
    """One configuration at its minimum, and what is done to it.

    Attributes:
        config_id: Its name.
        cells: The cells it comes from, which know what a site is.
        crystal: The minimum with its Hessian.
        energy_fn: The energy, in the type the runs use.
        params: Parameters of the rule.
        progress: Where to report.
    """

    config_id: str
    cells: RelaxedCells
    crystal: ReferenceCrystal
    energy_fn: EnergyFn
    params: Mapping[str, Any]
    progress: Progress

    @property
    def minimum(self) -> NDArray[np.float64]:
        """Positions of the minimum [Å], shape (N, 3)."""
        return np.asarray(self.crystal.positions)

    def keys(self, temperature_K: float, purpose: str) -> jax.Array:
        """Return the random key of one method at one temperature."""
        name = f"crosscheck {purpose}"
        return configuration_key(self.params["seed"], self.config_id, temperature_K, name)

    def left(self, frames: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Say which runs have a frame that, quenched, has ions on other sites.

        Args:
            frames: Frames of each run with the centre of mass at rest, (W, V, N, 3) [Å].

        Returns:
            One flag per run, shape (W,).
        """
        search = self.params["harmonic"]
        ends = relax(
            self.energy_fn,
            frames.reshape(-1, *frames.shape[2:]),
            fmax_eV_per_A=search["fmax_eV_per_A"],
            max_steps=search["max_steps"],
        )
        moved = [self.cells.n_moved(self.minimum, end) for end in ends.positions]
        left = np.reshape(moved, frames.shape[:2]) > 0
        return np.any(left, axis=1)

    def report(self, method: str, done: int, total: int) -> None:
        """Report how far the runs of a method are."""
        self.progress.update(done, total, f"steps or samples of {method}")

    def verdict(
        self,
        codes: NDArray[np.integer],
        frames: NDArray[np.floating],
        couplings: NDArray[np.float64] | None = None,
    ) -> dict[str, Any]:
        """Refuse runs that failed and runs whose ions left their sites.

        Args:
            codes: Status codes of the runs, shape (W,).
            frames: Frames of each, centre of mass at rest [Å], shape (W, V, N, 3).
            couplings: λ of each run, named in the reason, shape (W,).

        Returns:
            The columns ``n_left_basin``, ``status`` and ``reason``.
        """
        bad = [status for status in statuses(codes) if status is not Status.OK]
        if bad:
            reason = f"{len(bad)} of {len(codes)} runs: {bad[0].sentence}"
            return {"status": bad[0].value, "reason": reason, "n_left_basin": None}
        left = self.left(frames)
        n_left = int(left.sum())
        if not n_left:
            return {"n_left_basin": 0, "status": Status.OK.value, "reason": ""}
        where = ""
        if couplings is not None:
            values = ", ".join(f"{value:.2f}" for value in np.unique(couplings[left]))
            where = f" (λ = {values})"
        return {
            "n_left_basin": n_left,
            "status": Status.LEFT_BASIN.value,
            "reason": f"In {n_left} of {len(codes)} runs{where} ions were on other "
            "sites: the average belongs to several configurations and is not formed.",
        }


def blank_row(config_id: str, temperature_K: float, method: str) -> dict[str, Any]:
    """Return a row of ``crosscheck_free_energies`` with nothing but its names."""
    return {
        **dict.fromkeys(column.name for column in FREE_ENERGIES.columns),
        "config_id": config_id,
        "temperature_K": temperature_K,
        "method": method,
        "status": Status.OK.value,
        "reason": "",
    }
