"""A cell's run knows neither its slot nor its neighbours, and draws from its own key."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import confvib
from confvib.dynamics.evaluation import BatchMode
from confvib.dynamics.molecular import MolecularDynamicsSettings, Protocol, run_md
from confvib.dynamics.state import Status, statuses
from confvib.dynamics.velocities import configuration_key
from confvib.errors import DynamicsError

MODES = list(BatchMode)
SETTINGS = MolecularDynamicsSettings(
    protocol=Protocol.THERMALISED,
    temperature_K=300.0,
    timestep_fs=2.0,
    equilibration_fs=4.0,
    production_fs=120.0,
    segment_steps=25,
)
ROWS = ("velocities", "potential_eV", "kinetic_eV", "final_positions", "status")
MASSES = np.array([7.0, 16.0, 16.0, 90.0, 7.0, 16.0, 16.0, 139.0])
SITES = 3.0 * np.stack(np.meshgrid(*[range(2)] * 3, indexing="ij"), -1).reshape(8, 3)


def trapped(positions):
    """Quartic bonds between eight atoms; atom 0 finds NaN at -x and an overflow at -y."""
    u = positions - jnp.asarray(SITES, positions.dtype)
    stretch = ((u[:, None] - u[None]) ** 2).sum(-1)
    hole = jnp.where(u[0, 0] < -0.4, jnp.nan, 0.0)
    return (u**2).sum() + (stretch + stretch**2).sum() + hole, u[0, 1] < -0.4


def batch():
    """Return five starts and keys: 1, 2 and 3 will fail, 4 is 0 once more."""
    start = np.stack([SITES] * 5)
    start[1, 0, 0] += 0.6
    start[2, 0, 1] += 0.6
    start[3, 0, 2] += 1.2
    names = ["a", "b", "c", "d", "a"]
    keys = [configuration_key(5, name, 300.0, "md") for name in names]
    return start, jnp.stack(keys)


def run(start, keys, mode):
    return run_md(trapped, start, MASSES, keys, SETTINGS, batch_mode=mode)


def assert_rows_equal(found, rows, expected, expected_rows):
    for name in ROWS:
        left, right = getattr(found, name)[rows], getattr(expected, name)[expected_rows]
        assert left.tobytes() == right.tobytes(), name


@pytest.mark.parametrize("mode", MODES)
def test_failures_on_the_way_change_no_other_cell_in_any_slot(mode):
    start, keys = batch()
    healthy = run(np.stack([SITES] * 5), keys, mode)
    assert statuses(healthy.status) == [Status.OK] * 5
    found = run(start, keys, mode)
    failed = [Status.NAN, Status.OVERFLOW, Status.DIVERGED]
    assert statuses(found.status) == [Status.OK, *failed, Status.OK]
    # Both came to their end in production, after some good samples.
    n_good = np.isfinite(found.potential_eV).sum(1)
    assert ((n_good[1:3] > 0) & (n_good[1:3] < 60)).all()
    assert_rows_equal(found, [0, 4], healthy, [0, 4])
    for turn in range(1, 5):
        order = np.roll(np.arange(5), turn)
        assert_rows_equal(run(start[order], keys[order], mode), slice(None), found, order)


@pytest.mark.parametrize("mode", MODES)
def test_one_cell_in_two_slots_is_one_run(mode):
    found = run(*batch(), mode)
    assert_rows_equal(found, 0, found, 4)
    assert found.velocities[0].tobytes() != found.velocities[3].tobytes()


def test_random_keys_are_made_in_one_place():
    """No number may come from a slot: only `configuration_key` makes a key."""
    folder = Path(confvib.__file__).parent / "dynamics"
    makes = re.compile(r"random\.(key|PRNGKey|split)\(|np\.random|default_rng")
    found = [path.name for path in folder.glob("*.py") if makes.search(path.read_text())]
    assert found == ["velocities.py"]
    raw = jax.random.key_data(batch()[1])
    with pytest.raises(DynamicsError, match=r"keys have shape \(5, 2\); expected \(5,\)"):
        run(batch()[0], raw, MODES[0])
