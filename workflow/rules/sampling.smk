# Convergence tables -> what fewer rows would have given, and whether there are enough.
# Not part of the campaign: snakemake sampling.


rule validate_sampling:
    input:
        convergence=rules.reduce_thermodynamics.output.convergence,
        relaxed=f"{RESULTS}/relaxed/{{set}}/0000.parquet",
    output:
        curves=f"{RESULTS}/sampling/curves/{{set}}.parquet",
        tests=f"{RESULTS}/sampling/tests/{{set}}.parquet",
        verdicts=f"{RESULTS}/sampling/verdicts/{{set}}.parquet",
    log:
        f"{LOGS}/validate_sampling/{{set}}.log",
    benchmark:
        f"{TIMES}/validate_sampling/{{set}}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(8000),
        runtime=minutes(30),
    params:
        settings=lambda wildcards: sampling_settings(CFG, section_of("sampling")),
        seed=CFG.seed,
        config_hash=lambda wildcards: sampling_tables(
            wildcards.set, CFG, section_of("sampling"), ID
        ),
        expected=lambda wildcards: {
            "convergence": ID.thermodynamics(wildcards.set),
            "relaxed": ID.relaxed(wildcards.set, "0000"),
        },
        code=code("validate_sampling"),
    message:
        "Rows that set {wildcards.set} needs"
    script:
        "../scripts/validate_sampling.py"


rule plot_sampling:
    input:
        **{
            name: getattr(rules.validate_sampling.output, name)
            for name in ("curves", "tests")
        },
    output:
        report(
            f"{RESULTS}/figures/sampling_{{set}}_{{level}}.svg",
            caption="../report/sampling.rst",
            category="7. Sampling",
            labels={"figure": "random order", "set": "{set}", "level": "{level}"},
        ),
    log:
        f"{LOGS}/plot_sampling/{{set}}_{{level}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_sampling"),
    message:
        "Figure of the {wildcards.level} rows of set {wildcards.set} in random order"
    script:
        "../scripts/plot_sampling.py"


rule render_sampling:
    input:
        tests=lambda wildcards: sampling_files("tests"),
        verdicts=lambda wildcards: sampling_files("verdicts"),
    output:
        report(
            f"{RESULTS}/sampling/table.html",
            caption="../report/sampling.rst",
            category="7. Sampling",
            labels={"figure": "verdicts and tests", "set": "all", "level": "all"},
        ),
    log:
        f"{LOGS}/render_sampling.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        campaign=CFG.campaign,
        code=code("render_sampling"),
    message:
        "Table of the sampling tests"
    script:
        "../scripts/render_sampling.py"
