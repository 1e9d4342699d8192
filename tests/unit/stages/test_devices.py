"""What is refused, and what is said, when a job has several devices."""

import io

import pytest

from confvib.errors import DeviceError
from confvib.stages.compute_normal_modes import compute_normal_modes
from confvib.stages.devices import on_devices
from confvib.stages.job import Progress


@pytest.fixture
def log():
    return io.StringIO()


def test_one_device_needs_no_process(log):
    calls = []

    def stage(**arguments):
        calls.append(arguments)

    progress = Progress("relax", log)
    on_devices(stage, 1, progress, params={"seed": 1})
    assert calls == [{"params": {"seed": 1}, "progress": progress}]


def test_fewer_cards_than_asked_for(log, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    with pytest.raises(DeviceError) as raised:
        on_devices(compute_normal_modes, 3, Progress("modes", log), params={})
    assert str(raised.value) == (
        "the job asks for 3 devices (resource gpu), but CUDA_VISIBLE_DEVICES = '4,7' "
        "names 2"
    )


@pytest.mark.slow
def test_the_mistake_of_a_process_reaches_the_log(log, tmp_path):
    arguments = {
        "structure": str(tmp_path / "missing.cif"),
        "relaxed": str(tmp_path / "missing.parquet"),
        "model": None,
        "output": str(tmp_path / "harmonic.parquet"),
        "params": {
            "settings": {
                "fmax_eV_per_A": 1e-4,
                "max_steps": 5,
                "max_mode_followings": 1,
                "imaginary_threshold_THz": 0.1,
            },
            "crystal": {
                "site_groups": {},
                "symmetry_tolerance_A": 0.01,
                "supercell": [1, 1, 1],
            },
            "expected": {"relaxed": "", "model": ""},
        },
        "columns_per_batch": 3,
    }
    with pytest.raises(DeviceError, match="the process of device 0 ended with exit stat"):
        on_devices(compute_normal_modes, 2, Progress("modes", log), **arguments)
    assert "[modes] [device 1] CrystalError: " in log.getvalue()
