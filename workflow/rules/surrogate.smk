# Computed rows of a set -> E and F of all its rows, and what a few of them would have said.
# Not part of the campaign: snakemake surrogate.


rule predict_configurations:
    input:
        structure=ROOT / CFG.crystal.structure,
        configurations=surrogate_files("configurations"),
        relaxed=surrogate_files("relaxed"),
        harmonic=surrogate_files("harmonic"),
        dynamics=surrogate_files("dynamics"),
    output:
        predictions=f"{RESULTS}/surrogate/predictions.parquet",
        ensembles=f"{RESULTS}/surrogate/ensembles.parquet",
    log:
        f"{LOGS}/predict_configurations.log",
    benchmark:
        f"{TIMES}/predict_configurations.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(8000),
        runtime=minutes(60),
    params:
        settings=lambda wildcards: plain(
            section_of("surrogate"), "fractions", "repeats", "batches"
        ),
        crystal=plain(CFG.crystal, "structure"),
        equivalence=CFG.crystal.equivalence,
        bootstrap_samples=CFG.thermodynamics.bootstrap_samples,
        seed=CFG.seed,
        config_hash=lambda wildcards: surrogate_predictions(
            CFG, section_of("surrogate"), ID
        ),
        expected=lambda wildcards: surrogate_inputs(section_of("surrogate"), ID),
        code=code("predict_configurations"),
    message:
        "Predict every configuration of a set"
    script:
        "../scripts/predict_configurations.py"


rule validate_surrogate:
    input:
        structure=ROOT / CFG.crystal.structure,
        configurations=surrogate_files("configurations"),
        relaxed=surrogate_files("relaxed"),
        harmonic=surrogate_files("harmonic"),
        dynamics=surrogate_files("dynamics"),
    output:
        validation=f"{RESULTS}/surrogate/validation.parquet",
    log:
        f"{LOGS}/validate_surrogate.log",
    benchmark:
        f"{TIMES}/validate_surrogate.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(8000),
        runtime=minutes(240),
    params:
        settings=lambda wildcards: plain(section_of("surrogate")),
        crystal=plain(CFG.crystal, "structure"),
        equivalence=CFG.crystal.equivalence,
        seed=CFG.seed,
        config_hash=lambda wildcards: surrogate_validation(
            CFG, section_of("surrogate"), ID
        ),
        expected=lambda wildcards: surrogate_inputs(section_of("surrogate"), ID),
        code=code("validate_surrogate"),
    message:
        "Test the surrogate on what was computed"
    script:
        "../scripts/validate_surrogate.py"


rule plot_surrogate:
    input:
        validation=rules.validate_surrogate.output.validation,
    output:
        report(
            f"{RESULTS}/figures/surrogate.svg",
            caption="../report/surrogate.rst",
            category="5. Surrogate",
            labels={"figure": "errors over the share of rows computed"},
        ),
    log:
        f"{LOGS}/plot_surrogate.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_surrogate"),
    message:
        "Figure of the surrogate's test"
    script:
        "../scripts/plot_surrogate.py"
