"""What an import found, for a person."""

from pathlib import Path

from rich.table import Table

from confvib.cli.console import output, readable
from confvib.cli.imported_orbits import ImportedSet, status_counts

_ORDER = (
    "ok",
    "duplicate",
    "unmapped",
    "collision",
    "forbidden",
    "wrong_composition",
    "wrong_framework",
    "wrong_lattice",
    "unreadable",
)


def print_summary(source: Path, set_name: str, found: ImportedSet, rate: float) -> None:
    """Print the outcome: structures by status, then what the set lacks.

    Args:
        source: What was imported.
        set_name: The set.
        found: The outcome.
        rate: Structures read and mapped per second.
    """
    console = output()
    counts = status_counts(found.imports)
    total = counts.total()
    console.print(f"{source}: {total:,} structures for set {set_name}, {rate:,.0f} per s")
    console.print(_table(found))
    console.print(orbit_sentence(found))
    if found.pair_classes is not None:
        console.print(class_sentence(found, found.pair_classes))
        console.print(displacement_sentence(found))


def orbit_sentence(found: ImportedSet) -> str:
    """Say how many configurations were found and how many are missing."""
    head = f"{len(found.rows):,} of {readable(found.n_orbits)} configurations found"
    if found.pair_classes is None:
        return (
            f"{head}; the set is too large to enumerate, so that their ranks count the "
            "found ones only and missing ones are not listed"
        )
    missing = found.missing
    if not missing:
        return f"{head}, none missing"
    shared = sum(row["pair_fingerprint"] in found.found_classes for row in missing)
    return (
        f"{head}, {len(missing):,} missing, of which {shared:,} share the pair distances "
        "of a found one"
    )


def class_sentence(found: ImportedSet, pair_classes: list[str]) -> str:
    """Say how many classes of equal pair distances were found."""
    classes = set(pair_classes)
    missing = len(classes - found.found_classes)
    return (
        f"{len(found.found_classes):,} of {len(classes):,} classes of equal pair "
        f"distances found, {missing:,} missing"
    )


def displacement_sentence(found: ImportedSet) -> str:
    """Say how far ions were from their sites in the structures that mapped."""
    good = [row for row in found.imports if row["status"] in ("ok", "duplicate")]
    moves = [row["displacement_max_A"] for row in good]
    spread = [row["displacement_rms_A"] for row in good]
    known = [move for move in moves if move is not None]
    if not known:
        return "no ion was mapped"
    rms = [value for value in spread if value is not None]
    return (
        f"ions are up to {max(known):.3f} Å from their sites, root-mean-square up to "
        f"{max(rms):.3f} Å"
    )


def _table(found: ImportedSet) -> Table:
    table = Table()
    table.add_column("status")
    table.add_column("structures", justify="right")
    table.add_column("first", overflow="fold")
    counts = status_counts(found.imports)
    for status in _ORDER:
        if counts[status] or status == "ok":
            first = next((r for r in found.imports if r["status"] == status), None)
            example = f"{first['source']}: {first['reason']}" if first else ""
            table.add_row(
                status, f"{counts[status]:,}", "" if status == "ok" else example
            )
    return table
