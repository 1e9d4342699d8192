"""``confvib export``: rows of a table as structure files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from confvib.cli.exported_rows import (
    about_row,
    choose_rows,
    has_positions,
    read_rows,
    row_atoms,
)
from confvib.cli.loading import load
from confvib.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    ForceOption,
    OverlayOption,
    reported,
)
from confvib.cli.written_files import check_free, container_of, write_texts
from confvib.crystal.export import SUFFIXES, structure_text
from confvib.crystal.structure_files import Format
from confvib.errors import CampaignError


@reported
def export(  # noqa: PLR0913 - one parameter per option of the command
    *,
    table: Annotated[
        Path, typer.Argument(help="A configurations or relaxed table (Parquet).")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            help="A folder (one file per row), an archive (.zip, .tar.gz), or one "
            ".extxyz file with a frame per row.",
        ),
    ],
    kind: Annotated[Format, typer.Option("--format", help="Format of the files.")],
    ids: Annotated[
        str | None, typer.Option("--ids", help="These rows: config_ids, comma between.")
    ] = None,
    ranks: Annotated[
        str | None, typer.Option("--ranks", help="These ranks, such as 0:10.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", help="So many rows, chosen by the seed.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of the sample; the campaign's.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every row.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    configfile: OverlayOption = None,
    force: ForceOption = False,
) -> None:
    """Write configurations, ideal or relaxed, as CIF, POSCAR or extxyz."""
    asked = [ids is not None, ranks is not None, sample is not None, everything]
    if sum(asked) != 1:
        raise CampaignError("expected exactly one of --ids, --ranks, --sample and --all")
    container = container_of(output)
    if container == "file" and kind != "extxyz":
        raise CampaignError(
            f"--output {output}: only extxyz holds several structures in one file; "
            f"expected a folder, .zip or .tar.gz for {kind}"
        )
    loaded = load(config, configfile)
    found = read_rows(table, loaded)
    campaign = loaded.campaign
    rows = choose_rows(
        table,
        found,
        campaign.crystal.equivalence,
        ids=ids,
        ranks=ranks,
        sample=sample,
        seed=campaign.seed if seed is None else seed,
    )
    written = [row for row in rows if has_positions(row)]
    lost = [row for row in rows if not has_positions(row)]
    _say_what_is_left_out(table, lost, len(rows))
    names = [f"{row['config_id']}{SUFFIXES[kind]}" for row in written]
    targets = [output / name for name in names] if container == "folder" else [output]
    check_free(targets, force=force)

    def texts() -> Iterator[tuple[str, str]]:
        for name, row in zip(names, written, strict=True):
            atoms = row_atoms(row, loaded.parent)
            yield name, structure_text(atoms, kind, about_row(row, found, loaded))

    write_texts(output, texts())
    typer.echo(f"{output}: {len(written)} of {found.num_rows} rows as {kind}")


def _say_what_is_left_out(table: Path, lost: list[dict[str, Any]], total: int) -> None:
    if not lost:
        return
    message = (
        f"{len(lost)} of {total} rows have no positions, first "
        f"{lost[0]['config_id']} ({lost[0]['status']})"
    )
    if len(lost) == total:
        raise CampaignError(f"{table}: {message}")
    typer.echo(f"confvib: {message}; they are left out", err=True)
