"""An interrupted or killed run is bit for bit the undisturbed one."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import jax.numpy as jnp
import numpy as np
import pytest

from confvib.dynamics.checkpoint import Checkpoint
from confvib.dynamics.evaluation import BatchMode
from confvib.dynamics.molecular import MolecularDynamicsSettings, Protocol, run_md
from confvib.dynamics.state import Status, statuses
from confvib.dynamics.velocities import configuration_key
from confvib.errors import Interrupted

QUICK = [(np.float32, BatchMode.ONE_BY_ONE), (np.float64, BatchMode.TOGETHER)]
THERMALISED = MolecularDynamicsSettings(
    protocol=Protocol.THERMALISED,
    temperature_K=300.0,
    timestep_fs=2.0,
    equilibration_fs=50.0,
    production_fs=120.0,
    sample_interval=2,
    segment_steps=10,
)
PUBLISHED = dataclasses.replace(
    THERMALISED, protocol=Protocol.PUBLISHED_2025, equilibration_fs=0.0
)
# Segments of 10, 10 and 5 steps in the bath, then six of five samples.
N_SEGMENTS = {Protocol.THERMALISED: 9, Protocol.PUBLISHED_2025: 6}
MASSES = np.full(8, 20.0)
SITES = 3.0 * np.stack(np.meshgrid(*[range(2)] * 3, indexing="ij"), -1).reshape(8, 3)


def anharmonic(positions):
    """Eight atoms bound to their sites and, by quartic springs, to each other."""
    u = positions - jnp.asarray(SITES, positions.dtype)
    stretch = ((u[:, None] - u[None]) ** 2).sum(-1)
    return (u**2).sum() + (stretch + stretch**2).sum(), jnp.array(False)


def random_keys(n_cells=3):
    names = [f"c{index}" for index in range(n_cells)]
    return jnp.stack([configuration_key(5, name, 300.0, "md") for name in names])


def run(settings=THERMALISED, start=None, dtype=np.float32, **around):
    if start is None:
        start = np.stack([SITES] * 3)
    start = np.asarray(start, dtype)
    return run_md(anharmonic, start, MASSES, random_keys(len(start)), settings, **around)


def assert_same(found, expected, rows=slice(None)):
    for field in dataclasses.fields(expected):
        left, right = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(right, np.ndarray):
            assert left.dtype == right.dtype
            left, right = left[rows].tobytes(), right[rows].tobytes()
        assert left == right, field.name


def after(n_looks):
    """Return a wish to stop that comes with this look."""
    looks = iter(range(1, n_looks + 1))
    return lambda: next(looks) == n_looks


@pytest.fixture
def made(tmp_path):
    def make(key="key", interval_s=1e9):
        return Checkpoint(tmp_path / "saves", key, interval_s)

    return make


@pytest.mark.parametrize(
    ("dtype", "mode"),
    [
        *QUICK,
        pytest.param(np.float32, BatchMode.TOGETHER, marks=pytest.mark.slow),
        pytest.param(np.float64, BatchMode.ONE_BY_ONE, marks=pytest.mark.slow),
    ],
)
def test_a_stop_at_any_segment_leaves_no_trace(made, dtype, mode):
    for settings in (THERMALISED, PUBLISHED):
        how = {"settings": settings, "dtype": dtype, "batch_mode": mode}
        undisturbed = run(**how)
        assert np.isfinite(undisturbed.velocities).all()
        # Once at each, with a run to the end ...
        n_segments = N_SEGMENTS[settings.protocol]
        for n_looks in range(1, n_segments + 1):
            with pytest.raises(Interrupted, match="the next attempt goes on from there"):
                run(**how, checkpoint=made(), stop=after(n_looks))
            seen = []
            resumed = run(
                **how,
                checkpoint=made(),
                progress=lambda *now, seen=seen: seen.append(now),
            )
            assert len(seen) == n_segments - n_looks
            assert_same(resumed, undisturbed)
            made().remove()
        # ... and at all of them, one after the other.
        for _ in range(n_segments):
            with pytest.raises(Interrupted):
                run(**how, checkpoint=made(), stop=after(1))
        assert_same(run(**how, checkpoint=made()), undisturbed)
        made().remove()


def test_a_stop_says_where(made):
    with pytest.raises(Interrupted, match="asked to stop after step 20 of 85; the next"):
        run(checkpoint=made(), stop=after(2))
    with pytest.raises(Interrupted, match="asked to stop after step 10 of 85; not saved"):
        run(stop=after(1))


def test_a_run_that_nobody_stops_is_not_changed_by_its_saves(made):
    undisturbed = run()
    assert_same(run(checkpoint=made(interval_s=0.0), stop=lambda: False), undisturbed)
    names = [path.name for path in made().folder.rglob("*") if path.is_file()]
    assert sorted(names) == [*(f"part-{n:06d}" for n in range(6)), "state"]
    # What is left is the whole run: a caller that died before it wrote its table.
    assert_same(
        run(checkpoint=made(), stop=lambda: pytest.fail("no segment")), undisturbed
    )


def test_a_crash_between_saves_goes_on_from_the_last_one(made):
    def crash(done, total):
        if done == 45:
            raise MemoryError

    with pytest.raises(MemoryError):
        run(checkpoint=made(interval_s=0.0), progress=crash)
    seen = []
    resumed = run(checkpoint=made(), progress=lambda done, total: seen.append(done))
    assert seen == [45, 55, 65, 75, 85]
    assert_same(resumed, run())


@pytest.mark.parametrize("name", ["state", "part-000001"])
def test_a_damaged_save_costs_time_and_nothing_else(made, name):
    with pytest.raises(Interrupted):
        run(checkpoint=made(interval_s=0.0), stop=after(6))
    path = next(made().folder.rglob(name))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    seen = []
    resumed = run(checkpoint=made(), progress=lambda done, total: seen.append(done))
    assert seen[0] == 10
    assert_same(resumed, run())


@pytest.mark.parametrize(
    "other",
    [
        {"key": "another force field"},
        {"settings": dataclasses.replace(THERMALISED, temperature_K=301.0)},
        {"start": np.stack([SITES] * 3) + 0.01},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_save_of_another_run_is_ignored_and_removed(made, other):
    how = {name: value for name, value in other.items() if name != "key"}
    foreign = made(other.get("key", "key"))
    with pytest.raises(Interrupted):
        run(**how, checkpoint=foreign, stop=after(4))
    assert list(made().folder.rglob("state"))
    seen = []
    found = run(checkpoint=made(), progress=lambda done, total: seen.append(done))
    assert seen[0] == 10
    assert not list(made().folder.rglob("state"))
    assert_same(found, run())


@pytest.mark.parametrize(("dtype", "mode"), QUICK)
def test_a_failed_neighbour_stays_flagged_and_changes_nothing(made, dtype, mode):
    start = np.stack([SITES] * 3)
    how = {"dtype": dtype, "batch_mode": mode}
    healthy = run(start=start, **how)
    start[1, 4, 2] = np.nan
    undisturbed = run(start=start, **how)
    for n_looks in (2, 5):
        with pytest.raises(Interrupted):
            run(start=start, **how, checkpoint=made(), stop=after(n_looks))
    found = run(start=start, **how, checkpoint=made())
    assert statuses(found.status)[1] is Status.NAN
    assert np.isnan(found.velocities[1]).all()
    assert_same(found, undisturbed)
    assert_same(found, healthy, rows=[0, 2])


KILLED = """
import dataclasses, json, runpy, sys
from pathlib import Path
import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
test = runpy.run_path(sys.argv[1])
folder, dtype, protocol = Path(sys.argv[2]), sys.argv[3], sys.argv[4]
settings = dataclasses.replace(
    test[protocol], production_fs=1200.0, segment_steps=6, sample_interval=1
)
checkpoint = test["Checkpoint"](folder / "saves", "key", 0.0)


def progress(done, total):
    print(json.dumps(done), flush=True)
    sys.stdin.readline()  # go on when told to, or when nobody holds the other end


found = test["run"](settings, dtype=dtype, checkpoint=checkpoint, progress=progress)
with (folder / "found.npz").open("wb") as file:
    np.savez(file, **dataclasses.asdict(found))
checkpoint.remove()
"""


def start_job(folder, *how):
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", KILLED, __file__, folder, *how]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, **pipes, text=True)


def finish(job, folder):
    said, _ = job.communicate()
    assert job.returncode == 0
    return int(said.splitlines()[0]), dict(np.load(folder / "found.npz"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [("float32", "THERMALISED"), ("float64", "PUBLISHED")], ids="-".join
)
def test_kills_at_random_moments_leave_no_trace(tmp_path, how):
    _, undisturbed = finish(start_job(tmp_path / "whole", *how), tmp_path / "whole")
    rng, seen = np.random.default_rng(3), []
    folder = tmp_path / "killed"
    for _ in range(6):
        job = start_job(folder, *how)
        segments = int(rng.integers(1, 9))  # as many as it may end, on any machine
        job.stdin.write("\n" * segments)
        job.stdin.flush()
        seen.extend(json.loads(job.stdout.readline()) for _ in range(segments))
        time.sleep(rng.uniform(0, 0.005))
        job.kill()
        assert job.wait() == -signal.SIGKILL
        job.stdin.close()
        job.stdout.close()
        assert not (folder / "found.npz").exists()
    first, found = finish(start_job(folder, *how), folder)
    # Each attempt begins at or after the segment that the one before it was seen to end.
    assert all(np.diff([*seen, first]) >= 0)
    assert first > seen[0]
    assert found.keys() == undisturbed.keys()
    for name, values in undisturbed.items():
        assert found[name].tobytes() == values.tobytes(), name
    assert not (folder / "saves").exists()
