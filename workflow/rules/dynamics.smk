# Relaxed cells -> molecular dynamics at T -> spectrum and F_vib; no trajectory is stored.


rule sample_dynamics:
    input:
        structure=ROOT / CFG.crystal.structure,
        relaxed=rules.relax_configurations.output.relaxed,
        model=model_of("dynamics"),
    output:
        dynamics=f"{RESULTS}/dynamics/{{set}}/{{temperature}}K/{{chunk}}.parquet",
    log:
        f"{LOGS}/sample_dynamics/{{set}}/{{temperature}}K/{{chunk}}.log",
    benchmark:
        f"{TIMES}/sample_dynamics/{{set}}/{{temperature}}K/{{chunk}}.jsonl"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=megabytes(16000),
        runtime=minutes(240),
        batch_size=CFG.dynamics.batch_size,
    params:
        # Not an output, which Snakemake would delete before the next attempt.
        restart=f"{RESULTS}/restart/sample_dynamics/{{set}}/{{temperature}}K/{{chunk}}.parquet",
        crystal=plain(CFG.crystal, "structure"),
        engine=ID.engine(),
        settings=plain(CFG.dynamics, "temperatures_K"),
        temperature_K=lambda wildcards: float(wildcards.temperature),
        seed=CFG.seed,
        config_hash=lambda wildcards: ID.dynamics(
            wildcards.set, float(wildcards.temperature), wildcards.chunk
        ),
        expected=lambda wildcards: {
            "relaxed": ID.relaxed(wildcards.set, wildcards.chunk),
            "model": ID.potential(CFG.dynamics.potential),
        },
        code=code("sample_dynamics"),
    message:
        "Dynamics of set {wildcards.set} at {wildcards.temperature} K, chunk {wildcards.chunk}"
    script:
        "../scripts/sample_dynamics.py"
