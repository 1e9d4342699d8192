"""Section ``labels.imported``: which file it names, and what it makes stale."""

import copy
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.identity import Identities
from confvib.campaign.label_identity import label_tables
from confvib.errors import ConfigError
from confvib.tables.contracts import HISTORY, LABELS
from confvib.tables.parquet import write_columns, write_table
from confvib.tables.provenance import Provenance

ROOT = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def write_labels(path, energy_eV=-1.0, config_hash="cafe"):
    row = {column.name: None for column in LABELS.columns}
    row |= {"config_id": "a", "task": "relaxation", "status": "ok", "reason": ""}
    row |= {"energy_eV": np.array([energy_eV])}
    write_columns(path, LABELS, [row], Provenance(config_hash))
    return path


def campaign(imported, relax=("relaxation", "mine"), md=("heating",)):
    raw = copy.deepcopy(DEFAULT)
    raw["labels"]["imported"] = {name: str(path) for name, path in imported.items()}
    raw["potentials"]["relax"]["labels"] = list(relax)
    raw["potentials"]["md"]["labels"] = list(md)
    return load_campaign(raw, ROOT)


@pytest.fixture
def table(tmp_path):
    return write_labels(tmp_path / "mine.parquet")


def test_an_imported_table_is_read_beside_the_computed_ones(table):
    loaded = campaign({"mine": table})
    tables = label_tables(loaded, loaded.potentials.relax.labels)
    assert tables[-1] == ("mine", "")
    assert {source for source, _ in tables[:-1]} == {"relaxation"}
    hashes = Identities(loaded, ROOT).label_hashes("relax")
    assert len(hashes) == len(tables)
    assert hashes[-1] == "cafe"


def test_naming_a_table_that_nothing_learns_from_makes_nothing_stale(table):
    plain = Identities(load_campaign(DEFAULT, ROOT), ROOT)
    named = Identities(campaign({"mine": table}, relax=("relaxation",)), ROOT)
    for name in ("relax", "md"):
        assert plain.model(name) == named.model(name)
        assert plain.label_hashes(name) == named.label_hashes(name)


def test_the_content_of_the_file_decides_whether_a_force_field_is_stale(table, tmp_path):
    def models(path):
        identities = Identities(campaign({"mine": path}), ROOT)
        return identities.model("relax"), identities.model("md")

    before = models(table)
    moved = tmp_path / "elsewhere.parquet"
    moved.write_bytes(table.read_bytes())
    assert models(moved) == before
    # Someone takes a frame out and leaves the metadata as it is.
    pq.write_table(pq.read_table(table).slice(0, 0), moved)
    edited = models(moved)
    assert edited[0] != before[0]
    assert edited[1] == before[1]


def test_the_order_of_tables_is_that_of_the_hashes(table, tmp_path):
    other = write_labels(tmp_path / "other.parquet", -2.0, "beef")
    loaded = campaign({"mine": table, "theirs": other}, relax=("theirs", "mine"))
    assert Identities(loaded, ROOT).label_hashes("relax") == ["beef", "cafe"]


def test_mistakes_name_the_key_and_the_file(table, tmp_path):
    with pytest.raises(ConfigError, match=r"labels\.imported\.mine = .*: no such file"):
        campaign({"mine": tmp_path / "nothing.parquet"})
    history = tmp_path / "history.parquet"
    write_table(history, HISTORY, [], Provenance("x"))
    with pytest.raises(ConfigError, match=r"has schema 'history/1', expected 'labels/"):
        campaign({"mine": history})
    text = tmp_path / "text.parquet"
    text.write_text("no table")
    with pytest.raises(ConfigError, match=r"labels\.imported\.mine: .*not a readable"):
        campaign({"mine": text})
    with pytest.raises(ConfigError, match="'heating' is a task or key of this section"):
        campaign({"heating": table})
    with pytest.raises(
        ConfigError, match=r"potentials\.relax\.labels names 'yours': expected a section"
    ):
        campaign({"mine": table}, relax=("yours",))
