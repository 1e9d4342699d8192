# Configurations -> relaxed cells -> normal modes.


rule relax_configurations:
    input:
        structure=ROOT / CFG.crystal.structure,
        configurations=rules.enumerate_configurations.output.configurations,
        model=model_of("relaxation"),
    output:
        relaxed=f"{RESULTS}/relaxed/{{set}}/{{chunk}}.parquet",
    log:
        f"{LOGS}/relax_configurations/{{set}}/{{chunk}}.log",
    benchmark:
        f"{TIMES}/relax_configurations/{{set}}/{{chunk}}.jsonl"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=megabytes(12000),
        runtime=minutes(60),
        batch_size=CFG.relaxation.batch_size,
    params:
        # Not an output, which Snakemake would delete before the next attempt.
        restart=f"{RESULTS}/restart/relax_configurations/{{set}}/{{chunk}}.parquet",
        crystal=plain(CFG.crystal, "structure"),
        engine=ID.engine(),
        settings=plain(CFG.relaxation),
        slice=lambda wildcards: ID.slice_of(wildcards.set, wildcards.chunk),
        seed=CFG.seed,
        config_hash=lambda wildcards: ID.relaxed(wildcards.set, wildcards.chunk),
        expected=lambda wildcards: {
            "configurations": ID.configurations(wildcards.set),
            "model": ID.potential(CFG.relaxation.potential),
        },
        code=code("relax_configurations"),
    message:
        "Relax set {wildcards.set}, chunk {wildcards.chunk}"
    script:
        "../scripts/relax_configurations.py"


rule compute_normal_modes:
    input:
        structure=ROOT / CFG.crystal.structure,
        relaxed=rules.relax_configurations.output.relaxed,
        model=model_of("harmonic"),
    output:
        harmonic=f"{RESULTS}/harmonic/{{set}}/{{chunk}}.parquet",
    log:
        f"{LOGS}/compute_normal_modes/{{set}}/{{chunk}}.log",
    benchmark:
        f"{TIMES}/compute_normal_modes/{{set}}/{{chunk}}.jsonl"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=megabytes(12000),
        runtime=minutes(240),
        columns_per_batch=CFG.harmonic.columns_per_batch,
    params:
        # Not an output, which Snakemake would delete before the next attempt.
        restart=f"{RESULTS}/restart/compute_normal_modes/{{set}}/{{chunk}}.parquet",
        crystal=plain(CFG.crystal, "structure"),
        engine=ID.engine(),
        settings=plain(CFG.harmonic),
        config_hash=lambda wildcards: ID.harmonic(wildcards.set, wildcards.chunk),
        expected=lambda wildcards: {
            "relaxed": ID.relaxed(wildcards.set, wildcards.chunk),
            "model": ID.potential(CFG.harmonic.potential),
        },
        code=code("compute_normal_modes"),
    message:
        "Normal modes of set {wildcards.set}, chunk {wildcards.chunk}"
    script:
        "../scripts/compute_normal_modes.py"
