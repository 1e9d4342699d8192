"""``confvib count``: which occupancies the rules allow, how many arrangements each."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from confvib.campaign.composition import group_counts, ions_required
from confvib.cli.console import output, readable
from confvib.cli.loading import LoadedCampaign, load
from confvib.cli.options import DEFAULT_CONFIG, ConfigOption, OverlayOption, reported
from confvib.crystal.burnside import Ratio, count_ratios
from confvib.crystal.parent import ParentCrystal
from confvib.crystal.rules import conflict_matrix
from confvib.crystal.site_graph import SiteGraph

_FOOTNOTE = (
    "Classes of equal pair distances are known only once a set is enumerated: see "
    "pair_representative in its configurations table."
)


@reported
def count(
    *,
    config: ConfigOption = DEFAULT_CONFIG,
    configfile: OverlayOption = None,
    any_composition: Annotated[
        bool,
        typer.Option(
            "--any-composition", help="Every feasible count, not only crystal.formula."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON with exact integers.")
    ] = False,
) -> None:
    """Count the arrangements of every feasible occupancy, exactly, making none."""
    started = time.monotonic()
    loaded = load(config, configfile)
    ratios = feasible_ratios(loaded, any_composition=any_composition)
    report = _report(loaded, ratios, time.monotonic() - started)
    if not any_composition and _required(loaded) is None:
        report["note"] = (
            "No species of crystal.formula is framework alone, so that it fixes no "
            "number of ions: every feasible count is listed."
        )
    if as_json:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print(report)


def feasible_ratios(loaded: LoadedCampaign, *, any_composition: bool) -> list[Ratio]:
    """Count every occupancy that the distance rules allow.

    Args:
        loaded: The campaign.
        any_composition: Do not ask for the composition of ``crystal.formula``.

    Returns:
        One row per feasible occupancy, sorted by counts.
    """
    parent = loaded.parent
    graph = SiteGraph.build(conflict_matrix(parent, loaded.rules), parent.kinds)
    required = None if any_composition else _required(loaded)
    totals = _full_sites(parent) + [
        (_groups(parent, species=species), number)
        for species, number in (required or {}).items()
    ]
    sizes = [len(group.indices) for group in parent.groups]
    return count_ratios(graph, parent.permutations, [0] * len(sizes), sizes, totals)


def _required(loaded: LoadedCampaign) -> Mapping[str, int] | None:
    return ions_required(loaded.campaign.crystal, loaded.parent)


def _full_sites(parent: ParentCrystal) -> list[tuple[tuple[int, ...], int]]:
    """Where vacancies are listed, every site holds something."""
    vacant = [group for group in parent.groups if group.species == "X"]
    return [(_groups(parent, site=group.site), len(group.indices)) for group in vacant]


def _groups(
    parent: ParentCrystal, *, species: str | None = None, site: str | None = None
) -> tuple[int, ...]:
    return tuple(
        number
        for number, group in enumerate(parent.groups)
        if species in (None, group.species) and site in (None, group.site)
    )


def _report(
    loaded: LoadedCampaign, ratios: Sequence[Ratio], time_s: float
) -> dict[str, Any]:
    parent, campaign = loaded.parent, loaded.campaign
    names = [group.name for group in parent.groups]
    wanted = {name: group_counts(settings) for name, settings in campaign.sets.items()}
    rows = []
    for ratio in ratios:
        counts = dict(zip(names, ratio.counts, strict=True))
        rows.append(
            {
                "counts": counts,
                "raw_count": ratio.raw_count,
                "n_inequivalent": ratio.n_inequivalent,
                "sets": [name for name, value in wanted.items() if value == counts],
            }
        )
    found = {name for row in rows for name in row["sets"]}
    return {
        "campaign": campaign.campaign,
        "structure": str(campaign.crystal.structure),
        "formula": campaign.crystal.formula,
        "space_group": parent.space_group[0],
        "space_group_number": parent.space_group[1],
        "n_operations": len(parent.permutations),
        "rules": [str(rule) for rule in loaded.rules],
        "equivalence": campaign.crystal.equivalence,
        "ratios": rows,
        "raw_count": sum(ratio.raw_count for ratio in ratios),
        "n_inequivalent": sum(ratio.n_inequivalent for ratio in ratios),
        "infeasible_sets": [name for name in wanted if name not in found],
        "wall_time_s": round(time_s, 3),
    }


def _print(report: dict[str, Any]) -> None:
    console = output()
    console.print(
        f"{Path(report['structure']).stem} ({report['formula']}), "
        f"{report['space_group']} ({report['space_group_number']}), "
        f"{report['n_operations']} operations on the sites; "
        f"rules: {', '.join(report['rules']) or 'none'}; "
        f"equivalence: {report['equivalence']}; {report['wall_time_s']:.1f} s"
    )
    for name in report["infeasible_sets"]:
        console.print(f"set {name}: the rules forbid every arrangement")
    if report["ratios"]:
        console.print(_table(report))
    else:
        console.print("No occupancy obeys the rules and the composition.")
    for note in (report.get("note"), _FOOTNOTE):
        if note:
            console.print(note)


def _table(report: dict[str, Any]) -> Table:
    table = Table(show_footer=True)
    names = list(report["ratios"][0]["counts"])
    for number, name in enumerate(names):
        table.add_column(name, "total" if number == 0 else "", justify="right")
    for title, key in (("arrangements", "raw_count"), ("inequivalent", "n_inequivalent")):
        table.add_column(title, readable(report[key]), justify="right", no_wrap=True)
    table.add_column("set")
    for row in report["ratios"]:
        table.add_row(
            *(str(row["counts"][name]) for name in names),
            readable(row["raw_count"]),
            readable(row["n_inequivalent"]),
            ", ".join(row["sets"]),
        )
    return table
