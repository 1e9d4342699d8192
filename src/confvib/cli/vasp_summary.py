"""What an import of finished VASP runs found, for a person."""

from collections import Counter
from collections.abc import Sequence

from rich.table import Table

from confvib.cli.console import output
from confvib.cli.vasp_levels import Group, said_differences
from confvib.cli.vasp_runs import Entry

_ORDER = (
    "ok",
    "cut",
    "unconverged",
    "duplicate",
    "other_size",
    "other_level",
    "no_frames",
    "no_vasprun",
    "unreadable",
)


def print_runs(entries: Sequence[Entry], rate: float) -> None:
    """Print how many runs and frames have which fate.

    Args:
        entries: The runs.
        rate: Frames read per second.
    """
    console = output()
    frames: Counter[str] = Counter()
    for entry in entries:
        if entry.is_taken:
            frames.update(entry.run.counts)
    console.print(f"{len(entries):,} runs, {rate:,.0f} frames per s")
    console.print(_fates(entries))
    unusable = [f"{n:,} {each}" for each, n in sorted(frames.items()) if each != "ok"]
    also = f"; besides, {', '.join(unusable)}" if unusable else ""
    console.print(f"{frames['ok']:,} frames to learn from{also}")
    predicted = sum(entry.run.n_predicted for entry in entries)
    if predicted:
        console.print(
            f"{predicted:,} steps that a force field of VASP predicted were left out"
        )


def print_levels(groups: Sequence[Group]) -> None:
    """Print the levels of theory, and in what they differ.

    Args:
        groups: Runs by level.
    """
    console = output()
    table = Table()
    for title, justify in (("level", "left"), ("runs", "right"), ("frames", "right")):
        table.add_column(title, justify="right" if justify == "right" else "left")
    table.add_column("compared with the campaign", overflow="fold")
    for group in groups:
        numbers = (f"{len(group.entries):,}", f"{group.n_ok:,}")
        table.add_row(group.name, *numbers, _compared(group))
    console.print(table)
    if len(groups) > 1:
        console.print(f"the levels differ in {said_differences(groups)}")


def print_configurations(entries: Sequence[Entry], set_names: Sequence[str]) -> None:
    """Print of how many configurations the runs are.

    Args:
        entries: The runs.
        set_names: Sets that they were mapped onto.
    """
    taken = [entry for entry in entries if entry.is_taken]
    ids = {entry.config_id for entry in taken}
    text = f"{len(taken):,} runs of {len(ids):,} configurations"
    paths = [entry for entry in taken if entry.mapping]
    if set_names and paths:
        text += (
            f"; {len(paths):,} runs do not map onto {', '.join(set_names)}, the first "
            f"because {paths[0].run.name}: {paths[0].mapping}"
        )
    output().print(text)


def _compared(group: Group) -> str:
    if group.foreign is None:
        return ""
    return ", ".join(group.foreign) or "the campaign's own"


def _fates(entries: Sequence[Entry]) -> Table:
    table = Table()
    table.add_column("status")
    table.add_column("runs", justify="right")
    table.add_column("first", overflow="fold")
    counts = Counter(entry.status for entry in entries)
    for status in _ORDER:
        if counts[status] or status == "ok":
            first = next((e for e in entries if e.status == status), None)
            example = f"{first.run.name}: {first.reason}" if first else ""
            shown = "" if status == "ok" else example
            table.add_row(status, f"{counts[status]:,}", shown)
    return table
