"""The engine comparison is a target of its own, a job per engine."""

PLANNED = {
    "check_engine": 1,  # VASP is the campaign's own
    "enumerate_configurations": 1,
    "evaluate_engine": 3,
    "compare_engines": 1,
    "plot_engines": 1,
    "render_engines": 1,
    "engine_comparison": 1,
}


def test_every_engine_is_a_job_of_its_own(workflow, tmp_path):
    pair = {"engine": "ase", "ase": {"calculator": "ase.calculators.lj.LennardJones"}}
    more = {"engine_comparison": {"engines": {"pair": pair}}}
    run = workflow(tmp_path, overlay=None)
    assert run.plan(more, "engine_comparison") == PLANNED


def test_an_engine_that_the_configuration_lacks_is_named(workflow, tmp_path):
    target = "results/llzo/engine_comparison/engines/lammps.parquet"
    answer = workflow(tmp_path, overlay=None).run("-n", target, check=False)
    assert answer.returncode == 1
    assert (
        "engine_comparison.engines: no engine 'lammps', expected one of "
        "['labels', 'chgnet']"
    ) in answer.stdout + answer.stderr
