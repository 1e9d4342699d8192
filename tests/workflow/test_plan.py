"""The production campaign as a plan: no job runs here."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PRODUCTION = {
    "all": 1,
    "assemble_dataset": 2,
    "average_spectra": 2,
    "check_engine": 1,
    "compare_phases": 1,
    "compute_normal_modes": 376,
    "enumerate_configurations": 2,
    "evaluate_potential": 2,
    "label_configurations": 129,
    "plot_free_energies": 6,
    "plot_history": 2,
    "plot_parity": 2,
    "plot_pdos": 2,
    "plot_phase_stability": 1,
    "reduce_thermodynamics": 3,
    "relax_configurations": 376,
    "render_dataset": 2,
    "render_gibbs_table": 1,
    "render_phase_stability": 1,
    "sample_dynamics": 752,
    "train_potential": 2,
    "tetragonal_assemble_dataset": 2,
    "tetragonal_average_spectra": 1,
    "tetragonal_check_engine": 1,
    "tetragonal_compute_normal_modes": 1,
    "tetragonal_enumerate_configurations": 1,
    "tetragonal_evaluate_potential": 2,
    "tetragonal_label_configurations": 17,
    "tetragonal_plot_free_energies": 3,
    "tetragonal_plot_history": 2,
    "tetragonal_plot_parity": 2,
    "tetragonal_plot_pdos": 1,
    "tetragonal_reduce_thermodynamics": 1,
    "tetragonal_relax_configurations": 1,
    "tetragonal_render_dataset": 2,
    "tetragonal_render_gibbs_table": 1,
    "tetragonal_sample_dynamics": 2,
    "tetragonal_train_potential": 2,
}


def test_the_default_campaign_is_planned_whole(workflow, tmp_path):
    assert workflow(tmp_path, overlay=None).plan() == PRODUCTION


def test_the_slurm_profile_plans_the_same(workflow, tmp_path):
    slurm = workflow(tmp_path, overlay=None, profile=ROOT / "profiles/slurm")
    assert slurm.plan() == PRODUCTION


SCORES = "results/llzo/committee/12_44/0000.parquet"


def test_a_committee_scores_what_its_first_member_relaxed(workflow, tmp_path):
    changes = {"potentials": {"relax": {"committee": 2}}}
    planned = workflow(tmp_path, overlay=None).plan(changes, SCORES)
    assert planned["score_committee"] == planned["relax_configurations"] == 1
    assert planned["train_potential"] == 2


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, "potentials.relax.committee = 1"),
        (
            {
                "labels": {"engine": "ionic"},
                "relaxation": {"potential": "reference"},
                "potentials": {"relax": {"committee": 2}},
            },
            "relaxation.potential = 'reference'",
        ),
    ],
)
def test_without_a_committee_there_is_nothing_to_score(
    workflow, tmp_path, changes, found
):
    run = workflow(tmp_path, overlay=None)
    answer = run.run("-n", SCORES, changes=changes, check=False)
    assert answer.returncode == 1
    assert f"{found}: no committee relaxed these cells; expected 2 members or more" in (
        answer.stdout + answer.stderr
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dynamics": {"timestep_ps": 1}}, "dynamics.timestep_ps = 1: unknown key"),
        ({"sets": {"11_45": {"chunks": 0}}}, "sets.11_45.chunks = 0: Input should be"),
        (
            {"crystal": {"structure": "no.cif"}},
            "crystal.structure = 'no.cif': no such file",
        ),
        (
            {"sets": {"11_45": {"counts": {"24d": 11, "96h": 46}}}},
            "57 Li in the cell; crystal.formula = 'Li7La3Zr2O12' needs 56",
        ),
        (
            {"phases": {"tetragonal": {"dynamics": {"timestep_ps": 1}}}},
            "phases.tetragonal.dynamics.timestep_ps = 1: unknown key",
        ),
    ],
)
def test_a_mistake_stops_the_run_with_one_message(workflow, tmp_path, changes, message):
    answer = workflow(tmp_path, overlay=None).run("-n", changes=changes, check=False)
    output = answer.stdout + answer.stderr
    assert answer.returncode == 1
    assert output.count(message) == 1
    assert "Traceback" not in output
    assert "Building DAG" not in output


def test_the_workflow_lints(workflow, tmp_path):
    answer = workflow(tmp_path, overlay=None).run("--lint")
    assert "Congratulations" in answer.stdout + answer.stderr


def test_a_sweep_learns_from_one_data_set(workflow, tmp_path):
    planned = workflow(tmp_path, overlay=None).plan(None, "selection_gain")
    assert planned["train_potential"] == 16
    assert planned["assemble_dataset"] == 1


SHARED = {"phases": {"tetragonal": {"force_field": "shared"}}}
EXACT = {
    "labels": {"engine": "ionic"},
    "exact": {
        "relaxation": {"potential": "reference"},
        "harmonic": {"potential": "reference"},
    },
}


def test_a_phase_with_a_shared_force_field_trains_nothing(workflow, tmp_path):
    target = "results/llzo/tetragonal/harmonic/ordered/0000.parquet"
    assert workflow(tmp_path, overlay=None).plan(SHARED, target) == {
        "check_engine": 1,
        "enumerate_configurations": 1,
        "label_configurations": 128,
        "assemble_dataset": 1,
        "train_potential": 1,
        "tetragonal_enumerate_configurations": 1,
        "tetragonal_relax_configurations": 1,
        "tetragonal_compute_normal_modes": 1,
    }


def test_the_exact_companion_needs_no_training_and_is_a_target_of_its_own(
    workflow, tmp_path
):
    run = workflow(tmp_path, overlay=None)
    target = "results/llzo/exact/harmonic/12_44/0000.parquet"
    assert run.plan(EXACT, target) == {
        "exact_enumerate_configurations": 1,
        "exact_relax_configurations": 1,
        "exact_compute_normal_modes": 1,
    }
    assert not any(rule.startswith("exact") for rule in run.plan(EXACT))
