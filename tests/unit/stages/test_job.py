"""A job reports progress, keeps the log of a failure and says a mistake in one line."""

import io
import logging

import pytest

from confvib.errors import LabelError
from confvib.stages.job import Progress, job


def test_progress_says_done_total_rate_and_time_left(monkeypatch, capsys):
    clock = iter([0.0, 2.0, 10.0])
    monkeypatch.setattr("confvib.stages.job.time.monotonic", lambda: next(clock))
    log = io.StringIO()
    progress = Progress("relax", log, interval_s=5.0)
    progress.update(1, 20, "configurations")  # too soon after the start
    progress.update(5, 20, "configurations", "all is well")
    said = "[relax] 5/20 configurations, 0.5 per s, 30 s left, all is well\n"
    assert log.getvalue() == said
    assert capsys.readouterr().err == said


def test_the_last_update_is_always_said(monkeypatch):
    clock = iter([0.0, 1.0])
    monkeypatch.setattr("confvib.stages.job.time.monotonic", lambda: next(clock))
    log = io.StringIO()
    Progress("relax", log).update(4, 4, "configurations")
    assert "4/4 configurations" in log.getvalue()


def test_a_users_mistake_is_one_line_and_the_log_is_kept(tmp_path, capsys):
    path = tmp_path / "job.log"
    with pytest.raises(SystemExit) as ended, job(str(path), "label"):
        raise LabelError("PMG_VASP_PSP_DIR is not set")
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "[label] LabelError: PMG_VASP_PSP_DIR is not set" in said
    assert "Traceback" not in said
    kept = list(tmp_path.glob("job.log.failed-*"))
    assert len(kept) == 1
    assert "PMG_VASP_PSP_DIR" in kept[0].read_text()


def test_a_programming_error_keeps_its_traceback(tmp_path):
    path = tmp_path / "job.log"
    with pytest.raises(ZeroDivisionError), job(str(path), "label"):
        _ = 1 / 0
    (kept,) = tmp_path.glob("job.log.failed-*")
    assert "ZeroDivisionError" in kept.read_text()


def test_remarks_of_the_library_stand_in_the_log(tmp_path):
    path = tmp_path / "job.log"
    with job(str(path), "label"):
        logging.getLogger("confvib.dft.engine").warning("x-0: %s", "walltime ends")
    logging.getLogger("confvib.dft.engine").warning("after the job")
    assert path.read_text() == "[label] x-0: walltime ends\n"
