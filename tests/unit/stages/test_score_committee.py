"""Every member of a committee scores every relaxed cell, and says where it cannot."""

import io
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.crystal.parent import ParentCrystal, SiteGroup
from confvib.errors import ModelError
from confvib.forcefield.checkpoint import save_model
from confvib.forcefield.model import TrainedModel, initial_parameters
from confvib.forcefield.network import So3kratesSettings
from confvib.forcefield.potential import force_fn, so3krates_energy_fn
from confvib.stages import score_committee as stage
from confvib.stages.job import Progress
from confvib.stages.relaxed_cells import RelaxedCells
from confvib.tables.committee_contracts import COMMITTEE
from confvib.tables.parquet import read_table

SETTINGS = So3kratesSettings(
    features=8, heads=2, layers=2, degrees=(1,), cutoff_A=3.0, radial_functions=6
)
NUMBERS = np.array([8, 57, 8, 57])
CELL = np.diag([4.0, 4.2, 4.4])
START = np.array([[0.0, 0, 0], [2.0, 2, 0], [0, 2, 2], [2, 0.1, 2]])
NAMES = ["a", "b", "c"]
POSITIONS = START + 0.05 * np.random.default_rng(0).normal(size=(3, 4, 3))
SLOW = pytest.mark.slow
MEMBERS = ["relax", "relax/member_1"]


@pytest.fixture(scope="module", autouse=True)
def quick_compilation():
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def network(seed, layer_norm="pre"):
    settings = replace(SETTINGS, layer_norm=layer_norm)
    parameters = initial_parameters(settings, jax.random.key(seed))
    shifts_eV = np.linspace(0.0, -9.9, 100)
    return TrainedModel(settings, parameters, shifts_eV, (8, 57), "md", "d", f"h{seed}")


def relaxed_cells(energies_eV, lost=()):
    """Three cells with the energies of their relaxation, after those that have none."""
    crystal = ParentCrystal(
        cell=CELL,
        framework_numbers=NUMBERS[:3],
        framework_fractional=START[:3] @ np.linalg.inv(CELL),
        sites=START[3:] @ np.linalg.inv(CELL),
        groups=(SiteGroup("a", "La", np.arange(1), "a"),),
        permutations=np.array([[0]]),
        space_group=("P1", 1),
        distances_A=np.zeros((1, 1)),
    )
    rows = [
        {"config_id": name, "status": "unconverged", "energy_eV": -1.0} for name in lost
    ]
    rows += [
        {"config_id": name, "status": "ok", "energy_eV": energy}
        for name, energy in zip(NAMES, energies_eV, strict=True)
    ]
    return RelaxedCells(crystal, rows, NAMES, POSITIONS, NUMBERS, CELL, 1.0)


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """Return a function that runs the stage and reads its table by configuration."""
    monkeypatch.setenv("CONFVIB_JAX_CACHE", str(tmp_path / "cache"))
    paths = [str(tmp_path / f"{number}.msgpack") for number in range(2)]
    (tmp_path / "in").write_text("input")

    def run(cells, batch_size=3, hashes=("h0", "h1"), layer_norm="pre"):
        for seed, path in enumerate(paths):
            save_model(network(seed, layer_norm), path)
        monkeypatch.setattr(stage, "read_relaxed_cells", lambda *_: cells)
        log, output = io.StringIO(), tmp_path / "committee.parquet"
        stage.score_committee(
            str(tmp_path / "in"),
            str(tmp_path / "in"),
            paths,
            str(output),
            {
                "restart": str(tmp_path / "restart.parquet"),
                "crystal": {"equivalence": "symmetry"},
                "members": MEMBERS,
                "precision": "float32",
                "expected": {"relaxed": "r", "models": list(hashes)},
                "config_hash": "hash",
                "code": "code",
            },
            batch_size,
            Progress("committee", log),
        )
        assert not list(tmp_path.glob("restart*"))
        rows = read_table(output, COMMITTEE, "hash").to_pylist()
        return {row["config_id"]: row for row in rows}, log.getvalue()

    return run


def fake_members(monkeypatch, *energies):
    """Let each member be a function of positions and of the width of its table."""
    turns = iter(energies * 2)  # bound once per width

    def bind_model(*arguments):
        function, widening = next(turns), arguments[6]
        return lambda positions: function(positions, widening)

    monkeypatch.setattr(stage, "bind_model", bind_model)


def spring(shift_eV=0.0, trouble_at=None, overflow=lambda _: False):
    """Return a harmonic member, whose energy is not a number at one of the cells."""

    def energy(positions, widening):
        value = ((positions - START) ** 2).sum() + shift_eV
        if trouble_at is not None:
            there = jnp.abs(positions - POSITIONS[trouble_at]).max() < 1e-9
            value = jnp.where(there, jnp.nan, value)
        return value, jnp.array(overflow(widening))

    return energy


SPRING_EV = ((POSITIONS - START) ** 2).sum(axis=(1, 2))


# Options that are not compiled are quick; the compiled evaluator takes most of a minute.
@pytest.mark.parametrize("layer_norm", ["pre", pytest.param("none", marks=SLOW)])
def test_energies_are_those_of_the_plain_force_fields(scored, layer_norm):
    found = []
    for seed in range(2):
        model = network(seed, layer_norm)
        plain = so3krates_energy_fn(model, NUMBERS, CELL, capacity=40, dtype=jnp.float64)
        found.append([jax.jit(force_fn(plain))(cell) for cell in POSITIONS])
    energies = np.array([[each[0] for each in member] for member in found])
    fmax = [
        [np.linalg.norm(each[1], axis=1).max() for each in member] for member in found
    ]
    # What a relaxation stores is rounded to its precision; the last batch is not full.
    cells = relaxed_cells(energies[0].astype("float32").astype(float))
    rows, log = scored(cells, batch_size=2, layer_norm=layer_norm)
    assert list(rows) == NAMES
    for index, row in enumerate(rows.values()):
        assert (row["status"], row["reason"]) == ("ok", "")
        assert row["members"] == MEMBERS
        np.testing.assert_allclose(row["energies_eV"], energies[:, index], atol=1e-8)
        np.testing.assert_allclose(row["fmax_eV_per_A"], np.array(fmax)[:, index], 1e-6)
        spread = energies[:, index].std(ddof=1)
        assert row["energy_spread_eV"] == pytest.approx(spread)
    rms = 1e3 * np.sqrt(energies.var(axis=0, ddof=1).mean())
    assert f"3 of 3 cells scored by 2 members; rms spread {rms:.1f} meV" in log


def test_a_cell_that_did_not_relax_or_that_a_member_cannot_score_keeps_its_row(
    scored, monkeypatch
):
    fake_members(monkeypatch, spring(), spring(0.1, trouble_at=1))
    rows, log = scored(relaxed_cells(SPRING_EV, lost=["0"]))
    assert [row["status"] for row in rows.values()] == ["failed", "ok", "nan", "ok"]
    assert rows["0"]["reason"] == (
        "not attempted; the relaxation ended with 'unconverged'"
    )
    assert rows["b"]["reason"] == (
        "relax/member_1: The force field returned a value that is not finite."
    )
    assert rows["b"]["energies_eV"] is None
    assert rows["a"]["energy_spread_eV"] == pytest.approx(0.1 / np.sqrt(2))
    np.testing.assert_allclose(rows["c"]["energies_eV"], SPRING_EV[2] + [0.0, 0.1])
    assert "2 of 4 cells scored by 2 members; rms spread 70.7 meV" in log


def test_a_member_with_a_hole_is_reported_and_not_averaged(scored, monkeypatch):
    fake_members(monkeypatch, spring(), spring(-24.0))
    rows, log = scored(relaxed_cells(SPRING_EV))
    for row in rows.values():
        assert row["status"] == "diverged"
        assert row["reason"] == (
            "relax/member_1: -6.00 eV/atom from relax, expected at most 5"
        )
        assert row["energy_spread_eV"] is None
        assert len(row["energies_eV"]) == 2
    assert "0 of 3 cells scored by 2 members\n" in log


def test_the_first_member_gives_what_the_relaxation_ended_with(scored, monkeypatch):
    fake_members(monkeypatch, spring(), spring())
    # Half and three halves of what float32 may leave in a cell of four atoms.
    rows, _ = scored(relaxed_cells(SPRING_EV + np.array([0.0, 2e-5, 6e-5])))
    assert [row["status"] for row in rows.values()] == ["ok", "ok", "failed"]
    assert rows["c"]["reason"] == (
        f"relax: {SPRING_EV[2]:.6f} eV for a cell whose relaxation ended at "
        f"{SPRING_EV[2] + 6e-5:.6f} eV, expected the same within 4.0e-05 eV"
    )


def test_a_cell_that_overflows_is_scored_with_wider_tables(scored, monkeypatch):
    narrow = spring(overflow=lambda widening: widening < 2)
    fake_members(monkeypatch, spring(), narrow)
    rows, log = scored(relaxed_cells(SPRING_EV), batch_size=2)
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert "too many neighbours" in log


def test_a_member_of_another_campaign_is_refused(scored):
    with pytest.raises(ModelError, match="made from configuration 'h1', but this camp"):
        scored(relaxed_cells(SPRING_EV), hashes=("h0", "other"))
