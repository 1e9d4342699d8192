"""Rows of a configurations or relaxed table, chosen and turned into atoms."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from confvib.campaign.composition import group_counts
from confvib.campaign.names import set_chunks
from confvib.cli.loading import LoadedCampaign, enumerated_hash
from confvib.crystal.configuration import configuration_atoms, unpack_occupancy
from confvib.crystal.export import About
from confvib.crystal.identifiers import parse_configuration_id
from confvib.crystal.parent import ParentCrystal
from confvib.crystal.sampling import campaign_order
from confvib.errors import CampaignError, TableError
from confvib.stages.selection import eligible_rows
from confvib.tables.contracts import CONFIGURATIONS, RELAXED
from confvib.tables.parquet import file_metadata, read_table
from confvib.tables.provenance import file_sha256

if TYPE_CHECKING:
    from ase import Atoms

Row = Mapping[str, Any]


def read_rows(path: Path, loaded: LoadedCampaign) -> pa.Table:
    """Read a table whose rows are cells of this campaign's crystal.

    Args:
        path: A ``configurations`` or ``relaxed`` table.
        loaded: The campaign.

    Raises:
        TableError: It is another table, empty, or of another crystal.
    """
    table = read_table(path, RELAXED if _tag(path) == RELAXED.tag else CONFIGURATIONS)
    if table.num_rows == 0:
        raise TableError(f"{path}: has no rows")
    _check_origin(path, table, loaded)
    return table


def choose_rows(
    path: Path,
    table: pa.Table,
    equivalence: str,
    *,
    ids: str | None,
    ranks: str | None,
    sample: int | None,
    seed: int,
) -> list[dict[str, Any]]:
    """Return the rows asked for; all of them if nothing is.

    Args:
        path: Named in messages.
        table: The table.
        equivalence: Of the campaign; a sample is drawn from what it tells apart.
        ids: Names of configurations, separated by commas.
        ranks: First rank and the one after the last, such as "0:10".
        sample: Number of rows; a larger sample begins with the smaller one.
        seed: Of the sample.

    Raises:
        TableError: The table does not hold what was asked for.
    """
    if ids is not None:
        rows = _with_ids(path, table, [name.strip() for name in ids.split(",")])
    elif ranks is not None:
        rows = _with_ranks(path, table, ranks)
    elif sample is not None:
        eligible = eligible_rows(table, equivalence)
        rows = eligible[campaign_order(len(eligible), sample, seed)]
    else:
        rows = np.arange(table.num_rows)
    return table.take(pa.array(rows)).to_pylist()


def has_positions(row: Row) -> bool:
    """Tell whether a row says where its atoms are; a failed relaxation may not."""
    if "occupancy" in row:
        return True
    positions = np.array(row["positions"] or [np.nan], dtype=np.float64)
    return bool(np.isfinite(positions).all())


def row_atoms(row: Row, parent: ParentCrystal) -> "Atoms":
    """Build the cell of a row that has positions.

    Args:
        row: Of a ``configurations`` or ``relaxed`` table.
        parent: The crystal.
    """
    if "occupancy" in row:
        occupancy = unpack_occupancy([row["occupancy"]], len(parent.sites))[0]
        return configuration_atoms(parent, occupancy)
    from ase import Atoms

    return Atoms(
        numbers=row["numbers"],
        positions=np.reshape(row["positions"], (-1, 3)),
        cell=parent.cell,
        pbc=True,
    )


def about_row(row: Row, table: pa.Table, loaded: LoadedCampaign) -> About:
    """Return what the file of a row says of itself."""
    campaign = loaded.campaign
    about: dict[str, str | int | float] = {
        "config_id": row["config_id"],
        "set": parse_configuration_id(row["config_id"])[0],
        "multiplicity": row["multiplicity"],
        "equivalence": campaign.crystal.equivalence,
        "campaign": campaign.campaign,
        "config_hash": file_metadata(table)["config_hash"],
    }
    if "energy_eV" in row:
        about |= {"energy_eV": row["energy_eV"], "status": row["status"]}
    return about


def _tag(path: Path) -> str:
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return ""  # read_table says what is wrong
    tag = metadata.get(b"confvib.schema", b"none").decode()
    if tag not in (CONFIGURATIONS.tag, RELAXED.tag):
        raise TableError(
            f"{path}: has schema {tag!r}, expected {CONFIGURATIONS.tag!r} or "
            f"{RELAXED.tag!r}"
        )
    return tag


def _check_origin(path: Path, table: pa.Table, loaded: LoadedCampaign) -> None:
    campaign, metadata = loaded.campaign, file_metadata(table)
    name = parse_configuration_id(table["config_id"][0].as_py())[0]
    if name not in campaign.sets:
        raise TableError(
            f"{path}: holds set {name!r}, expected one of the campaign's sets "
            f"{list(campaign.sets)}"
        )
    hashes = {loaded.identities.configurations(name), enumerated_hash(loaded, name)}
    if "positions" in table.schema.names:
        hashes = {
            loaded.identities.relaxed(name, chunk) for chunk in set_chunks(campaign, name)
        }
        # A relaxed cell outlives a change of the settings, not one of the crystal.
        inputs = json.loads(metadata.get("inputs", "{}")).values()
        n_atoms = len(loaded.parent.framework_numbers) + _n_ions(loaded, name)
        if file_sha256(loaded.structure) in inputs and set(
            table["n_atoms"].to_pylist()
        ) == {n_atoms}:
            return
    if metadata.get("config_hash") not in hashes:
        raise TableError(
            f"{path}: made from configuration {metadata.get('config_hash')!r}, but set "
            f"{name!r} of this campaign is {loaded.identities.configurations(name)!r}; "
            "give the configuration that the table was made with"
        )


def _n_ions(loaded: LoadedCampaign, name: str) -> int:
    counts = group_counts(loaded.campaign.sets[name])
    groups = loaded.parent.groups
    return sum(counts[group.name] for group in groups if group.species != "X")


def _with_ids(path: Path, table: pa.Table, ids: Sequence[str]) -> list[int]:
    known = {name: row for row, name in enumerate(table["config_id"].to_pylist())}
    unknown = [name for name in ids if name not in known]
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        names = list(known)
        raise TableError(
            f"{path}: has no {', '.join(unknown[:3])}{more}; it holds {len(names)} "
            f"configurations from {names[0]} to {names[-1]}"
        )
    return [known[name] for name in ids]


def _with_ranks(path: Path, table: pa.Table, ranks: str) -> list[int]:
    found = re.fullmatch(r"(\d*):(\d*)", ranks)
    if found is None:
        raise CampaignError(
            f"--ranks {ranks}: expected the first rank and the one after the last, such "
            "as 0:10"
        )
    held = table["rank"].to_pylist()
    start, stop = int(found[1] or 0), int(found[2] or max(held) + 1)
    rows = [row for row, rank in enumerate(held) if start <= rank < stop]
    if not rows:
        raise TableError(
            f"{path}: has no rank in {ranks}; its ranks are {min(held)} to {max(held)}"
        )
    return rows
