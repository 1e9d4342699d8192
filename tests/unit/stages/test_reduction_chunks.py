"""A reduction in any number of chunks, unions of sets, and what it refuses."""

import io
import time
from dataclasses import replace

import numpy as np
import pytest

from confvib.errors import TableError
from confvib.stages.job import Progress
from confvib.stages.reduce_thermodynamics import reduce_thermodynamics
from confvib.tables.committee_contracts import COMMITTEE
from confvib.tables.contracts import CONFIGURATIONS, DYNAMICS, HARMONIC, RELAXED
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect
from confvib.tables.thermodynamics_contracts import CONVERGENCE, SHARES, THERMODYNAMICS
from confvib.thermo.partition import canonical_ensemble
from confvib.units import BOLTZMANN_EV_PER_K as KB

N_ATOMS, T = 4, 300.0


def blank(schema, **values):
    row = dict.fromkeys((column.name for column in schema.columns), None)
    return row | {"status": "ok", "reason": ""} | values


class Sets:
    """Sets of configurations, computed in chunks, as the stages write them."""

    def __init__(self, folder, sizes, n_chunks, *, members=0):
        rng = np.random.default_rng(11)
        self.folder, self.n_chunks, self.n_members = folder, n_chunks, members
        self.energy_eV = {n: -20 + 0.06 * rng.normal(size=size) for n, size in sizes}
        self.g = {n: rng.choice([2, 4, 8], size=size) for n, size in sizes}
        self.hidden = dict.fromkeys(self.g, 0)  # configurations that were not selected
        self.origin = {}  # of single files: other provenance
        self.dropped = {}  # of single files: rows left out
        self.renamed = {}  # of single files: rows of another chunk

    def key(self, name, rank):
        return f"{name}-{rank:08d}"

    def chunk(self, name, number):
        return np.array_split(np.arange(self.energy_eV[name].size), self.n_chunks)[number]

    def write(self):
        inputs = {
            "configurations": [
                self._table(f"c_{name}", CONFIGURATIONS, self._configurations(name))
                for name in self.g
            ]
        }
        kinds = {
            "relaxed": (RELAXED, self._relaxed),
            "harmonic": (HARMONIC, self._harmonic),
            "dynamics": (DYNAMICS, self._dynamics),
        }
        if self.n_members:
            kinds["committee"] = (COMMITTEE, self._committee)
        for kind, (schema, row) in kinds.items():
            inputs[kind] = [
                self._table(
                    f"{kind}_{name}_{number}",
                    schema,
                    [
                        row(name, int(rank))
                        for rank in self.renamed.get(
                            f"{kind}_{name}_{number}", self.chunk(name, number)
                        )
                        if rank not in self.dropped.get(f"{kind}_{name}_{number}", ())
                    ],
                )
                for name in self.g
                for number in range(self.n_chunks)
            ]
        return inputs, {kind: ["hash"] * len(paths) for kind, paths in inputs.items()}

    def _table(self, stem, schema, rows):
        path = str(self.folder / f"{stem}.parquet")
        provenance = collect(
            "hash",
            started=time.monotonic(),
            model_fingerprint="ff",
            equivalence="symmetry",
        )
        provenance = replace(provenance, **self.origin.get(stem, {}))
        write_table(path, schema, rows, provenance)
        return path

    def _configurations(self, name):
        for rank in range(self.g[name].size + self.hidden[name]):
            g = self.g[name][rank] if rank < self.g[name].size else 4
            yield blank(
                CONFIGURATIONS,
                config_id=self.key(name, rank),
                rank=rank,
                occupancy=b"\x00",
                multiplicity=int(g),
                represents=1.0,
                pair_fingerprint=str(rank),
                pair_representative=True,
            )

    def _relaxed(self, name, rank):
        return blank(
            RELAXED,
            config_id=self.key(name, rank),
            rank=rank,
            multiplicity=int(self.g[name][rank]),
            pair_representative=True,
            n_atoms=N_ATOMS,
            energy_eV=self.energy_eV[name][rank],
            n_moved=0,
            end_arrangement=self.key(name, rank),
        )

    def _harmonic(self, name, rank):
        stiffness = 1 + 0.01 * np.sin(rank)
        return blank(
            HARMONIC,
            config_id=self.key(name, rank),
            energy_eV=self.energy_eV[name][rank],
            frequencies_THz=(np.linspace(2, 20, 3 * N_ATOMS - 3) * stiffness).tolist(),
            n_moved=0,
        )

    def _dynamics(self, name, rank):
        return blank(
            DYNAMICS,
            config_id=self.key(name, rank),
            temperature_K=T,
            potential_mean_eV=self.energy_eV[name][rank] + 0.1,
            published_TS_vib_eV_per_atom=0.28,
            free_energy_M_eV=self.energy_eV[name][rank] - 0.2 + 0.01 * np.cos(rank),
            entropy_M_eV_per_K=1e-3,
            free_energy_stderr_eV=0.002 * (1 + rank % 3),
            left_basin=False,
        )

    def _committee(self, name, rank):
        shifts = [0.0, 0.3, -0.1][: self.n_members]
        return blank(
            COMMITTEE,
            config_id=self.key(name, rank),
            members=[f"m{k}" for k in range(self.n_members)],
            energies_eV=[self.energy_eV[name][rank] + shift for shift in shifts],
        )


def reduced(sets, name="all"):
    inputs, expected = sets.write()
    outputs = {
        kind: str(sets.folder / f"{kind}.parquet")
        for kind in ("thermodynamics", "convergence", "shares")
    }
    reduce_thermodynamics(
        inputs,
        outputs,
        set_name=name,
        params={
            "settings": {
                "temperatures_K": [T, 900.0],
                "bootstrap_samples": 40,
                "min_coverage": 0.98,
            },
            "equivalence": "symmetry",
            "seed": 1,
            "config_hash": "out",
            "expected": expected,
        },
        progress=Progress("test", io.StringIO()),
    )
    return {
        schema.name: read_table(outputs[schema.name], schema, "out").to_pandas()
        for schema in (THERMODYNAMICS, CONVERGENCE, SHARES)
    }


def folder(tmp_path, name):
    path = tmp_path / name
    path.mkdir()
    return path


def test_the_chunking_changes_nothing(tmp_path):
    sizes = [("6_2", 60), ("5_3", 37)]
    whole = reduced(Sets(folder(tmp_path, "one"), sizes, 1))
    parts = reduced(Sets(folder(tmp_path, "many"), sizes, 11))
    for name, table in whole.items():
        for column in table.columns:
            found, expected = parts[name][column], table[column]
            if expected.dtype == float:
                np.testing.assert_allclose(
                    found, expected, rtol=1e-9, atol=1e-12, err_msg=f"{name}.{column}"
                )
            else:
                assert found.tolist() == expected.tolist(), f"{name}.{column}"


def test_a_union_is_the_ensemble_of_all_its_rows(tmp_path):
    sets = Sets(tmp_path, [("6_2", 60), ("5_3", 37)], 3)
    sets.hidden["5_3"] = 37  # half of this set was not computed
    found = reduced(sets)
    energy = np.concatenate(list(sets.energy_eV.values()))
    weights = np.concatenate([sets.g["6_2"], 2.0 * sets.g["5_3"]])
    rows = found["thermodynamics"].set_index(["convention", "level", "temperature_K"])
    rows = rows.sort_index()
    shares = found["shares"].set_index(["convention", "level", "temperature_K", "member"])
    shares = shares.sort_index()
    for temperature in (T, 900.0):
        exact = canonical_ensemble(energy, weights, temperature, n_atoms=N_ATOMS)
        row = rows.loc["canonical", "conf", temperature]
        assert row["G_eV_per_atom"] == pytest.approx(exact.free_energy_eV / N_ATOMS)
        assert row["C_meV_per_atom_K"] == pytest.approx(
            1e3 * exact.heat_capacity_eV_per_K / N_ATOMS
        )
        assert row["sigma_eV"] == pytest.approx(np.sqrt(exact.uniform_variance_eV2))
        p = weights * np.exp(-(energy - energy.min()) / (KB * temperature))
        share = shares.loc["canonical", "conf", temperature]["share"]
        assert share["6_2"] == pytest.approx(p[:60].sum() / p.sum(), rel=1e-9)
        assert share.sum() == pytest.approx(1)
        h = energy / N_ATOMS
        published = np.exp(-(h - h.min()) / (KB * temperature))
        share = shares.loc["published", "conf", temperature]["share"]
        assert share["5_3"] == pytest.approx(published[60:].sum() / published.sum())
    errors = shares.loc["canonical", "conf", T]["share_stderr"]
    # Only what was sampled is uncertain, and the two shares add up to one.
    assert errors["6_2"] == pytest.approx(errors["5_3"], rel=1e-9)
    assert 0 < errors["5_3"] < 0.5


def test_complete_sets_have_no_sampling_error(tmp_path):
    rows = reduced(Sets(tmp_path, [("6_2", 20)], 2), "6_2")["thermodynamics"]
    static = rows[rows["level"] == "conf"]
    assert (static["G_stderr_eV_per_atom"] == 0).all()
    noisy = rows[(rows["level"] == "conf+md") & (rows["convention"] == "canonical")]
    assert (noisy["G_stderr_eV_per_atom"] > 0).all()
    assert (noisy["noise_bias_eV_per_atom"] > 0).all()
    # The published term has no error of its own: what scatters is not certain.
    published = rows[(rows["level"] == "conf+md") & (rows["convention"] == "published")]
    assert (published["G_stderr_eV_per_atom"] > 0).all()


def test_the_one_row_of_an_ordered_crystal_is_certain_but_for_its_run(tmp_path):
    rows = reduced(Sets(tmp_path, [("6_2", 1)], 1), "6_2")["thermodynamics"]
    rows = rows.set_index(["convention", "level", "temperature_K"]).sort_index()
    errors = rows["G_stderr_eV_per_atom"]
    assert errors["canonical", "conf", T] == errors["published", "conf+harmonic", T] == 0
    assert errors["canonical", "conf+md", T] == pytest.approx(0.002 / N_ATOMS)
    assert np.isnan(errors["published", "conf+md", T])


def test_the_quantum_correction_of_a_run_is_that_of_the_hessian(tmp_path):
    sets = Sets(tmp_path, [("6_2", 1)], 1)
    rows = (
        reduced(sets, "6_2")["thermodynamics"]
        .set_index(["convention", "level"])
        .sort_index()
    )
    x = 4.135667696e-3 * np.linspace(2, 20, 9) / (KB * T)
    correction = KB * T * np.sum(np.log(2 * np.sinh(x / 2)) - np.log(x))
    g, E = sets.g["6_2"][0], sets.energy_eV["6_2"][0]
    F = E - 0.2 + 0.01 + correction - KB * T * np.log(g)
    md = rows.loc["canonical", "conf+md"]
    assert md["G_eV_per_atom"] == pytest.approx(F / N_ATOMS, rel=1e-9)


def test_a_committee_shifts_F_and_leaves_the_entropy(tmp_path):
    sets = Sets(tmp_path, [("6_2", 30)], 4, members=3)
    rows = (
        reduced(sets, "6_2")["thermodynamics"]
        .set_index(["convention", "level", "temperature_K"])
        .sort_index()
    )
    for level in ("conf", "conf+harmonic"):
        row = rows.loc["canonical", level, T]
        assert row["n_members"] == 3
        assert row["G_spread_eV_per_atom"] == pytest.approx(
            np.std([0.0, 0.3, -0.1], ddof=1) / N_ATOMS
        )
        assert row["S_spread_meV_per_atom_K"] == pytest.approx(0, abs=1e-9)
        assert row["pairs_spread_over_kT"] == pytest.approx(0, abs=1e-9)
    # It judges the force field of the relaxation, not that of the runs,
    assert rows.loc["canonical", "conf+md", T]["n_members"] == 0
    # nor that of modes which another one gave.
    sets.origin = {f"harmonic_6_2_{k}": {"model_fingerprint": "other"} for k in range(4)}
    again = reduced(sets, "6_2")["thermodynamics"].set_index(["convention", "level"])
    found = again.sort_index()["n_members"]
    assert found["canonical", "conf"].tolist() == [3, 3]
    assert found["canonical", "conf+harmonic"].tolist() == [0, 0]


def refusal(sets):
    with pytest.raises(TableError) as caught:
        reduced(sets)
    return str(caught.value).replace(f"{sets.folder}/", "")


def test_mixed_force_fields_are_refused(tmp_path):
    sets = Sets(tmp_path, [("6_2", 6)], 2)
    sets.origin["harmonic_6_2_1"] = {"model_fingerprint": "other"}
    assert refusal(sets) == (
        "harmonic tables with different model_fingerprint cannot enter one sum: 'ff' in "
        "harmonic_6_2_0.parquet (6_2-00000000 to 6_2-00000002), 'other' in "
        "harmonic_6_2_1.parquet (6_2-00000003 to 6_2-00000005); delete those that are "
        "out of date and run again"
    )


def test_mixed_equivalences_are_refused(tmp_path):
    sets = Sets(tmp_path, [("6_2", 6)], 2)
    sets.origin["relaxed_6_2_1"] = {"equivalence": "pair_distances"}
    assert refusal(sets).startswith(
        "relaxed tables with different equivalence cannot enter one sum: 'symmetry' in"
    )


def test_missing_rows_are_named(tmp_path):
    sets = Sets(tmp_path, [("6_2", 9)], 2)
    sets.dropped["dynamics_6_2_0"] = (1, 3)
    assert refusal(sets) == (
        "dynamics_6_2_0.parquet: lacks 2 configurations (6_2-00000001, 6_2-00000003) "
        "where relaxed_6_2_0.parquet has 5 configurations; delete it and run again"
    )


def test_a_configuration_in_two_chunks_is_refused(tmp_path):
    sets = Sets(tmp_path, [("6_2", 6)], 2)
    for kind in ("relaxed", "harmonic", "dynamics"):
        sets.renamed[f"{kind}_6_2_1"] = np.array([2, 3, 4])
    assert refusal(sets) == (
        "6_2-00000002 is in relaxed_6_2_0.parquet and in relaxed_6_2_1.parquet; "
        "expected every configuration once"
    )


def test_a_missing_chunk_is_named(tmp_path):
    sets = Sets(tmp_path, [("6_2", 6)], 2)
    inputs, expected = sets.write()
    (tmp_path / "harmonic_6_2_1.parquet").unlink()
    sets.write = lambda: (inputs, expected)
    assert refusal(sets) == (
        "harmonic_6_2_1.parquet: no such file; expected a harmonic/1 table"
    )
