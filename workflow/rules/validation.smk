# Force fields -> predictions and errors on frames they were not trained on.


rule evaluate_potential:
    input:
        labels=training_labels,
        model=rules.train_potential.output.model,
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
        settings=lambda wildcards: getattr(CFG.potentials, wildcards.model).model_dump(
            mode="json"
        ),
        seed=CFG.seed,
        config_hash=lambda wildcards: ID.model(wildcards.model),
        expected=training_hashes,
        code=code("evaluate_potential"),
    message:
        "Errors of force field {wildcards.model}"
    script:
        "../scripts/evaluate_potential.py"
