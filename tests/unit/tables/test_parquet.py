"""Tables are written whole or not at all, and read only if they are the right ones."""

import time

import pyarrow.parquet as pq
import pytest

from confvib.errors import TableError
from confvib.tables.contracts import HISTORY, METRICS
from confvib.tables.parquet import file_metadata, read_table, write_table
from confvib.tables.provenance import collect, file_sha256

ROW = {column.name: None for column in METRICS.columns} | {
    "model": "relax",
    "split": "test",
    "n_frames": 3,
    "energy_mae_meV": 1.5,
    "status": "ok",
    "reason": "",
}


@pytest.fixture
def written(tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("abc")
    path = tmp_path / "metrics.parquet"
    provenance = collect(
        "0123", started=time.monotonic(), inputs=[source], model_fingerprint="fed"
    )
    write_table(path, METRICS, [ROW], provenance)
    return path, source


def test_round_trip_with_units_and_provenance(written):
    path, source = written
    table = read_table(path, METRICS, "0123")
    assert table.to_pylist() == [ROW]
    assert table.schema.field("energy_mae_meV").metadata[b"unit"] == b"meV"
    metadata = file_metadata(table)
    assert metadata["schema"] == "metrics/3"
    assert metadata["model_fingerprint"] == "fed"
    assert file_sha256(source) in metadata["inputs"]
    assert metadata["version"]
    assert metadata["host"]


def test_another_configuration_is_refused_by_both_names(written):
    path, _ = written
    with pytest.raises(TableError, match=r"configuration '0123', but .* is '4567'"):
        read_table(path, METRICS, "4567")


def test_another_schema_is_refused_by_both_names(written):
    path, _ = written
    with pytest.raises(TableError, match=r"has schema 'metrics/3', expected 'history/1'"):
        read_table(path, HISTORY)


def test_a_truncated_file_is_named(written):
    path, _ = written
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        TableError, match=r"metrics\.parquet: not a readable Parquet file"
    ):
        read_table(path, METRICS)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TableError, match="no such file; expected a metrics/3 table"):
        read_table(tmp_path / "none.parquet", METRICS)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ROW, "extra": 1}, r"has unknown columns \['extra'\]"),
        ({k: v for k, v in ROW.items() if k != "split"}, r"lacks columns \['split'\]"),
        ({**ROW, "n_frames": "three"}, "a value does not fit its column"),
    ],
)
def test_a_bad_row_leaves_the_old_file(written, row, message):
    path, _ = written
    before = path.read_bytes()
    with pytest.raises(TableError, match=message):
        write_table(path, METRICS, [row], collect("0123", started=0.0))
    assert path.read_bytes() == before


def test_a_failed_write_leaves_no_debris(written, monkeypatch):
    path, source = written

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space left"):
        write_table(path, METRICS, [ROW], collect("0123", started=0.0))
    assert path.read_bytes() == before
    assert {p.name for p in path.parent.iterdir()} == {path.name, source.name}
