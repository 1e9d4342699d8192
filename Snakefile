# confvib: how stable is a site-disordered crystal at temperature T, counting both the
# ways its ions can sit and how each arrangement vibrates?
#
#   snakemake -n                                        the paper's campaign, as a plan
#   snakemake --cores 2 --configfile config/demo.yaml   a laptop's campaign
#   snakemake --profile profiles/slurm                  the paper's campaign on a cluster
from pathlib import Path

from snakemake.utils import min_version

min_version("9.13")


configfile: Path(workflow.basedir) / "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/configurations.smk"
include: "workflow/rules/labels.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/relaxation.smk"
include: "workflow/rules/committee.smk"
include: "workflow/rules/dynamics.smk"
include: "workflow/rules/thermodynamics.smk"
include: "workflow/rules/spectra.smk"
include: "workflow/rules/validation.smk"
include: "workflow/rules/sweeps.smk"
include: "workflow/rules/crosscheck.smk"
include: "workflow/rules/surrogate.smk"
include: "workflow/rules/sampling.smk"
include: "workflow/rules/accuracy.smk"
include: "workflow/rules/engines.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/phases.smk"
include: "workflow/rules/companions.smk"


rule all:
    default_target: True
    input:
        rules.render_gibbs_table.output,
        expand(rules.render_dataset.output, potential=MODELS),
        expand(rules.plot_parity.output, model=MODELS),
        expand(rules.plot_history.output, model=MODELS),
        expand(rules.plot_free_energies.output, set=SETS, level=LEVELS),
        expand(rules.plot_pdos.output, set=SETS),
        [getattr(rules, f"{phase}_all").input for phase in CFG.phases],
        expand(rules.plot_phase_stability.output, phase=CFG.phases),
        rules.render_phase_stability.output if CFG.phases else [],
    localrule: True
    message:
        f"Campaign {CFG.campaign} is complete"


rule labels:
    input:
        [label_files(task) for task in TASKS],
    localrule: True
    message:
        f"Labels of campaign {CFG.campaign} are complete"


rule labels_nve:
    input:
        lambda wildcards: label_files("nve"),
    localrule: True
    message:
        f"Reference dynamics of campaign {CFG.campaign} are complete"


rule labels_nvt:
    input:
        lambda wildcards: label_files("nvt"),
    localrule: True
    message:
        f"Reference dynamics of unseen configurations of campaign {CFG.campaign} are complete"


rule learning_curve:
    input:
        rules.plot_learning_curve.output,
    localrule: True
    message:
        "Learning curve of campaign {CFG.campaign} is complete"


rule degrees_sweep:
    input:
        rules.render_degrees_table.output,
    localrule: True
    message:
        "Degrees sweep of campaign {CFG.campaign} is complete"


rule selection_gain:
    input:
        rules.plot_selection_gain.output,
    localrule: True
    message:
        "Comparison of selections of campaign {CFG.campaign} is complete"


rule crosscheck:
    input:
        rules.plot_crosscheck.output,
        rules.render_crosscheck.output,
    localrule: True
    message:
        "Cross-check of campaign {CFG.campaign} is complete"


rule surrogate:
    input:
        rules.plot_surrogate.output,
        rules.predict_configurations.output,
    localrule: True
    message:
        "Surrogate of campaign {CFG.campaign} is complete"


rule sampling:
    input:
        sampling_figures,
        rules.render_sampling.output,
    localrule: True
    message:
        "Sampling tests of campaign {CFG.campaign} are complete"


rule accuracy:
    input:
        rules.plot_accuracy.output,
        rules.render_accuracy.output,
    localrule: True
    message:
        f"Accuracy of campaign {CFG.campaign} is complete"


rule engine_comparison:
    input:
        rules.plot_engines.output,
        rules.render_engines.output,
    localrule: True
    message:
        f"Comparison of label engines of campaign {CFG.campaign} is complete"
