# Configurations -> reference energies and forces, every ionic frame.


rule check_engine:
    output:
        found=f"{RESULTS}/labels/engine.json",
    log:
        f"{LOGS}/check_engine.log",
    localrule: True
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        **LAUNCH,
        mem_mb=megabytes(1000),
        runtime=minutes(5),
    params:
        vasp=ID.engine().get("vasp"),
        elements=elements(),
        code=code("check_engine"),
    message:
        "Look for the pseudopotentials of VASP"
    script:
        "../scripts/check_engine.py"


rule label_configurations:
    input:
        engine=rules.check_engine.output.found if CFG.labels.engine == "vasp" else [],
        structure=ROOT / CFG.crystal.structure,
        configurations=lambda wildcards: expand(
            rules.enumerate_configurations.output.configurations,
            set=CFG.labels.set_of(wildcards.task),
        ),
    output:
        labels=f"{RESULTS}/labels/{{task}}/{{chunk}}.parquet",
    log:
        f"{LOGS}/label_configurations/{{task}}/{{chunk}}.log",
    benchmark:
        f"{TIMES}/label_configurations/{{task}}/{{chunk}}.jsonl"
    wildcard_constraints:
        chunk="([0-9.]+K-)?[0-9]{4}",
    conda:
        environment(CFG.labels, ROOT)
    threads: 1
    resources:
        **LAUNCH,
        mem_mb=megabytes(4000),
        runtime=minutes(720),
    params:
        crystal=plain(CFG.crystal, "structure"),
        engine=ID.engine(),
        task=lambda wildcards: ID.task(wildcards.task, wildcards.chunk),
        slice=lambda wildcards: label_slice(CFG, wildcards.task, wildcards.chunk),
        seed=CFG.seed,
        # Shared folders, since a VASP run may span nodes and goes on on another one;
        # failed runs stay in kept.
        scratch=f"{RESULTS}/scratch/{{task}}/{{chunk}}",
        kept=f"{RESULTS}/kept/{{task}}/{{chunk}}",
        # Not an output, which Snakemake would delete before the next attempt.
        restart=f"{RESULTS}/restart/label_configurations/{{task}}/{{chunk}}",
        config_hash=lambda wildcards: ID.labels(wildcards.task, wildcards.chunk),
        expected=lambda wildcards: {
            "configurations": ID.configurations(CFG.labels.set_of(wildcards.task))
        },
        code=code("label_configurations"),
    message:
        f"Label with {CFG.labels.engine}: {{wildcards.task}}, chunk {{wildcards.chunk}}"
    script:
        "../scripts/label_configurations.py"
