"""The training job: killed at any moment, told to end, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from confvib.tables.contracts import HISTORY
from confvib.tables.parquet import read_table

SCRIPT = """
import json, os, signal, sys, threading
from confvib.stages.job import job
from confvib.stages.train_potential import train_potential
from confvib.training import loop
from confvib.training.restart import Restart

job_of, kill_at, delay_s = json.loads(sys.argv[1])
loop._PART_S = 0.0  # a look at the clock after every step
n_saves, save = 0, Restart.save

def save_and_die(self, state):
    global n_saves
    n_saves += 1
    if n_saves == kill_at:
        kill = (os.getpid(), signal.SIGKILL)
        threading.Timer(delay_s, os.kill, kill).start()
    save(self, state)

Restart.save = save_and_die
with job(sys.argv[2], "train") as progress:
    train_potential(**job_of, progress=progress)
"""
NEVER = 10**9
SETTINGS = {
    "features": 12,
    "heads": 2,
    "layers": 1,
    "degrees": [1, 2],
    "cutoff_A": 3.5,
    "radial_functions": 8,
    "training": {
        "learning_rate": 1e-2,
        "decay_factor": 0.9,
        "decay_steps": 7,
        "batch_size": 4,
        "max_epochs": 40,
        "patience_epochs": 40,
        "force_weight": 0.99,
        "clip_norm": 1.0,
    },
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, make_labels):
    labels = make_labels(tmp_path_factory.mktemp("labels"))
    labels.write([labels.row("s:0", frame) for frame in range(20)])
    dataset = labels.assemble()
    return {"labels": labels.paths, "dataset": dataset, "selection": None}


class Job:
    """The training job in a folder of its own, as a process."""

    def __init__(self, folder, inputs, cache, save_interval_min=0.0):
        self.folder = folder
        self.environment = os.environ | {"CONFVIB_JAX_CACHE": str(cache)}
        self.arguments = {
            "inputs": inputs,
            "model": str(folder / "model.msgpack"),
            "history": str(folder / "history.parquet"),
            "role": "md",
            "params": {
                "settings": SETTINGS,
                "split": {"n_train": 14, "n_valid": 4, "n_test": 2, "seed": 1},
                "seed": 1,
                "restart": str(folder / "restart"),
                "config_hash": "c",
                "expected": {
                    "labels": ["labels"],
                    "dataset": "dataset",
                    "selection": "",
                },
                "code": "x",
            },
            "resources": {"microbatch": 0, "save_interval_min": save_interval_min},
        }

    def start(self, kill_at=NEVER, delay_s=0.0):
        words = json.dumps([self.arguments, kill_at, delay_s])
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, words, str(self.folder / "log")],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def results(self):
        history = read_table(self.folder / "history.parquet", HISTORY)
        return (
            (self.folder / "model.msgpack").read_bytes(),
            history.drop_columns(["elapsed_s"]).to_pylist(),
        )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, inputs, cache):
    job = Job(tmp_path_factory.mktemp("undisturbed"), inputs, cache, 1e6)
    assert job.start().wait() == 0
    return job.results()


def test_kills_within_and_between_saves_leave_no_trace(
    undisturbed, inputs, cache, tmp_path
):
    job = Job(tmp_path, inputs, cache)
    # The n-th save of each attempt dies after so many seconds; a save takes about 0.1.
    for kill_at, delay_s in ((1, 0.0), (3, 0.01), (2, 0.03), (9, 0.06), (5, 0.1)):
        assert job.start(kill_at, delay_s).wait() == -signal.SIGKILL
        assert not (tmp_path / "model.msgpack").exists()
    job.arguments["resources"]["save_interval_min"] = 1e6
    assert job.start().wait() == 0
    assert "resumed after epoch" in (tmp_path / "log").read_text()
    assert job.results() == undisturbed
    assert not (tmp_path / "restart").exists()


def test_a_job_that_is_told_to_end_saves_and_the_next_attempt_goes_on(
    undisturbed, inputs, cache, tmp_path
):
    job = Job(tmp_path, inputs, cache, save_interval_min=1e6)
    running = job.start()
    log = tmp_path / "log"
    while not (log.exists() and "a step needs" in log.read_text()):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=60) == 1
    text = log.read_text()
    assert "Interrupted: asked to stop after epoch" in text
    assert "the next attempt goes on from there" in text
    assert job.start().wait() == 0
    assert "resumed after epoch" in log.read_text()
    assert job.results() == undisturbed
