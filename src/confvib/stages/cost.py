"""What a campaign will cost, from measured steps; and what its finished jobs took."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from confvib.campaign.config import Campaign

if TYPE_CHECKING:  # which loads JAX
    from confvib.stages.calibration import Calibration

RELAXATION_STEPS = 60
"""Steps of a relaxation to the paper's 0.08 eV/Å; about what its timings imply."""

TIGHT_STEPS = 100
"""Steps of the tight relaxation under a Hessian."""


@dataclass(frozen=True)
class Assumed:
    """What is not known before a campaign has run.

    Attributes:
        relaxation_steps: Steps of each relaxation.
        tight_steps: Steps of each tight relaxation.
    """

    relaxation_steps: int = RELAXATION_STEPS
    tight_steps: int = TIGHT_STEPS


@dataclass(frozen=True)
class StageCost:
    """Device time of one stage of one set.

    Attributes:
        set_name: Name of the set.
        stage: What is done.
        n_jobs: Jobs of the stage.
        n_cells: Configurations of all jobs.
        seconds_per_cell: Predicted device time [s].
        recorded_s: Wall times of the jobs that are finished [s].
        recorded_cells: Configurations of these jobs.
    """

    set_name: str
    stage: str
    n_jobs: int
    n_cells: int
    seconds_per_cell: float
    recorded_s: tuple[float, ...] = ()
    recorded_cells: int = 0

    @property
    def total_s(self) -> float:
        """Predicted device time of all jobs [s]."""
        return self.n_cells * self.seconds_per_cell


def predicted(
    campaign: Campaign,
    n_cells: Mapping[str, int],
    calibration: "Calibration",
    assumed: Assumed,
    results: Path,
) -> Iterator[StageCost]:
    """Predict the device time of every stage that works through configurations.

    Args:
        campaign: The configuration.
        n_cells: Configurations of each set that go on.
        calibration: Measured steps.
        assumed: Numbers of steps.
        results: Folder of the campaign's results, for the times of finished jobs.

    Yields:
        One entry for each set and stage.
    """
    dynamics = campaign.dynamics
    production = dynamics.production_fs
    if dynamics.protocol == "thermalised":
        production += dynamics.equilibration_fs
    seconds = {
        "relaxed": assumed.relaxation_steps * calibration.relaxation_step_s,
        "harmonic": assumed.tight_steps * calibration.tight_step_s
        + calibration.hessian_s,
    }
    for temperature_K in dynamics.temperatures_K:
        steps = production / dynamics.timestep_fs
        seconds[f"dynamics {temperature_K:g} K"] = steps * calibration.md_step_s
    for name, settings in campaign.sets.items():
        for stage, each in seconds.items():
            kind, *temperature = stage.removesuffix(" K").split()
            folder = results / kind / name
            if temperature:
                folder /= f"{temperature[0]}K"
            recorded = list(_recorded(folder))
            yield StageCost(
                set_name=name,
                stage=stage,
                n_jobs=settings.chunks,
                n_cells=n_cells[name],
                seconds_per_cell=each,
                recorded_s=tuple(wall_time_s for wall_time_s, _ in recorded),
                recorded_cells=sum(n_cells for _, n_cells in recorded),
            )


def _recorded(folder: Path) -> Iterator[tuple[float, int]]:
    """Read wall time [s] and number of configurations of each finished job."""
    for path in sorted(folder.glob("*.parquet")):
        file = pq.read_metadata(path)
        metadata = file.metadata or {}
        yield float(metadata.get(b"confvib.wall_time_s", b"nan")), file.num_rows
