"""``confvib import-vasp``: finished VASP runs as labels that a campaign trains on."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from confvib.campaign.composition import group_counts
from confvib.cli.console import output as console
from confvib.cli.console import progress
from confvib.cli.loading import LoadedCampaign, load
from confvib.cli.options import DEFAULT_CONFIG, ForceOption, OverlayOption, reported
from confvib.cli.written_files import check_free
from confvib.errors import CampaignError, ConfigError, LabelError
from confvib.tables.contracts import LABELS
from confvib.tables.import_contracts import IMPORTED_RUNS
from confvib.tables.parquet import write_columns, write_table
from confvib.tables.provenance import collect


@dataclass(frozen=True)
class _Choice:
    """Which of the runs to take."""

    set_names: Sequence[str]
    tolerance_A: float
    level: str | None
    accept_levels: bool
    n_atoms: int | None


@reported
def import_vasp(  # noqa: PLR0913 - one parameter per option of the command
    *,
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="Folders, zip or tar archives, or vasprun.xml files (also compressed)."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", help="Table of labels to write (.parquet).")
    ],
    config: Annotated[
        Path | None, typer.Option("--config", help="Configuration of the campaign.")
    ] = None,
    configfile: OverlayOption = None,
    set_name: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Set whose configurations the runs are of; may be repeated. Without it "
            "a run is called by its path.",
        ),
    ] = None,
    tolerance_A: Annotated[
        float,
        typer.Option("--tolerance-A", help="Largest distance of an atom from its site."),
    ] = 0.5,
    level: Annotated[
        str | None,
        typer.Option("--level", help="Beginning of the hash of the level to take."),
    ] = None,
    accept_levels: Annotated[
        bool, typer.Option("--accept-levels", help="Take runs of every level of theory.")
    ] = False,
    atoms: Annotated[
        int | None, typer.Option("--atoms", min=1, help="Atoms in the cells to take.")
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Processes that share the work.")
    ] = 1,
    force: ForceOption = False,
) -> None:
    """Turn finished VASP runs into a table of labels for labels.imported."""
    started = time.monotonic()
    report = output.with_suffix(".runs.parquet")
    if output.suffix != ".parquet":
        raise CampaignError(f"--output {output}: expected a name that ends in .parquet")
    check_free([output, report], force=force)
    names = set_name or []
    campaigns = _campaigns(config, configfile, names)
    choice = _Choice(names, tolerance_A, level, accept_levels, atoms)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=output.parent) as spool:
        _import(sources, Path(spool), (output, report), campaigns, choice, jobs, started)


def _campaigns(
    config: Path | None, overlays: list[Path] | None, names: Sequence[str]
) -> list[LoadedCampaign]:
    """Return the campaign once per set, as a set is taken as enumerated."""
    if config is None and not overlays and not names:
        return []
    path = config or DEFAULT_CONFIG
    loaded = [load(path, overlays, enumerated=name) for name in names]
    loaded = loaded or [load(path, overlays)]
    for name in names:
        if name not in loaded[0].campaign.sets:
            raise ConfigError(
                f"--set {name}: expected one of the campaign's sets "
                f"{list(loaded[0].campaign.sets)}"
            )
    return loaded


def _import(
    sources: list[Path],
    spool: Path,
    written: tuple[Path, Path],
    campaigns: Sequence[LoadedCampaign],
    choice: _Choice,
    jobs: int,
    started: float,
) -> None:
    # Only here: pymatgen takes a second to load, which no other command should wait for.
    from confvib.cli import vasp_levels, vasp_summary, vasp_table
    from confvib.cli.vasp_configurations import name_configurations
    from confvib.cli.vasp_runs import read_runs

    reading = time.monotonic()
    with progress("import-vasp", None, "runs") as advance:
        entries = read_runs(sources, spool, advance, jobs=jobs)
    n_frames = sum(sum(entry.run.counts.values()) for entry in entries)
    rate = n_frames / (time.monotonic() - reading)
    output, report = written
    groups: list[vasp_levels.Group] = []
    try:
        vasp_levels.keep_size(entries, _wanted_size(campaigns, choice))
        groups = vasp_levels.group_levels(entries, _own_level(campaigns))
        vasp_levels.choose_level(groups, choice.level, accept_all=choice.accept_levels)
        name_configurations(
            entries,
            [
                (name, loaded, choice.tolerance_A)
                for name, loaded in zip(choice.set_names, campaigns, strict=False)
            ],
        )
    finally:
        provenance = collect(
            vasp_table.content_hash(entries),
            started=started,
            note=f"imported from {', '.join(str(source) for source in sources)}",
        )
        write_table(report, IMPORTED_RUNS, vasp_table.run_rows(entries), provenance)
        vasp_summary.print_runs(entries, rate)
        vasp_summary.print_levels(groups)
        typer.echo(f"{report}: the fate of every run")
    vasp_summary.print_configurations(entries, choice.set_names)
    taken = [entry for entry in entries if entry.is_taken]
    if not sum(entry.n_ok for entry in taken):
        raise LabelError(
            f"none of {len(entries)} runs has a frame to learn from; {report} says why"
        )
    write_columns(output, LABELS, vasp_table.label_parts(entries), provenance)
    if len({entry.level for entry in taken}) > 1:
        console().print(
            "warning: the table mixes levels of theory, and training refuses it"
        )
    typer.echo(f"{output}: {sum(entry.n_ok for entry in taken):,} frames to learn from")


def _wanted_size(campaigns: Sequence[LoadedCampaign], choice: _Choice) -> int | None:
    from confvib.cli.vasp_levels import size_of

    sizes = {
        size_of(group_counts(loaded.campaign.sets[name]), loaded)
        for name, loaded in zip(choice.set_names, campaigns, strict=False)
    }
    return choice.n_atoms or (sizes.pop() if len(sizes) == 1 else None)


def _own_level(campaigns: Sequence[LoadedCampaign]):  # noqa: ANN202 - see _import
    from confvib.cli.vasp_levels import level_of_campaign

    if not campaigns:
        return None
    try:
        return level_of_campaign(campaigns[0])
    except LabelError as error:
        console().print(f"not compared with the campaign's level of theory: {error}")
        return None
