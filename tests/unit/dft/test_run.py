import importlib.util
import os
import subprocess
import sys

import custodian.custodian
import pytest

from confvib.dft.deadline import Deadline, Patience
from confvib.dft.inputs import relaxation_inputs
from confvib.dft.parse import temperature_K
from confvib.dft.potcars import read_potcars
from confvib.dft.run import _without_reporting, run_vasp
from confvib.errors import LabelError
from confvib.reference.engine import RelaxationTask

REPORTING = {"SENTRY_DSN": "https://key@sentry.invalid/1"}
IMPORT = """
import os, sys
from confvib.dft import engine, run
assert "custodian" not in sys.modules
modules = run._custodian()
assert not modules.custodian.SENTRY_DSN
assert not sys.modules["custodian.vasp.jobs"].SENTRY_DSN
assert "sentry_sdk" not in sys.modules
assert os.environ["SENTRY_DSN"].endswith("sentry.invalid/1")
assert os.environ["CUSTODIAN_REPORTING_OPT_IN"] == "true"
"""


def test_reporting_is_off_while_custodian_is_imported(monkeypatch):
    for name, value in (REPORTING | {"CUSTODIAN_REPORTING_OPT_IN": "true"}).items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location(
        "custodian.imported_again", custodian.custodian.__file__
    )
    again = importlib.util.module_from_spec(spec)
    with _without_reporting():
        spec.loader.exec_module(again)
    assert not again.SENTRY_DSN
    assert os.environ["SENTRY_DSN"] == REPORTING["SENTRY_DSN"]
    assert os.environ["CUSTODIAN_REPORTING_OPT_IN"] == "true"


@pytest.mark.slow
def test_a_fresh_process_sends_no_reports():
    environment = os.environ | REPORTING | {"CUSTODIAN_REPORTING_OPT_IN": "true"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_custodian_that_already_reports_is_refused(
    settings, library, cell, tmp_path, monkeypatch
):
    task = RelaxationTask(fmax_eV_per_A=0.1, max_steps=1)
    inputs = relaxation_inputs(cell, task, settings, read_potcars(settings))
    monkeypatch.setattr(custodian.custodian, "SENTRY_DSN", REPORTING["SENTRY_DSN"])
    with pytest.raises(LabelError, match="unset SENTRY_DSN and CUSTODIAN_REPORTING"):
        run_vasp(tmp_path, inputs, settings, Deadline(), Patience(1.0, 1.0))


def test_temperature_is_vasps_own():
    # First step of a VASP 6.3.2 run with TEBEG = 2000 K and 64 atoms, velocities drawn by
    # VASP (vasprun.xml.md of pymatgen's test files): 3N - 3 degrees of freedom.
    assert temperature_K(16.286874, 64) == pytest.approx(2000.0, rel=1e-5)
