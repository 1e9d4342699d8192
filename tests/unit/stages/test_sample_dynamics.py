"""Dynamics of an ion between two wells: hops, quenches, restarts, slots."""

import io
import os
import signal
from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest

from confvib.crystal.parent import ParentCrystal, SiteGroup
from confvib.dynamics.basin import quench
from confvib.dynamics.checkpoint import Checkpoint
from confvib.dynamics.evaluation import BatchMode
from confvib.dynamics.molecular import MolecularDynamicsSettings, Protocol, run_md
from confvib.dynamics.state import Status
from confvib.dynamics.velocities import configuration_key
from confvib.errors import Interrupted
from confvib.stages import sample_dynamics as stage
from confvib.stages.hops import HopCounter
from confvib.stages.job import Progress
from confvib.stages.relaxed_cells import RelaxedCells
from confvib.tables.contracts import DYNAMICS
from confvib.tables.parquet import read_table

CELL_A, WELL_A = 10.0, 1.0
CORNERS = 2.0 + 6.0 * np.stack(np.meshgrid(*[range(2)] * 3, indexing="ij"), -1)
FRAMEWORK = CORNERS.reshape(8, 3)
SITES = np.array([[5.0 - WELL_A, 5.0, 5.0], [5.0 + WELL_A, 5.0, 5.0]])
NUMBERS = np.array([8] * 8 + [3])
MASSES = np.array([16.0] * 8 + [6.94])


@cache
def double_well(barrier_eV):
    """Bind eight oxygen atoms to their centre, and lithium to two wells beside it."""

    def energy_fn(positions):
        ideal = jnp.asarray(FRAMEWORK, positions.dtype)
        u = positions[:8] - ideal
        centre = u.mean(axis=0)
        x, *rest = positions[8] - centre - 5.0
        well = barrier_eV * ((x / WELL_A) ** 2 - 1) ** 2
        across = sum(0.5 * 6.0 * r**2 for r in rest)
        return 0.5 * 12.0 * ((u - centre) ** 2).sum() + well + across, jnp.array(False)

    return energy_fn


def crystal():
    return ParentCrystal(
        cell=CELL_A * np.eye(3),
        framework_numbers=NUMBERS[:8],
        framework_fractional=FRAMEWORK / CELL_A,
        sites=SITES / CELL_A,
        groups=(SiteGroup("a", "Li", np.arange(2), "a"),),
        permutations=np.array([[0, 1], [1, 0]]),
        space_group=("P1", 1),
        distances_A=np.array([[0.0, 2 * WELL_A], [2 * WELL_A, 0.0]]),
    )


def cells(names="ab"):
    positions = np.stack([np.concatenate([FRAMEWORK, SITES[1:]])] * len(names))
    return RelaxedCells(
        parent=crystal(),
        rows=[{"config_id": name, "status": "ok"} for name in names],
        config_ids=list(names),
        positions=positions,
        numbers=NUMBERS,
        cell=CELL_A * np.eye(3),
        split_site_A=1.0,
    )


def params(folder, **changes):
    settings = {
        "potential": "reference",
        "protocol": "thermalised",
        "timestep_fs": 1.0,
        "equilibration_fs": 300.0,
        "production_fs": 1500.0,
        "friction_per_fs": 0.02,
        "quench_fmax_eV_per_A": 1e-4,
        "quench_max_steps": 200,
        "precision": "float64",
        "spectrum": {
            "max_frequency_THz": 60.0,
            "bin_THz": 0.5,
            "resolution_THz": 1.0,
            "blocks": 3,
        },
    }
    return {
        "settings": settings | changes,
        "temperature_K": 600.0,
        "seed": 3,
        "crystal": {"equivalence": "symmetry"},
        "engine": {},
        "expected": {"relaxed": "r", "model": "m"},
        "restart": str(folder / "restart.parquet"),
        "config_hash": "hash",
        "code": "code",
    }


@pytest.fixture
def sampled(tmp_path, monkeypatch):
    """Return a function that runs the stage on the model and reads its table."""
    monkeypatch.setenv("CONFVIB_JAX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "in").write_text("input")

    class NoDrive:
        of = classmethod(lambda cls, *_: cls())
        fingerprint = staticmethod(lambda: "model")

    def run(barrier_eV=0.05, names="ab", batch_size=2, log=None, **changes):
        energy_fn = double_well(barrier_eV)
        monkeypatch.setattr(stage, "Drive", NoDrive)
        monkeypatch.setattr(stage, "bind", lambda *_, **__: energy_fn)
        monkeypatch.setattr(stage, "read_relaxed_cells", lambda *_: cells(names))
        output = tmp_path / "out.parquet"
        stage.sample_dynamics(
            str(tmp_path / "in"),
            str(tmp_path / "in"),
            None,
            str(output),
            params(tmp_path, **changes),
            batch_size,
            Progress("md", log or io.StringIO()),
        )
        rows = read_table(output, DYNAMICS, "hash").to_pylist()
        return {row["config_id"]: row for row in rows}

    return run


def hopping(start_x, n_looks, **around):
    """Let lithium roll between its walls and look every 20 fs."""
    start = np.concatenate([FRAMEWORK, [[5.0 + start_x, 5.0, 5.0]]])
    start = np.stack([start, np.concatenate([FRAMEWORK, SITES[:1]])])
    counter = HopCounter(cells(), 2)
    order, watch = around.pop("order", [0, 1]), around.pop("watch", True)
    keys = jnp.stack([configuration_key(1, name, 1.0, "md") for name in "ab"])
    settings = MolecularDynamicsSettings(
        Protocol.PUBLISHED_2025, 1.0, 1.0, 0.0, 20.0 * n_looks, segment_steps=20
    )
    found = run_md(
        double_well(0.5),
        start[order],
        MASSES,
        keys[jnp.array(order)],
        settings,
        batch_mode=BatchMode.ONE_BY_ONE,
        observer=counter if watch else None,
        **around,
    )
    return counter, found


def test_an_ion_that_hops_and_returns_has_hopped_twice_and_not_moved():
    there, found = hopping(1.5, 5)
    assert (there.n_hops.tolist(), there.n_moved.tolist()) == ([1, 0], [1, 0])
    assert found.final_positions[0, 8, 0] < 4.2
    back, found = hopping(1.5, 9)
    assert (back.n_hops.tolist(), back.n_moved.tolist()) == ([2, 0], [0, 0])
    assert found.final_positions[0, 8, 0] > 5.8
    # Swapped slots swap the counts.
    swapped, _ = hopping(1.5, 9, order=[1, 0])
    assert swapped.n_hops.tolist() == [0, 2]


def test_counting_changes_no_bit_of_a_run():
    _, watched = hopping(1.5, 5)
    _, alone = hopping(1.5, 5, watch=False)
    assert watched.velocities.tobytes() == alone.velocities.tobytes()
    assert watched.final_positions.tobytes() == alone.final_positions.tobytes()


def test_an_ion_that_rattles_on_the_border_does_not_hop():
    counter = HopCounter(cells("a"), 1)
    for x in (0.3, -0.3, 0.3, -0.45, 0.45, -0.2):
        counter.look(np.concatenate([FRAMEWORK, [[5.0 + x, 5.0, 5.0]]])[None])
    assert (counter.n_hops.tolist(), counter.n_moved.tolist()) == ([0], [0])
    # Once it is three times as near to the other site, it has arrived.
    counter.look(np.concatenate([FRAMEWORK, [[4.45, 5.0, 5.0]]])[None])
    assert (counter.n_hops.tolist(), counter.n_moved.tolist()) == ([1], [1])


def test_a_crystal_that_drifts_does_not_hop():
    counter = HopCounter(cells("a"), 1)
    start = np.concatenate([FRAMEWORK, SITES[:1]])[None]
    for shift in (0.0, 1.5, 3.0, 12.0):
        counter.look(start + shift)
    assert counter.n_hops.tolist() == [0]


@pytest.mark.parametrize("n_looks", [1, 4, 6, 8])
def test_hops_survive_an_interruption(tmp_path, n_looks):
    undisturbed, whole = hopping(1.5, 9)
    looks = iter(range(1, 100))
    saves = {"checkpoint": Checkpoint(tmp_path, "key", 1e9)}
    with pytest.raises(Interrupted):
        hopping(1.5, 9, stop=lambda: next(looks) == n_looks, **saves)
    resumed, found = hopping(1.5, 9, **saves)
    assert resumed.n_hops.tolist() == undisturbed.n_hops.tolist() == [2, 0]
    assert resumed.n_moved.tolist() == undisturbed.n_moved.tolist()
    assert found.velocities.tobytes() == whole.velocities.tobytes()


def test_a_run_over_a_low_barrier_leaves_its_basin(sampled):
    for row in sampled(barrier_eV=0.05).values():
        assert row["status"] == "ok", row["reason"]
        assert row["hop_look_interval_fs"] == 100.0
        assert row["n_hops"] > 0
        assert row["left_basin"]
        # Both wells are one: what differs is where the ion is.
        assert abs(row["quench_energy_difference_eV"]) < 1e-6
        moved = row["n_moved"]
        expected = pytest.approx(2 * WELL_A * 8 / 9, abs=0.02) if moved else 0
        if row["quench_displacement_max_A"] > 0.1:
            assert row["quench_displacement_max_A"] == expected
        assert row["elements"] == ["Li", "O"]
        assert len(row["fluidity_by_element"]) == 2
        assert sum(row["zero_frequency_weight_by_element"]) == pytest.approx(
            row["zero_frequency_weight"]
        )


@pytest.mark.slow
def test_a_run_under_a_high_barrier_stays(sampled):
    for row in sampled(barrier_eV=3.0).values():
        assert (row["n_hops"], row["n_moved"], row["left_basin"]) == (0, 0, False)
        assert abs(row["quench_energy_difference_eV"]) < 1e-6
        assert row["quench_displacement_max_A"] < 0.01
        # Nothing diffuses: 2PT has no gas, and its entropy is that of the oscillators.
        assert max(row["diffusivity_by_element_cm2_per_s"]) < 2e-6
        assert row["entropy_2PT_eV_per_K"] == pytest.approx(
            row["entropy_MQ_eV_per_K"], rel=0.01
        )


def test_a_failed_quench_costs_two_numbers_and_says_so(sampled):
    whole = sampled()
    log = io.StringIO()
    failed = sampled(quench_max_steps=1, log=log)
    blank = ("quench_energy_difference_eV", "quench_displacement_max_A")
    for name, row in failed.items():
        assert [row[column] for column in blank] == [None, None]
        assert {**row, **{column: whole[name][column] for column in blank}} == whole[name]
    assert "a: the quench of its ends failed (unconverged); whether" in log.getvalue()


@pytest.mark.slow
def test_neither_batch_nor_slot_changes_a_row(sampled):
    rows = sampled(names="abc", batch_size=3)
    assert sampled(names="cba", batch_size=3) == {name: rows[name] for name in "cba"}
    assert sampled(names="abc", batch_size=1) == rows
    assert len({row["n_hops"] for row in rows.values()}) > 1


def test_a_stop_in_the_quench_loses_nothing(sampled, monkeypatch):
    rows = sampled()

    def told_to_end(*args, **how):
        os.kill(os.getpid(), signal.SIGTERM)
        return quench(*args, **how)

    monkeypatch.setattr(stage, "quench", told_to_end)
    with pytest.raises(Interrupted, match="asked to stop in a quench; the next attempt"):
        sampled()
    monkeypatch.setattr(stage, "quench", quench)
    assert sampled() == rows


def test_a_run_without_a_credible_frame_is_not_quenched(sampled, monkeypatch):
    seen = []

    def one_is_lost(*args, **how):
        found = run_md(*args, **how)
        found.status[0] = Status.DIVERGED.code
        return found

    def watched(energy_fn, starts, *args, **how):
        seen.append((len(starts), how["slots"].n))
        return quench(energy_fn, starts, *args, **how)

    rows = sampled()
    monkeypatch.setattr(stage, "run_md", one_is_lost)
    monkeypatch.setattr(stage, "quench", watched)
    found = sampled()
    # The slots are those of the batch, so that no new program is compiled.
    assert seen == [(1, 2)]
    assert (found["a"]["status"], found["a"]["left_basin"]) == ("diverged", None)
    assert found["b"] == rows["b"]
    assert sampled(names="a")["a"]["status"] == "diverged"
    assert len(seen) == 1
