# Force fields -> predictions and errors on frames they were not trained on.


rule evaluate_potential:
    input:
        labels=lambda wildcards: labels_of(wildcards.model),
        dataset=lambda wildcards: dataset_table(wildcards.model),
        models=lambda wildcards: expand(
            rules.train_potential.output.model, model=ID.members(wildcards.model)
        ),
        selection=selection_of,
    output:
        metrics=f"{RESULTS}/models/{{model}}/metrics.parquet",
        predictions=f"{RESULTS}/models/{{model}}/predictions.parquet",
    log:
        f"{LOGS}/evaluate_potential/{{model}}.log",
    benchmark:
        f"{TIMES}/evaluate_potential/{{model}}.jsonl"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=megabytes(16000),
        runtime=minutes(60),
    params:
        split=lambda wildcards: ID.split(wildcards.model),
        config_hash=lambda wildcards: ID.evaluation(wildcards.model),
        expected=lambda wildcards: {
            **training_hashes(wildcards),
            "models": [ID.model(member) for member in ID.members(wildcards.model)],
        },
        code=code("evaluate_potential"),
    message:
        "Errors of force field {wildcards.model}"
    script:
        "../scripts/evaluate_potential.py"
