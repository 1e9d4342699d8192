# Trainings that differ in one setting -> tables and figures of the paper's section 3.1.
# Not part of the campaign: snakemake learning_curve, degrees_sweep or selection_gain.


rule tabulate_sweep:
    input:
        metrics=lambda wildcards: expand(
            rules.evaluate_potential.output.metrics,
            model=[point.name for point in points_of(wildcards.sweep)],
        ),
    output:
        sweep=f"{RESULTS}/sweeps/{{sweep}}.parquet",
    log:
        f"{LOGS}/tabulate_sweep/{{sweep}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        points=lambda wildcards: [point.point for point in points_of(wildcards.sweep)],
        expected=lambda wildcards: [
            ID.evaluation(point.name) for point in points_of(wildcards.sweep)
        ],
        config_hash=lambda wildcards: ID.sweep(wildcards.sweep),
        code=code("tabulate_sweep"),
    message:
        "Table of the {wildcards.sweep}"
    script:
        "../scripts/tabulate_sweep.py"


rule plot_learning_curve:
    input:
        sweep=f"{RESULTS}/sweeps/learning_curve.parquet",
    output:
        report(
            f"{RESULTS}/figures/learning_curve.svg",
            caption="../report/learning_curve.rst",
            category="2. Force fields",
            labels={"figure": "learning curve", "force field": "all sizes"},
        ),
    log:
        f"{LOGS}/plot_learning_curve.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_learning_curve"),
    message:
        "Learning curve"
    script:
        "../scripts/plot_learning_curve.py"


rule plot_selection_gain:
    input:
        sweep=f"{RESULTS}/sweeps/selection_gain.parquet",
    output:
        report(
            f"{RESULTS}/figures/selection_gain.svg",
            caption="../report/selection_gain.rst",
            category="2. Force fields",
            labels={"figure": "choice of training frames", "force field": "all sizes"},
        ),
    log:
        f"{LOGS}/plot_selection_gain.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_selection_gain"),
    message:
        "What choosing the training frames buys"
    script:
        "../scripts/plot_selection_gain.py"


rule render_degrees_table:
    input:
        sweep=f"{RESULTS}/sweeps/degrees_sweep.parquet",
    output:
        html=report(
            f"{RESULTS}/figures/degrees_sweep.html",
            caption="../report/degrees_sweep.rst",
            category="2. Force fields",
            labels={
                "figure": "degrees of the harmonics",
                "force field": "all degrees",
            },
        ),
        text=f"{RESULTS}/figures/degrees_sweep.txt",
    log:
        f"{LOGS}/render_degrees_table.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        campaign=CFG.campaign,
        code=code("render_degrees_table"),
    message:
        "Table of the degrees of the harmonics"
    script:
        "../scripts/render_degrees_table.py"
