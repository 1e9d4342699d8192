"""Two devices share a batch and get what one device gets, up to the order of sums."""

import json
import os
import subprocess
import sys

import pytest

from confvib.training.devices import frame_sharding

SCRIPT = """
import json, sys
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_default_matmul_precision", "highest")
from confvib.forcefield.model import flat_parameters
from confvib.forcefield.network import So3kratesSettings
from confvib.training.dataset import Frames
from confvib.training.devices import frame_sharding
from confvib.training.loop import train
from confvib.training.settings import TrainingSettings
from confvib.training.split import split_at, split_rows

rng = np.random.default_rng(0)
sites = np.array([[i, j, k] for i in (0, 3) for j in (0, 3) for k in (0, 3.0)])
frames = Frames(
    numbers=np.tile([3, 8, 8, 3, 8, 3, 3, 8], (20, 1)),
    cells=np.tile(6.0 * np.eye(3), (20, 1, 1)),
    positions=sites + rng.normal(scale=0.1, size=(20, 8, 3)),
    energies_eV=rng.normal(size=20),
    forces_eV_per_A=rng.normal(size=(20, 8, 3)),
)
network = So3kratesSettings(
    features=12, heads=2, layers=2, degrees=(1, 2), cutoff_A=3.5, radial_functions=8
)
settings = TrainingSettings(
    network=network, batch_size=4, max_epochs=3, microbatch=json.loads(sys.argv[1])
)
split = split_at(frames, split_rows(20, n_train=13, n_valid=5, n_test=2, seed=0))
result = train(settings, split, seed=0, role="md")
layout = frame_sharding(settings.frames_at_once)
print(json.dumps({
    "devices": 1 if layout is None else layout.num_devices,
    "losses": [[row.train_loss, row.valid_loss] for row in result.history],
    "parameters": float(sum(
        np.abs(leaf).sum() for leaf in flat_parameters(result.model.parameters).values()
    )),
    "shift": result.model.shifts_eV[1],
}))
"""


def on(n_devices, microbatch=None):
    flags = f"--xla_force_host_platform_device_count={n_devices}"
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(microbatch)],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_devices_train_what_one_does():
    one, two, microbatched = on(1), on(2), on(2, microbatch=2)
    assert (one["devices"], two["devices"], microbatched["devices"]) == (1, 2, 2)
    for other in (two, microbatched):
        for key in ("parameters", "shift"):
            assert other[key] == pytest.approx(one[key], rel=1e-4)
        for mine, yours in zip(other["losses"], one["losses"], strict=True):
            assert mine == pytest.approx(yours, rel=1e-4)


def test_one_device_shares_nothing():
    assert frame_sharding(10) is None
