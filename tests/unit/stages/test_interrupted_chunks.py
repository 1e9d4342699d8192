"""A chunk that is killed at random moments ends as if it had been left alone."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from confvib.campaign.config import load_campaign
from confvib.campaign.digest import plain
from confvib.campaign.identity import Identities

ROOT = Path(__file__).parents[3]
SET, CHUNK, TEMPERATURE_K = "6_8", "0000", 300.0

# Children are forked before JAX has started anything, so that an attempt costs a second.
SCRIPT = """
import json, os, random, shutil, signal, sys, time
from pathlib import Path
from confvib.stages import finished, sample_dynamics as dynamics_stage
from confvib.stages.enumerate_configurations import enumerate_configurations
from confvib.stages.job import job
from confvib.stages.relax_configurations import relax_configurations
from confvib.stages.compute_normal_modes import compute_normal_modes
from confvib.stages.sample_dynamics import sample_dynamics
from confvib.stages.devices import on_devices

stages = {f.__name__: f for f in (
    enumerate_configurations, relax_configurations, compute_normal_modes, sample_dynamics
)}
finished.SAVE_INTERVAL_S = dynamics_stage.SAVE_INTERVAL_S = 0.0
signals = {"kill": signal.SIGKILL, "end": signal.SIGTERM}

def attempt(name, arguments, delay_s, how, n_devices):
    child = os.fork()
    if child == 0:
        try:
            with job(arguments["output"] + ".log", name) as progress:
                on_devices(stages[name], n_devices, progress, **arguments)
        except SystemExit as stop:
            os._exit(stop.code)
        except BaseException:
            os._exit(9)
        os._exit(0)
    if delay_s is not None:
        time.sleep(delay_s)
        os.kill(child, signals[how])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

for line in sys.stdin:
    print(attempt(*json.loads(line)), flush=True)
"""


class Attempts:
    """A process that runs stages in children and kills them on request."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SCRIPT],
            cwd=folder,
            env=os.environ
            | {
                "CONFVIB_JAX_CACHE": str(folder / "cache"),
                "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __call__(self, name, arguments, delay_s=None, how="kill", n_devices=1):
        task = json.dumps([name, arguments, delay_s, how, n_devices])
        self.process.stdin.write(task + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def merged(base, overlay):
    if not (isinstance(base, dict) and isinstance(overlay, dict)):
        return overlay
    return base | {key: merged(base.get(key), value) for key, value in overlay.items()}


def toy_campaign():
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    raw = merged(raw, yaml.safe_load((ROOT / "tests/toy/toy.yaml").read_text()))
    return load_campaign(
        merged(
            raw,
            {
                "sets": {SET: {"sample": None, "chunks": 1}},
                "dynamics": {"production_fs": 3000},
            },
        ),
        ROOT,
    )


class Chunk:
    """Arguments of the stages on the toy campaign, as the rules give them."""

    def __init__(self, folder):
        self.campaign = toy_campaign()
        self.identity = Identities(self.campaign, ROOT)
        self.folder = folder

    def enumeration(self):
        campaign = self.campaign
        settings = campaign.sets[SET]
        return {
            "structure": str(ROOT / campaign.crystal.structure),
            "output": str(self.folder / "configurations.parquet"),
            "set_name": SET,
            "params": {
                "crystal": plain(campaign.crystal, "structure"),
                "counts": settings.model_dump(mode="json")["counts"],
                "draw": None,
                "imported": None,
                "seed": campaign.seed,
                "config_hash": self.identity.configurations(SET),
            },
        }

    def _stage(self, name, section, config_hash, expected, batch):
        return {
            "structure": str(ROOT / self.campaign.crystal.structure),
            "model": None,
            "output": str(self.folder / f"{name}.parquet"),
            "params": {
                "restart": str(self.folder / f"restart/{name}.parquet"),
                "crystal": plain(self.campaign.crystal, "structure"),
                "engine": self.identity.engine(),
                "settings": plain(getattr(self.campaign, section)),
                "slice": self.identity.slice_of(SET, CHUNK),
                "seed": self.campaign.seed,
                "temperature_K": TEMPERATURE_K,
                "config_hash": config_hash,
                "expected": expected | {"model": self.identity.potential("reference")},
                "code": "as it is",
            },
            **batch,
        }

    def relaxation(self):
        arguments = self._stage(
            "relaxed",
            "relaxation",
            self.identity.relaxed(SET, CHUNK),
            {"configurations": self.identity.configurations(SET)},
            {"batch_size": 2},
        )
        table = str(self.folder / "configurations.parquet")
        return arguments | {"configurations": table}

    def modes(self):
        arguments = self._stage(
            "harmonic",
            "harmonic",
            self.identity.harmonic(SET, CHUNK),
            {"relaxed": self.identity.relaxed(SET, CHUNK)},
            {"columns_per_batch": 30},
        )
        return arguments | {"relaxed": str(self.folder / "relaxed.parquet")}

    def dynamics(self):
        arguments = self._stage(
            "dynamics",
            "dynamics",
            self.identity.dynamics(SET, TEMPERATURE_K, CHUNK),
            {"relaxed": self.identity.relaxed(SET, CHUNK)},
            {"batch_size": 2},
        )
        return arguments | {"relaxed": str(self.folder / "relaxed.parquet")}

    def stages(self):
        return {
            "relax_configurations": self.relaxation(),
            "compute_normal_modes": self.modes(),
            "sample_dynamics": self.dynamics(),
        }


@pytest.fixture(scope="module")
def attempt(tmp_path_factory):
    attempts = Attempts(tmp_path_factory.mktemp("attempts"))
    yield attempts
    attempts.close()


@pytest.fixture(scope="module")
def undisturbed(attempt):
    """Run every stage once and return {stage: (arguments, table)}."""
    chunk = Chunk(attempt.folder)
    assert attempt("enumerate_configurations", chunk.enumeration()) == 0
    tables = {}
    for name, arguments in chunk.stages().items():
        assert attempt(name, arguments) == 0, Path(
            arguments["output"] + ".log"
        ).read_text()
        tables[name] = (arguments, pq.read_table(arguments["output"]))
    return tables


def same(path, expected):
    found = pq.read_table(path)
    return found.num_rows == 3 and found.equals(expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n_kills", "longest_s"),
    [
        ("relax_configurations", 10, 3.0),
        ("compute_normal_modes", 10, 4.0),
        ("sample_dynamics", 50, 5.0),
    ],
)
def test_kills_at_random_moments_leave_no_trace(
    attempt, undisturbed, name, n_kills, longest_s
):
    arguments, expected = undisturbed[name]
    output = Path(arguments["output"])
    rng = np.random.default_rng(50)
    kills = ended = 0
    while kills < n_kills:
        output.unlink(missing_ok=True)
        code = attempt(name, arguments, rng.uniform(0.0, longest_s))
        assert code in {0, -signal.SIGKILL}
        kills += code != 0
        if code == 0:
            ended += 1
            assert same(output, expected)
    output.unlink(missing_ok=True)
    assert attempt(name, arguments) == 0
    assert same(output, expected)
    assert not list((attempt.folder / "restart").rglob("*.*"))


@pytest.mark.slow
def test_a_job_that_is_told_to_end_saves_and_says_so(attempt, undisturbed):
    arguments, expected = undisturbed["sample_dynamics"]
    log = Path(arguments["output"] + ".log")
    # Too early, nobody listens yet; too late, the job has ended on its own.
    for delay_s in np.arange(0.2, 20.0, 0.1):
        if attempt("sample_dynamics", arguments, delay_s, "end") == 1:
            break
    assert "Interrupted: asked to stop" in log.read_text()
    assert "the next attempt goes on from there" in log.read_text()
    assert attempt("sample_dynamics", arguments) == 0
    assert same(arguments["output"], expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["relax_configurations", "compute_normal_modes", "sample_dynamics"]
)
def test_two_devices_share_a_chunk(attempt, undisturbed, name):
    arguments, expected = undisturbed[name]
    log = Path(arguments["output"] + ".log")
    Path(arguments["output"]).unlink()
    assert attempt(name, arguments, n_devices=2) == 0
    assert same(arguments["output"], expected)
    assert "[device 0] 2/2 configurations" in log.read_text()
    assert "[device 1] 1/1 configurations" in log.read_text()
    assert not list((attempt.folder / "restart").rglob("*.*"))


@pytest.mark.slow
def test_what_two_devices_began_one_ends(attempt, undisturbed):
    arguments, expected = undisturbed["sample_dynamics"]
    log = Path(arguments["output"] + ".log")
    for delay_s in np.arange(1.5, 30.0, 0.5):  # the processes take seconds to start
        code = attempt("sample_dynamics", arguments, delay_s, "end", n_devices=2)
        if code == 1 and "asked to stop after step" in log.read_text():
            break
    assert "asked to stop on 2 devices" in log.read_text()
    assert list((attempt.folder / "restart").rglob("*.part*"))
    assert attempt("sample_dynamics", arguments) == 0
    assert same(arguments["output"], expected)
    assert not list((attempt.folder / "restart").rglob("*.*"))


@pytest.mark.slow
def test_the_processes_of_a_killed_job_end(attempt, undisturbed):
    arguments, expected = undisturbed["sample_dynamics"]
    assert attempt("sample_dynamics", arguments, 3.0, n_devices=2) == -signal.SIGKILL
    deadline = time.monotonic() + 30.0
    while workers():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert attempt("sample_dynamics", arguments, n_devices=2) == 0
    assert same(arguments["output"], expected)


def workers():
    """Processes of this machine that do a device's share for a job in this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"confvib.stages.device_worker" in (entry / "cmdline").read_bytes():
                found.append(entry.name)
    return found
