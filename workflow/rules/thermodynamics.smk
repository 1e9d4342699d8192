# Energies, modes and dynamics of every configuration -> Z, S and G.


rule reduce_thermodynamics:
    input:
        configurations=lambda wildcards: expand(
            rules.enumerate_configurations.output.configurations,
            set=SETS if wildcards.set == "all" else wildcards.set,
        ),
        relaxed=chunk_files("relaxed"),
        harmonic=chunk_files("harmonic"),
        dynamics=dynamics_files,
        committee=committee_files,
    output:
        thermodynamics=f"{RESULTS}/thermodynamics/{{set}}.parquet",
        convergence=f"{RESULTS}/thermodynamics/convergence/{{set}}.parquet",
        shares=f"{RESULTS}/thermodynamics/shares/{{set}}.parquet",
    log:
        f"{LOGS}/reduce_thermodynamics/{{set}}.log",
    benchmark:
        f"{TIMES}/reduce_thermodynamics/{{set}}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(8000),
        runtime=minutes(60),
    params:
        settings=plain(CFG.thermodynamics),
        sets=lambda wildcards: {
            name: {"sample": CFG.sets[name].sample}
            for name in (SETS if wildcards.set == "all" else [wildcards.set])
        },
        equivalence=CFG.crystal.equivalence,
        seed=CFG.seed,
        config_hash=lambda wildcards: ID.thermodynamics(wildcards.set),
        expected=lambda wildcards: {
            **ID.reduction_inputs(wildcards.set),
            "committee": ID.reduction_committee(wildcards.set),
        },
        code=code("reduce_thermodynamics"),
    message:
        "Thermodynamics of set {wildcards.set}"
    script:
        "../scripts/reduce_thermodynamics.py"
