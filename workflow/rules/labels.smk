# Configurations -> reference energies and forces, every ionic frame.


rule label_configurations:
    input:
        structure=ROOT / CFG.crystal.structure,
        configurations=lambda wildcards: expand(
            rules.enumerate_configurations.output.configurations,
            set=getattr(CFG.labels, wildcards.task).set,
        ),
    output:
        labels=f"{RESULTS}/labels/{{task}}/{{chunk}}.parquet",
    log:
        f"{LOGS}/label_configurations/{{task}}/{{chunk}}.log",
    benchmark:
        f"{TIMES}/label_configurations/{{task}}/{{chunk}}.jsonl"
    conda:
        environment(CFG.labels, ROOT)
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=minutes(720),
        # A resource, because another launcher makes no label stale.
        vasp_command=command(CFG.labels),
    params:
        crystal=plain(CFG.crystal, "structure"),
        engine=ID.engine(),
        task=lambda wildcards: ID.task(wildcards.task),
        slice=lambda wildcards: label_slice(CFG, wildcards.task, wildcards.chunk),
        seed=CFG.seed,
        # Shared folders, since a VASP run may span nodes; failed runs stay in kept.
        scratch=f"{RESULTS}/scratch",
        kept=f"{RESULTS}/kept",
        config_hash=lambda wildcards: ID.labels(wildcards.task, wildcards.chunk),
        expected=lambda wildcards: {
            "configurations": ID.configurations(
                getattr(CFG.labels, wildcards.task).set
            )
        },
        code=code("label_configurations"),
    message:
        f"Label with {CFG.labels.engine}: {{wildcards.task}}, chunk {{wildcards.chunk}}"
    script:
        "../scripts/label_configurations.py"
