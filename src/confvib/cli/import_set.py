"""``confvib import-set``: structures of another program as configurations of a set."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from confvib.campaign.composition import group_counts
from confvib.cli.console import progress
from confvib.cli.import_summary import orbit_sentence, print_summary
from confvib.cli.imported_orbits import ImportedSet, collect_orbits, count_set
from confvib.cli.loading import LoadedCampaign, load
from confvib.cli.mapped_files import Entry, Target, map_source
from confvib.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    ForceOption,
    OverlayOption,
    reported,
)
from confvib.cli.quarantine import write_quarantine
from confvib.cli.written_files import check_free
from confvib.crystal.structure_sources import count_files, source_digest
from confvib.errors import CampaignError, ConfigError
from confvib.tables.contracts import CONFIGURATIONS, IMPORTS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect


@reported
def import_set(  # noqa: PLR0913 - one parameter per option of the command
    *,
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder, zip or tar archive, or file with CIF, POSCAR or extxyz."
        ),
    ],
    set_name: Annotated[
        str, typer.Option("--set", help="Set of the configuration they belong to.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", help="Table of the configurations found (.parquet)."),
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    configfile: OverlayOption = None,
    tolerance_A: Annotated[
        float,
        typer.Option("--tolerance-A", help="Largest distance of an atom from its site."),
    ] = 0.5,
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", help="Folder for what is no configuration."),
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Processes that share the work.")
    ] = 1,
    force: ForceOption = False,
) -> None:
    """Find out which configurations of a set the structures of other programs are."""
    started = time.monotonic()
    folder = quarantine or output.with_suffix(".quarantine")
    report = output.with_suffix(".imports.parquet")
    loaded = load(config, configfile, enumerated=set_name)
    _check_paths(loaded, source, set_name, [output, report, folder], force=force)
    counts = group_counts(loaded.campaign.sets[set_name])
    target = Target(loaded.parent, counts, loaded.rules, tolerance_A)
    n_orbits = count_set(target)
    digest = source_digest(source)
    reading = time.monotonic()
    with progress("import-set", count_files(source), "files") as advance:
        entries = map_source(source, target, advance, processes=processes)
    rate = len(entries) / (time.monotonic() - reading)
    found = collect_orbits(entries, target, set_name, loaded.crystal, n_orbits)
    _write(loaded, found, (output, report), (source, digest), set_name, started)
    print_summary(source, set_name, found, rate)
    typer.echo(f"{output}: {len(found.rows)} configurations")
    typer.echo(f"{report}: the fate of every structure")
    _set_aside(folder, source, entries)
    if not found.rows:
        raise CampaignError(
            f"{source}: none of {len(entries)} structures is a configuration of set "
            f"{set_name!r}; {report} says why"
        )


def _check_paths(
    loaded: LoadedCampaign,
    source: Path,
    set_name: str,
    written: list[Path],
    *,
    force: bool,
) -> None:
    campaign, output = loaded.campaign, written[0]
    if set_name not in campaign.sets:
        raise ConfigError(
            f"--set {set_name}: expected one of the campaign's sets {list(campaign.sets)}"
        )
    if output.suffix != ".parquet":
        raise CampaignError(f"--output {output}: expected a name that ends in .parquet")
    made = loaded.root / "results" / campaign.campaign / "configurations"
    if output.resolve().parent == made.resolve():
        raise CampaignError(
            f"--output {output}: the workflow writes that table; write to another folder "
            f"and name it in sets.{set_name}.imported"
        )
    for path in written:
        if source.is_dir() and path.resolve().is_relative_to(source.resolve()):
            raise CampaignError(
                f"{path}: lies within {source}, where the next import would read it; "
                "expected a path outside"
            )
    check_free(written, force=force)


def _write(
    loaded: LoadedCampaign,
    found: ImportedSet,
    paths: tuple[Path, Path],
    source: tuple[Path, str],
    set_name: str,
    started: float,
) -> None:
    ranks = "their ranks are those of the complete enumeration"
    if found.pair_classes is None:
        ranks = "their ranks count the configurations found"
    provenance = collect(
        loaded.identities.configurations(set_name),
        started=started,
        inputs=[loaded.structure],
        equivalence="symmetry",
        note=f"imported from {source[0].name}: {orbit_sentence(found)}; {ranks}",
    )
    inputs = provenance.inputs | {str(source[0]): source[1]}
    provenance = replace(provenance, inputs=inputs)
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    write_table(paths[1], IMPORTS, found.imports, provenance)
    write_table(paths[0], CONFIGURATIONS, found.rows, provenance)


def _set_aside(folder: Path, source: Path, entries: list[Entry]) -> None:
    failed = [entry for entry in entries if entry.mapped.status != "ok"]
    if failed:
        write_quarantine(folder, source, failed)
        typer.echo(f"{folder}: {len(failed)} structures that did not map, with reasons")
