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
include: "workflow/rules/report.smk"


localrules:
    all,
    learning_curve,
    degrees_sweep,
    selection_gain,
    crosscheck,
    surrogate,
    sampling,


rule all:
    default_target: True
    input:
        rules.render_gibbs_table.output,
        expand(rules.plot_parity.output, model=MODELS),
        expand(rules.plot_history.output, model=MODELS),
        expand(rules.plot_free_energies.output, set=SETS, level=LEVELS),
        expand(rules.plot_pdos.output, set=SETS),
    message:
        "Campaign {CFG.campaign} is complete"


rule learning_curve:
    input:
        rules.plot_learning_curve.output,
    message:
        "Learning curve of campaign {CFG.campaign} is complete"


rule degrees_sweep:
    input:
        rules.render_degrees_table.output,
    message:
        "Degrees sweep of campaign {CFG.campaign} is complete"


rule selection_gain:
    input:
        rules.plot_selection_gain.output,
    message:
        "Comparison of selections of campaign {CFG.campaign} is complete"


rule crosscheck:
    input:
        rules.plot_crosscheck.output,
        rules.render_crosscheck.output,
    message:
        "Cross-check of campaign {CFG.campaign} is complete"


rule surrogate:
    input:
        rules.plot_surrogate.output,
        rules.predict_configurations.output,
    message:
        "Surrogate of campaign {CFG.campaign} is complete"


rule sampling:
    input:
        sampling_figures,
        rules.render_sampling.output,
    message:
        "Sampling tests of campaign {CFG.campaign} are complete"
