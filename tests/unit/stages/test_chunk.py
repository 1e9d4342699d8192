"""Second tries, smaller batches, and what is on disk when a job ends early."""

import io

import jax
import pytest

from confvib.errors import Interrupted
from confvib.stages import finished
from confvib.stages.chunk import Chunk, chunk_of
from confvib.stages.finished import FinishedRows
from confvib.stages.job import Progress
from confvib.tables.contracts import HARMONIC

IDS = ["s-0", "s-1", "s-2", "s-3"]


def row(config_id, status="ok", energy_eV=-1.0):
    blank = dict.fromkeys(column.name for column in HARMONIC.columns)
    return blank | {
        "config_id": config_id,
        "status": status,
        "reason": "",
        "energy_eV": energy_eV,
    }


@pytest.fixture
def log():
    return io.StringIO()


@pytest.fixture
def params(tmp_path):
    return {
        "restart": str(tmp_path / "restart/0000.parquet"),
        "config_hash": "hash",
        "code": "code",
    }


def test_cells_that_overflow_are_tried_again_with_wider_tables(params, log):
    seen = []
    with chunk_of(IDS, HARMONIC, params, [], Progress("relax", log)) as chunk:
        for widening in chunk.tries():
            seen.append((widening, chunk.todo()))
            for index in chunk.todo():
                fits = index == 0 or (index == 2 and widening > 1)
                chunk.keep(row(IDS[index], "ok" if fits else "overflow"))
        statuses = {name: each["status"] for name, each in chunk.finished.rows.items()}
    assert seen == [(1.0, [0, 1, 2, 3]), (2.0, [1, 2, 3])]
    assert statuses == dict(zip(IDS, ["ok", "overflow", "ok", "overflow"], strict=True))
    assert "s-1, s-2, s-3: too many neighbours" in log.getvalue()


def test_a_chunk_without_overflow_is_tried_once(params, log):
    with chunk_of(IDS, HARMONIC, params, [], Progress("relax", log)) as chunk:
        for _ in chunk.tries():
            for index in chunk.todo():
                chunk.keep(row(IDS[index]))
        assert list(chunk.finished.rows) == IDS
    assert "again" not in log.getvalue()


def out_of_memory():
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 GB")


def test_a_device_without_memory_gets_smaller_batches(params, log):
    sizes = []
    with chunk_of(IDS, HARMONIC, params, [], Progress("md", log)) as chunk:

        def run(n_slots):
            sizes.append(n_slots)
            if n_slots > 2:
                out_of_memory()

        chunk.in_batches_that_fit(run, 9)
        with pytest.raises(jax.errors.JaxRuntimeError, match="RESOURCE_EXHAUSTED"):
            chunk.in_batches_that_fit(lambda _: out_of_memory(), 1)
        with pytest.raises(jax.errors.JaxRuntimeError, match="another error"):
            chunk.in_batches_that_fit(another_error, 8)
    assert sizes == [9, 4, 2]
    assert "out of memory: on with 4 at once" in log.getvalue()


def another_error(_):
    raise jax.errors.JaxRuntimeError("INTERNAL: another error")


def one_row_and_an_error(params, progress):
    with chunk_of(IDS, HARMONIC, params, [], progress) as chunk:
        chunk.keep(row("s-2", energy_eV=-1 / 3))
        raise ZeroDivisionError


def test_what_is_done_survives_an_error_and_is_not_done_again(params, log, monkeypatch):
    monkeypatch.setattr(finished, "SAVE_INTERVAL_S", 1e9)
    progress = Progress("relax", log)
    with pytest.raises(ZeroDivisionError):
        one_row_and_an_error(params, progress)
    with chunk_of(IDS, HARMONIC, params, [], progress) as chunk:
        assert chunk.finished.rows == {"s-2": row("s-2", energy_eV=-1 / 3)}
        assert chunk.todo() == [0, 1, 3]
    assert "goes on after an earlier attempt: 1 of 4" in log.getvalue()


def test_the_scheduler_ends_a_job_between_rows(params, log):
    with chunk_of(IDS, HARMONIC, params, [], Progress("relax", log)) as chunk:
        chunk.stop = lambda: True
        with pytest.raises(Interrupted, match="asked to stop with 1 of 4 configurations"):
            chunk.keep(row("s-0"))


@pytest.mark.parametrize("change", ["config_hash", "code", "inputs"])
def test_rows_of_another_configuration_code_or_input_are_not_used(
    params, log, tmp_path, change
):
    structure = tmp_path / "structure.cif"
    structure.write_text("one")
    progress = Progress("relax", log)
    with chunk_of(IDS, HARMONIC, params, [str(structure)], progress) as chunk:
        chunk.keep(row("s-0"))
        chunk.finished.save()
    if change == "inputs":
        structure.write_text("two")
    else:
        params[change] = "other"
    with chunk_of(IDS, HARMONIC, params, [str(structure)], progress) as chunk:
        assert chunk.finished.rows == {}


def test_a_damaged_file_counts_as_none(params, tmp_path, log):
    path = tmp_path / "restart/0000.parquet"
    path.parent.mkdir()
    path.write_bytes(b"PAR1 but not really")
    with chunk_of(IDS, HARMONIC, params, [], Progress("relax", log)) as chunk:
        assert isinstance(chunk, Chunk)
        assert chunk.finished.rows == {}


def test_nothing_is_written_when_nothing_was_added(tmp_path):
    with FinishedRows(tmp_path / "a/b.parquet", HARMONIC, "key") as rows:
        rows.save()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_a_chunk_that_is_done(tmp_path):
    """Not even what a kill in the middle of a write leaves; other chunks keep theirs."""
    mine = ["0000.parquet", "0000.part1.parquet", ".0000.parquet.k3x", "0000.run/state"]
    others = ["0001.parquet", ".0001.parquet.k3x", "0001.run/state"]
    for name in (*mine, *others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    FinishedRows(tmp_path / "0000.parquet", HARMONIC, "key").remove()
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {*others, "0001.run"}
