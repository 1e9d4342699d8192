# Relaxed cells -> their energies from every member of the committee that relaxed them.
# Only where it has more than one member: see committee_files.


rule score_committee:
    input:
        structure=ROOT / CFG.crystal.structure,
        relaxed=rules.relax_configurations.output.relaxed,
        models=committee_models,
    output:
        committee=f"{RESULTS}/committee/{{set}}/{{chunk}}.parquet",
    log:
        f"{LOGS}/score_committee/{{set}}/{{chunk}}.log",
    benchmark:
        f"{TIMES}/score_committee/{{set}}/{{chunk}}.jsonl"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=megabytes(12000),
        runtime=minutes(30),
        batch_size=CFG.relaxation.batch_size,
    params:
        # Not an output, which Snakemake would delete before the next attempt.
        restart=f"{RESULTS}/restart/score_committee/{{set}}/{{chunk}}.parquet",
        crystal=plain(CFG.crystal, "structure"),
        members=ID.committee_members(),
        precision=CFG.relaxation.precision,
        config_hash=lambda wildcards: ID.committee_scores(
            wildcards.set, wildcards.chunk
        ),
        expected=lambda wildcards: {
            "relaxed": ID.relaxed(wildcards.set, wildcards.chunk),
            "models": [ID.model(member) for member in ID.committee_members()],
        },
        code=code("score_committee"),
    message:
        "Committee energies of set {wildcards.set}, chunk {wildcards.chunk}"
    script:
        "../scripts/score_committee.py"
