"""A second phase of the toy material through the same chain, from CIF to figure."""

from pathlib import Path

import pytest
import yaml

from confvib.tables.contracts import CONFIGURATIONS
from confvib.tables.parquet import read_table
from confvib.tables.phase_contracts import PHASE_CROSSINGS, PHASE_STABILITY
from confvib.tables.thermodynamics_contracts import THERMODYNAMICS

ROOT = Path(__file__).parents[2]
PHASE = {
    "phases": {
        "hexagonal": {
            "crystal": {
                "structure": "tests/toy/A-La2O3.cif",
                "site_groups": {"8c": None, "O2": "O"},
                "supercell": [2, 2, 1],
            },
            "sets": {"6_8": None, "ordered": {"counts": {"O2": 4}, "chunks": 1}},
            "labels": {"relaxation": {"set": "ordered"}, "heating": {"set": "ordered"}},
        }
    }
}
COMPARISON = {
    "compare_phases": 1,
    "plot_phase_stability": 1,
    "render_phase_stability": 1,
}
CHAIN = {
    f"hexagonal_{stage}": 1
    for stage in (
        "enumerate_configurations",
        "relax_configurations",
        "compute_normal_modes",
        "sample_dynamics",
        "average_spectra",
        "reduce_thermodynamics",
        "plot_pdos",
        "render_gibbs_table",
    )
}


def test_a_profile_has_entries_for_the_rules_of_the_phase():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    entries = profile["set-resources"]
    for rule in [name for name in entries if not name.startswith("tetragonal_")]:
        assert entries[f"tetragonal_{rule}"] == entries[rule]


@pytest.mark.slow
class TestToyPhase:
    def test_a_finished_campaign_runs_the_phase_alone(self, toy):
        # Nothing is trained: the reference moves the atoms of both phases.
        figures = {"hexagonal_plot_free_energies": 3}
        expected = {"all": 1} | CHAIN | figures | COMPARISON
        assert toy.plan(PHASE) == expected

    def test_both_phases_meet_in_one_table(self, toy):
        toy.run(changes=PHASE)
        folder = toy.folder / "results/toy"
        configurations = read_table(
            folder / "hexagonal/configurations/ordered.parquet", CONFIGURATIONS
        )
        assert configurations["multiplicity"].to_pylist() == [1]
        theirs = {
            (row["convention"], row["level"], row["temperature_K"]): row
            for row in read_table(
                folder / "hexagonal/thermodynamics/ordered.parquet", THERMODYNAMICS
            ).to_pylist()
        }
        # One configuration: no entropy of configuration, in either convention.
        assert {row["S_meV_per_atom_K"] for row in theirs.values()} == {0.0}
        rows = read_table(folder / "phases/stability.parquet", PHASE_STABILITY)
        levels = {(row["level"], row["phase_level"]) for row in rows.to_pylist()}
        assert ("conf", "conf+md") in levels
        for row in rows.to_pylist():
            parts = row["delta_average_meV_per_atom"] + row["delta_minus_TS_meV_per_atom"]
            assert row["delta_G_meV_per_atom"] == pytest.approx(parts)
            other = theirs[row["convention"], row["phase_level"], row["temperature_K"]]
            assert row["phase_G_eV_per_atom"] == other["G_eV_per_atom"]
            assert row["force_fields"] == "reference"
        curves = read_table(folder / "phases/crossings.parquet", PHASE_CROSSINGS)
        assert {"ok", "no_crossing", "objections", "too_few"} >= set(
            curves["status"].to_pylist()
        )
        assert (folder / "figures/phase_stability_hexagonal.svg").stat().st_size > 0
        assert "Phase stability" in (folder / "phases/stability.html").read_text()
        assert toy.plan(PHASE) == {}
        # The campaign without the phase is as finished as before.
        assert toy.plan() == {}

    def test_a_change_of_the_phase_leaves_the_campaign_alone(self, toy):
        changes = {"hexagonal": {"harmonic": {"fmax_eV_per_A": 5e-4}}}
        stale = toy.plan(
            {"phases": {"hexagonal": PHASE["phases"]["hexagonal"] | changes["hexagonal"]}}
        )
        assert set(stale) >= {"hexagonal_compute_normal_modes", "compare_phases"}
        assert not {"compute_normal_modes", "reduce_thermodynamics"} & set(stale)
