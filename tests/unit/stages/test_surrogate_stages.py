"""The surrogate's stages on a made-up set whose energies are known for every row."""

import io
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from confvib.crystal.configuration import pack_occupancy
from confvib.crystal.correlations import correlations
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.parent import read_parent
from confvib.errors import TableError
from confvib.stages.job import Progress
from confvib.stages.plot_surrogate import plot_surrogate
from confvib.stages.predict_configurations import predict_configurations
from confvib.stages.validate_surrogate import validate_surrogate
from confvib.tables.contracts import CONFIGURATIONS, DYNAMICS, HARMONIC, RELAXED
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect
from confvib.tables.surrogate_contracts import (
    SURROGATE_ENSEMBLES,
    SURROGATE_PREDICTIONS,
    SURROGATE_VALIDATION,
)
from confvib.thermo.partition import canonical_ensemble

CIF = Path(__file__).parents[2] / "toy/La2O3.cif"
CRYSTAL = {
    "site_groups": {"8c": "O"},
    "symmetry_tolerance_A": 0.01,
    "supercell": (2, 2, 1),
}
T = 900.0
SETTINGS = {
    "set": "27_5",
    "levels": ["conf", "conf+harmonic", "conf+md"],
    "temperatures_K": [T],
    "pair_cutoff_A": 6.0,
    "triplet_cutoff_A": None,
    "fractions": [0.1, 0.3],
    "repeats": 3,
    "batches": 2,
    "draws": 60,
}
N_COMPUTED = 120


def blank(schema, **values):
    row = dict.fromkeys((column.name for column in schema.columns), None)
    return row | {"status": "ok", "reason": ""} | values


@cache
def enumerated():
    parent = read_parent(CIF, CRYSTAL["site_groups"], supercell=(2, 2, 1))
    return parent, enumerate_configurations(parent, {"8c": 27}, [])


class MadeUp:
    """Rows of a fluorite with vacancies; energies follow their pairs, and scatter."""

    def __init__(self, folder):
        self.folder = folder
        parent, found = enumerated()
        self.occupancy, self.multiplicity = found.occupancy, found.multiplicity
        rng = np.random.default_rng(0)
        counts = correlations(parent, pair_cutoff_A=6.0).counts(self.occupancy)
        pairs = counts - counts.mean(axis=0)
        scatter = 0.005 * rng.standard_normal(len(counts))
        self.energy_eV = -100 + 0.02 * pairs @ rng.standard_normal(pairs.shape[1])
        self.energy_eV += scatter
        self.computed = rng.permutation(len(counts))[:N_COMPUTED].tolist()

    def key(self, rank):
        return f"27_5-{rank:08d}"

    def write(self):
        inputs = {
            "configurations": [self._table("c", CONFIGURATIONS, self._configurations())],
            "relaxed": [self._table("r", RELAXED, self._relaxed())],
            "harmonic": [self._table("h", HARMONIC, self._harmonic())],
            "dynamics": [self._table("d", DYNAMICS, self._dynamics())],
        }
        return inputs, {kind: ["hash"] for kind in inputs}

    def _table(self, name, schema, rows):
        path = str(self.folder / f"{name}.parquet")
        write_table(path, schema, rows, collect("hash", started=time.monotonic()))
        return path

    def _configurations(self):
        packed = pack_occupancy(self.occupancy)
        for rank, (bits, g) in enumerate(zip(packed, self.multiplicity, strict=True)):
            yield blank(
                CONFIGURATIONS,
                config_id=self.key(rank),
                rank=rank,
                occupancy=bits,
                multiplicity=int(g),
                represents=1.0,
                pair_fingerprint=str(rank),
                pair_representative=True,
            )

    def _relaxed(self):
        for rank in self.computed:
            yield blank(
                RELAXED,
                config_id=self.key(rank),
                rank=rank,
                multiplicity=int(self.multiplicity[rank]),
                pair_representative=True,
                n_atoms=28,
                energy_eV=self.energy_eV[rank],
                n_moved=0,
            )

    def _modes_THz(self, rank):
        stiffness = 1 + 0.02 * (self.energy_eV[rank] + 100)
        return np.linspace(2.0, 20.0, 81) * stiffness

    def _harmonic(self):
        for rank in self.computed:
            yield blank(
                HARMONIC,
                config_id=self.key(rank),
                energy_eV=self.energy_eV[rank],
                frequencies_THz=self._modes_THz(rank).tolist(),
                n_moved=0,
            )

    def _dynamics(self):
        rng = np.random.default_rng(1)
        for rank in self.computed:
            yield blank(
                DYNAMICS,
                config_id=self.key(rank),
                temperature_K=300.0,
                potential_mean_eV=0.0,
                published_TS_vib_eV_per_atom=0.0,
                free_energy_M_eV=self.energy_eV[rank] + 0.05 * rng.standard_normal(),
                entropy_M_eV_per_K=1e-3,
                free_energy_stderr_eV=0.05,
                left_basin=False,
            )


@pytest.fixture
def made_up(tmp_path):
    return MadeUp(tmp_path)


def arguments(made_up, **settings):
    inputs, expected = made_up.write()
    params = {
        "settings": SETTINGS | settings,
        "crystal": CRYSTAL,
        "equivalence": "symmetry",
        "bootstrap_samples": 20,
        "seed": 1,
        "config_hash": "out",
        "expected": expected,
    }
    return str(CIF), inputs, params, Progress("test", io.StringIO())


def predicted(made_up, **settings):
    structure, inputs, params, progress = arguments(made_up, **settings)
    paths = [str(made_up.folder / name) for name in ("p.parquet", "e.parquet")]
    predict_configurations(structure, inputs, *paths, params, progress)
    return (
        read_table(paths[0], SURROGATE_PREDICTIONS, "out").to_pandas(),
        read_table(paths[1], SURROGATE_ENSEMBLES, "out").to_pandas(),
    )


def validated(made_up, **settings):
    structure, inputs, params, progress = arguments(made_up, **settings)
    path = str(made_up.folder / "v.parquet")
    validate_surrogate(structure, inputs, path, params, progress)
    return path, read_table(path, SURROGATE_VALIDATION, "out").to_pandas()


def test_every_row_of_the_set_is_predicted_and_summed(made_up):
    rows, sums = predicted(made_up)
    n = len(made_up.energy_eV)
    assert n > 2 * N_COMPUTED
    assert rows.groupby("quantity").size().to_dict() == dict.fromkeys(
        ("energy", "harmonic", "energy+harmonic", "anharmonic"), n
    )
    energy = rows[rows["quantity"] == "energy"].set_index("config_id")
    found = energy.loc[[made_up.key(rank) for rank in range(n)]]
    assert found["computed"].sum() == N_COMPUTED
    known = found["computed"].to_numpy()
    np.testing.assert_allclose(found["predicted_eV"][known], made_up.energy_eV[known])
    error = (found["predicted_eV"] - made_up.energy_eV)[~known]
    assert error.std() < 0.15 * made_up.energy_eV.std()
    z = error / found["sigma_eV"][~known]
    assert np.mean(z**2) == pytest.approx(1, abs=0.4)
    left_out = (found["left_out_eV"] - made_up.energy_eV)[known]
    assert left_out.std() == pytest.approx(error.std(), rel=0.4)
    exact = canonical_ensemble(made_up.energy_eV, made_up.multiplicity, T, n_atoms=1)
    by_name = sums.set_index(["quantity", "estimator"])
    row = by_name.loc["energy", "predicted"]
    assert abs(row["free_energy_eV"] - exact.free_energy_eV) < 5 * max(
        row["free_energy_sigma_eV"], 1e-4
    )
    assert row["free_energy_sigma_eV"] < 0.01
    assert (row["n_rows"], row["n_computed"]) == (n, N_COMPUTED)
    assert 0 < row["computed_weight"] < 1
    sampled = by_name.loc["energy", "sampled"]
    assert sampled["free_energy_sigma_eV"] > row["free_energy_sigma_eV"]
    assert np.isnan(by_name.loc["anharmonic", "predicted"]["free_energy_eV"])


def test_noise_of_the_runs_is_not_predicted(made_up):
    rows, _ = predicted(made_up)
    found = rows[(rows["quantity"] == "anharmonic") & rows["computed"]]
    # All that differs here between rows is noise of 0.05 eV and what modes follow energy.
    kept = found["predicted_eV"].std() / found["value_eV"].std()
    assert kept < 0.75
    assert found["sigma_eV"].max() < 0.05


def test_the_test_reports_every_draw(made_up):
    path, rows = validated(made_up)
    assert set(rows["status"]) == {"ok"}
    of_energy = rows[rows["quantity"] == "energy"]
    assert of_energy.groupby("selection").size().to_dict() == {
        "random": 6,
        "variance": 6,
        "weight": 6,
    }
    assert set(of_energy["n_computed"]) == {12, 36}
    best = of_energy[of_energy["fraction"] == 0.3]
    assert (best["rmse_eV"] < 0.3 * best["spread_eV"]).all()
    assert best["mean_squared_z"].mean() == pytest.approx(1, abs=0.5)
    random = best[best["selection"] == "random"]
    assert (random["overlap"] > random["overlap_sampled"]).all()
    assert random["F_sampled_error_eV"].notna().all()
    assert best[best["selection"] != "random"]["F_sampled_error_eV"].isna().all()
    assert rows[rows["quantity"] == "anharmonic"]["F_error_eV"].isna().all()
    figure = made_up.folder / "s.svg"
    plot_surrogate(path, str(figure))
    assert "error of F" in figure.read_text()


def test_draws_are_seeded(made_up):
    first = validated(made_up, levels=["conf"], repeats=1)[1]
    again = validated(made_up, levels=["conf"], repeats=1)[1]
    assert first.equals(again)


def test_too_few_rows_say_so(made_up):
    made_up.computed = made_up.computed[:3]
    path, rows = validated(made_up, levels=["conf"])
    assert rows["status"].tolist() == ["failed"]
    assert "3 computed row(s): 4 to learn from leave too few" in rows["reason"][0]
    figure = made_up.folder / "s.svg"
    plot_surrogate(path, str(figure))
    assert "no surrogate to show" in figure.read_text()
    predictions, sums = predicted(made_up, levels=["conf"])
    assert predictions.empty
    assert "3 computed row(s) cannot carry a regression" in sums["reason"][0]


def test_levels_that_are_not_asked_for_are_not_read(made_up):
    structure, inputs, params, progress = arguments(made_up, levels=["conf"])
    for kind in ("harmonic", "dynamics"):
        inputs[kind], params["expected"][kind] = [], []
    path = str(made_up.folder / "v.parquet")
    validate_surrogate(structure, inputs, path, params, progress)
    rows = read_table(path, SURROGATE_VALIDATION, "out").to_pandas()
    assert set(rows["quantity"]) == {"energy"}


def test_foreign_tables_are_refused(made_up):
    structure, inputs, params, progress = arguments(made_up)
    params["expected"]["relaxed"] = ["other"]
    with pytest.raises(TableError, match="configuration is 'other'"):
        validate_surrogate(structure, inputs, "none", params, progress)
