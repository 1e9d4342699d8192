"""``confvib cost``: device time of a campaign, from a short calibration."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pyarrow.parquet as pq
import typer
from rich.table import Table

from confvib.campaign.composition import group_counts
from confvib.cli.console import output
from confvib.cli.count import feasible_ratios
from confvib.cli.loading import LoadedCampaign, load
from confvib.cli.options import DEFAULT_CONFIG, ConfigOption, OverlayOption, reported
from confvib.crystal.configuration import configuration_atoms
from confvib.crystal.drawing import draw_orbits
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.rules import conflict_matrix
from confvib.crystal.site_graph import SiteGraph
from confvib.errors import EnumerationError
from confvib.stages.cost import (
    RELAXATION_STEPS,
    TIGHT_STEPS,
    Assumed,
    StageCost,
    predicted,
)

if TYPE_CHECKING:
    from confvib.stages.calibration import Calibration

_CELLS_ON_A_PROCESSOR = 2
"""A processor treats cells one after the other: more of them say nothing new."""

_NOTE = (
    "Predicted for one device like the one measured, without start-up and compilation of "
    "each job, mode followings, quenches, labels and training. Recorded: finished jobs, "
    "start-up and compilation included, last attempt of each."
)


@reported
def cost(
    *,
    config: ConfigOption = DEFAULT_CONFIG,
    configfile: OverlayOption = None,
    relaxation_steps: Annotated[
        int, typer.Option(min=1, help="Steps of a relaxation.")
    ] = RELAXATION_STEPS,
    tight_steps: Annotated[
        int, typer.Option(min=1, help="Steps of the tight relaxation under a Hessian.")
    ] = TIGHT_STEPS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a few steps on this device and predict the campaign's device time."""
    loaded = load(config, configfile)
    calibration = _calibrated(loaded)
    assumed = Assumed(relaxation_steps, tight_steps)
    results = loaded.root / "results" / loaded.campaign.campaign
    stages = list(
        predicted(loaded.campaign, _n_cells(loaded), calibration, assumed, results)
    )
    if as_json:
        report = {
            **asdict(calibration),
            **asdict(assumed),
            "stages": [asdict(stage) for stage in stages],
            "total_s": sum(stage.total_s for stage in stages),
        }
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print(calibration, assumed, stages)


def _n_cells(loaded: LoadedCampaign) -> dict[str, int]:
    """Count what goes on of each set; classes of equal distances count as distinct."""
    names = [group.name for group in loaded.parent.groups]
    found = {
        ratio.counts: ratio.n_inequivalent
        for ratio in feasible_ratios(loaded, any_composition=False)
    }
    cells = {}
    for name, settings in loaded.campaign.sets.items():
        counts = group_counts(settings)
        available = found.get(tuple(counts[group] for group in names), 0)
        if settings.draw is not None:
            available = min(settings.draw, available)
        if settings.imported is not None:
            available = _n_imported(loaded.root / settings.imported)
        cells[name] = available if settings.sample == "all" else settings.sample
    return cells


def _n_imported(table: Path) -> int:
    """Count the configurations that an imported table names."""
    return len(
        pq.read_table(table, columns=["config_id"])["config_id"].drop_null().unique()
    )


def _calibrated(loaded: LoadedCampaign) -> "Calibration":
    # Only here: JAX takes a second to load, which no other command should wait for.
    import jax

    from confvib.stages.calibration import Calibration, Calibrator
    from confvib.stages.runtime import configure_jax

    configure_jax()
    campaign, parent = loaded.campaign, loaded.parent
    settings = next(iter(campaign.sets.values()))
    atoms = configuration_atoms(parent, _arrangement(loaded, group_counts(settings)))
    calibrator = Calibrator(
        atoms.numbers,
        np.asarray(parent.cell),
        atoms.positions,
        {name: loaded.identities.training(name) for name in ("relax", "md")},
        campaign.labels.ionic.model_dump(),
    )
    relaxation, harmonic = campaign.relaxation, campaign.harmonic
    dynamics = campaign.dynamics
    most = _CELLS_ON_A_PROCESSOR if jax.default_backend() == "cpu" else 10**9
    return Calibration(
        device=jax.local_devices()[0].device_kind,
        relaxation_step_s=calibrator.relaxation_step_s(
            relaxation.potential, relaxation.precision, min(relaxation.batch_size, most)
        ),
        tight_step_s=calibrator.relaxation_step_s(harmonic.potential, "float64", 1),
        hessian_s=calibrator.hessian_s(harmonic.potential, harmonic.columns_per_batch),
        md_step_s=calibrator.md_step_s(
            dynamics.potential,
            dynamics.precision,
            min(dynamics.batch_size, most),
        ),
    )


def _arrangement(loaded: LoadedCampaign, counts: Mapping[str, int]) -> np.ndarray:
    """Return the occupied places of some arrangement of a set."""
    parent = loaded.parent
    graph = SiteGraph.build(conflict_matrix(parent, loaded.rules), parent.kinds)
    wanted = [counts[group.name] for group in parent.groups]
    try:
        return draw_orbits(graph, parent.permutations, wanted, 1, 0).occupancy[0]
    except EnumerationError:  # too few of them to draw from
        return enumerate_configurations(parent, counts, loaded.rules).occupancy[0]


def _print(
    calibration: "Calibration", assumed: Assumed, stages: Sequence[StageCost]
) -> None:
    console = output()
    console.print(
        f"{calibration.device}, per cell: relaxation step "
        f"{_time(calibration.relaxation_step_s)}, tight step "
        f"{_time(calibration.tight_step_s)}, Hessian {_time(calibration.hessian_s)}, MD "
        f"step {_time(calibration.md_step_s)}; assumed {assumed.relaxation_steps} and "
        f"{assumed.tight_steps} relaxation steps"
    )
    total_s = sum(stage.total_s for stage in stages)
    table = Table(show_footer=True)
    for title, footer in (
        ("set", "total"),
        ("stage", ""),
        ("jobs", str(sum(stage.n_jobs for stage in stages))),
        ("cells", ""),
        ("per cell", ""),
        ("per job", ""),
        ("all jobs", _time(total_s)),
        ("recorded per cell", ""),
    ):
        table.add_column(title, footer, justify="left" if title == "set" else "right")
    for stage in stages:
        table.add_row(*_row(stage))
    console.print(table)
    console.print(_NOTE)


def _row(stage: StageCost) -> list[str]:
    recorded = "–"
    if stage.recorded_cells:
        per_cell_s = sum(stage.recorded_s) / stage.recorded_cells
        recorded = f"{_time(per_cell_s)} ({len(stage.recorded_s)} jobs)"
    return [
        stage.set_name,
        stage.stage,
        str(stage.n_jobs),
        f"{stage.n_cells:,}",
        _time(stage.seconds_per_cell),
        _time(stage.total_s / stage.n_jobs),
        _time(stage.total_s),
        recorded,
    ]


_UNITS: tuple[tuple[float, str], ...] = (
    (86400.0, "d"),
    (3600.0, "h"),
    (60.0, "min"),
    (1.0, "s"),
    (1e-3, "ms"),
)


def _time(seconds: float) -> str:
    size, unit = next((u for u in _UNITS if seconds >= u[0]), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}"
