"""Two roads of a made-up set: errors put in come out, and lost rows are named."""

import io
import time
from pathlib import Path

import numpy as np
import pytest

from confvib.crystal.sampling import campaign_order
from confvib.errors import TableError
from confvib.stages.compare_roads import compare_roads
from confvib.stages.job import Progress
from confvib.stages.plot_accuracy import plot_accuracy
from confvib.stages.render_accuracy import render_accuracy
from confvib.tables.accuracy_contracts import ACCURACY_CONFIGURATIONS, ACCURACY_ERRORS
from confvib.tables.contracts import CONFIGURATIONS, HARMONIC, RELAXED
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.units import BOLTZMANN_EV_PER_K as KB

CIF = Path(__file__).parents[2] / "toy/La2O3.cif"
CRYSTAL = {
    "site_groups": {"8c": "O"},
    "symmetry_tolerance_A": 0.01,
    "supercell": (1, 1, 1),
}
N, N_ATOMS, T, SEED = 40, 10, 600.0, 7
QUANTITIES = ["energy", "minimum", "harmonic", "minimum+harmonic"]


def blank(schema, **values):
    row = dict.fromkeys((column.name for column in schema.columns), None)
    return row | {"status": "ok", "reason": ""} | values


def key(rank):
    return f"6_2-{rank:08d}"


class Road:
    """One road of the set; the force field's differs from the exact one by its errors."""

    def __init__(self, folder, *, offset_eV=0.0, noise_eV=0.0, stretch=1.0):
        self.folder = folder
        folder.mkdir()
        rng = np.random.default_rng(3)
        self.energy_eV = -50 + rng.normal(scale=0.1, size=N)
        self.energy_eV += offset_eV + np.random.default_rng(4).normal(
            scale=noise_eV, size=N
        )
        softening = 1 + 0.02 * rng.normal(size=(N, 1))
        self.frequencies_THz = stretch * np.linspace(2, 20, 3 * N_ATOMS - 3) * softening
        self.arrangement = {rank: f"own {rank}" for rank in range(N)}
        self.status, self.n_moved, self.shift_A = {}, {}, 0.0

    def write(self):
        positions = np.zeros((N_ATOMS, 3))
        positions[0] = self.shift_A
        configurations = [
            blank(
                CONFIGURATIONS,
                config_id=key(rank),
                rank=rank,
                occupancy=b"\x00",
                multiplicity=1 + rank % 3,
                represents=1.0,
                pair_fingerprint=str(rank),
                pair_representative=True,
            )
            for rank in range(N)
        ]
        relaxed = [
            blank(
                RELAXED,
                config_id=key(rank),
                n_atoms=N_ATOMS,
                multiplicity=1 + rank % 3,
                energy_eV=self.energy_eV[rank] + 0.01,
                positions=positions.ravel().tolist(),
                n_moved=0,
                end_arrangement=self.arrangement[rank],
            )
            for rank in range(N)
        ]
        harmonic = [
            blank(
                HARMONIC,
                config_id=key(rank),
                energy_eV=self.energy_eV[rank],
                frequencies_THz=self.frequencies_THz[rank].tolist(),
                n_moved=self.n_moved.get(rank, 0),
                status=self.status.get(rank, "ok"),
            )
            for rank in range(N)
        ]
        return {
            "configurations": [self._table("c", CONFIGURATIONS, configurations)],
            "relaxed": [self._table("r", RELAXED, relaxed)],
            "harmonic": [self._table("h", HARMONIC, harmonic)],
        }

    def _table(self, name, schema, rows):
        path = str(self.folder / f"{name}.parquet")
        write_table(path, schema, rows, collect("hash", started=time.monotonic()))
        return path


@pytest.fixture
def compare(tmp_path):
    def run(road, other, **changes):
        kinds = ("configurations", "relaxed", "harmonic")
        hashes = {kind: ["hash"] for kind in kinds}
        settings = {"set": "6_2", "configurations": "all", "temperatures_K": [T]}
        params = {
            "settings": settings | changes.pop("settings", {}),
            "crystal": CRYSTAL,
            "equivalence": "symmetry",
            "seed": SEED,
            "n_labelled": 0,
            "config_hash": "mine",
            "given": hashes,
            "exact": hashes,
        } | changes
        outputs = {
            name: str(tmp_path / f"{name}.parquet")
            for name in ("errors", "configurations")
        }
        log = io.StringIO()
        compare_roads(
            str(CIF), other.write(), road.write(), outputs, params, Progress("t", log)
        )
        errors = read_table(outputs["errors"], ACCURACY_ERRORS, "mine").to_pylist()
        rows = read_table(
            outputs["configurations"], ACCURACY_CONFIGURATIONS, "mine"
        ).to_pylist()
        return errors, rows, log.getvalue()

    return run


@pytest.fixture
def roads(tmp_path):
    def make(**errors):
        return Road(tmp_path / "exact"), Road(tmp_path / "given", **errors)

    return make


def one(errors, quantity, group="all"):
    found = [row for row in errors if (row["quantity"], row["rows"]) == (quantity, group)]
    assert len(found) == 1
    return found[0]


def test_an_offset_is_in_G_and_nowhere_else(roads, compare):
    errors, rows, said = compare(*roads(offset_eV=1.5))
    assert [row["quantity"] for row in errors] == 2 * QUANTITIES
    for row in errors:
        expected = 0.0 if row["quantity"] == "harmonic" else 1.5
        assert row["mean_eV"] == pytest.approx(expected)
        assert row["rms_eV"] == pytest.approx(0, abs=1e-12)
        assert (row["n_rows"], row["n_left_out"], row["left_out"]) == (N, 0, "")
    both = one(errors, "minimum+harmonic")
    assert both["F_error_eV"] == pytest.approx(1.5)
    assert both["overlap"] == pytest.approx(1)
    assert both["S_conf_error_kB"] == pytest.approx(0, abs=1e-10)
    assert both["S_kB_per_atom"] == pytest.approx(both["S_given_kB_per_atom"])
    for name in ("probability", "probability_given"):
        assert sum(row[name][0] for row in rows) == pytest.approx(1)
    assert sum(row["weight"] for row in rows) == pytest.approx(
        sum(1 + rank % 3 for rank in range(N))
    )
    assert f"{N} configurations, {N} by both roads, {N} of these" in said


def test_scatter_comes_out_in_units_of_kT(roads, compare):
    noise = 0.05
    exact, given = roads(noise_eV=noise)
    drawn = given.energy_eV - exact.energy_eV
    errors, _, _ = compare(exact, given)
    for quantity in ("energy", "minimum", "minimum+harmonic"):
        row = one(errors, quantity)
        assert row["rms_eV"] == pytest.approx(drawn.std())
        assert row["rms_over_kT"] == pytest.approx(drawn.std() / (KB * T))
        assert row["pairs_eV"] == pytest.approx(np.sqrt(2) * drawn.std(ddof=1))
        assert row["overlap"] < 0.9
        assert row["spread_eV"] == pytest.approx(0.1, rel=0.5)
    assert one(errors, "harmonic")["rms_eV"] == pytest.approx(0, abs=1e-12)
    assert one(errors, "harmonic")["overlap"] is None


def test_softer_modes_are_an_error_of_F(roads, compare):
    exact, given = roads(stretch=0.97)
    errors, rows, _ = compare(exact, given)
    free = [
        [
            float(harmonic_from_modes(modes, [T]).free_energy_eV[0])
            for modes in road.frequencies_THz
        ]
        for road in (exact, given)
    ]
    row = one(errors, "harmonic")
    assert row["mean_eV"] == pytest.approx(np.mean(free[1]) - np.mean(free[0]))
    np.testing.assert_allclose([r["harmonic_eV"][0] for r in rows], free[0])
    np.testing.assert_allclose([r["harmonic_given_eV"][0] for r in rows], free[1])
    both = one(errors, "minimum+harmonic")
    assert both["S_given_kB_per_atom"] > both["S_kB_per_atom"]


def test_other_minima_are_counted_and_left_out_of_the_second_part(roads, compare):
    exact, given = roads()
    given.arrangement[3] = "another"
    given.energy_eV[3] -= 0.5
    exact.n_moved[5] = 1
    exact.arrangement[6] = given.arrangement[6] = None
    given.shift_A = 0.3
    errors, rows, _ = compare(exact, given)
    assert {row["n_other_minimum"] for row in errors} == {3}
    assert one(errors, "minimum")["rms_eV"] > 0.05
    assert one(errors, "minimum", "same_minimum")["n_rows"] == N - 3
    assert one(errors, "minimum", "same_minimum")["rms_eV"] < 1e-12
    assert [r["config_id"] for r in rows if not r["same_minimum"]] == [
        key(rank) for rank in (3, 5, 6)
    ]
    assert rows[0]["displacement_max_A"] == pytest.approx(0.3 * np.sqrt(3))
    assert rows[0]["displacement_rms_A"] == pytest.approx(0.3 * np.sqrt(3 / N_ATOMS))


def test_rows_that_one_road_lacks_are_named(roads, compare):
    exact, given = roads()
    exact.status[1] = "imaginary_modes"
    given.status |= {1: "unconverged", 2: "unconverged", 8: "nan"}
    errors, rows, _ = compare(exact, given)
    assert {(row["n_rows"], row["n_left_out"]) for row in errors} == {(N - 3, 3)}
    assert errors[0]["left_out"] == (
        "exact: 1 imaginary_modes; force field: 2 unconverged, 1 nan"
    )
    assert rows[1]["status"] == "imaginary_modes"
    assert rows[1]["reason"] == "exact: imaginary_modes; force field: unconverged"
    assert rows[2]["reason"] == "force field: unconverged"
    assert len(rows) == N


def test_what_was_learned_from_is_no_test(roads, compare):
    learned = {key(rank) for rank in campaign_order(N, 15, SEED)}
    exact, given = roads()
    _, rows, _ = compare(exact, given, n_labelled=15)
    assert {row["config_id"] for row in rows if row["seen"]} == learned
    _, rows, _ = compare(
        exact, given, n_labelled=15, settings={"configurations": "unseen"}
    )
    assert len(rows) == N - 15
    assert not learned & {row["config_id"] for row in rows}


def test_one_row_makes_no_difference(roads, compare):
    exact, given = roads()
    given.status |= dict.fromkeys(range(1, N), "unconverged")
    errors, _, _ = compare(exact, given)
    assert {row["status"] for row in errors} == {"failed"}
    assert errors[0]["reason"] == "1 row(s) that both roads have, two make a difference"


def test_a_foreign_table_is_refused(roads, compare):
    hashes = {
        "configurations": ["hash"],
        "relaxed": ["hash"],
        "harmonic": ["other"],
    }
    with pytest.raises(TableError, match="other"):
        compare(*roads(), exact=hashes)


def test_figure_and_tables_are_written(roads, compare, tmp_path):
    compare(*roads(noise_eV=0.05))
    errors, configurations = (
        str(tmp_path / f"{name}.parquet") for name in ("errors", "configurations")
    )
    plot_accuracy(configurations, errors, str(tmp_path / "a.svg"))
    html, text = str(tmp_path / "a.html"), str(tmp_path / "a.txt")
    render_accuracy(errors, html, text, "toy")
    assert (tmp_path / "a.svg").stat().st_size > 1000
    assert "campaign toy" in Path(html).read_text()
    assert "All configurations (40): weights" in Path(text).read_text()
