"""The accuracy is a target of its own: both roads, and only on what was not seen."""

from pathlib import Path

OVERLAY = Path(__file__).parents[2] / "config/accuracy.yaml"


def test_both_roads_are_planned_for_the_unseen_rows(workflow, tmp_path):
    assert workflow(tmp_path, overlay=OVERLAY).plan(None, "accuracy") == {
        "accuracy": 1,
        "enumerate_configurations": 1,
        "label_configurations": 2,
        "assemble_dataset": 1,
        "train_potential": 1,
        "relax_configurations": 2,
        "compute_normal_modes": 2,
        "exact_enumerate_configurations": 1,
        "exact_relax_configurations": 2,
        "exact_compute_normal_modes": 2,
        "compare_roads": 1,
        "plot_accuracy": 1,
        "render_accuracy": 1,
    }


def test_a_campaign_without_the_section_says_so(workflow, tmp_path):
    answer = workflow(tmp_path, overlay=None).run("accuracy", "-n", check=False)
    assert answer.returncode == 1
    assert "the configuration has no section 'accuracy'" in answer.stdout + answer.stderr
