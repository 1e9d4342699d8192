# Labels -> SO3krates force fields.


rule train_potential:
    input:
        labels=training_labels,
    output:
        model=f"{RESULTS}/models/{{model}}/model.msgpack",
        history=f"{RESULTS}/models/{{model}}/history.parquet",
    log:
        f"{LOGS}/train_potential/{{model}}.log",
    benchmark:
        f"{TIMES}/train_potential/{{model}}.jsonl"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=megabytes(16000),
        runtime=minutes(1440),
    params:
        settings=lambda wildcards: getattr(CFG.potentials, wildcards.model).model_dump(
            mode="json"
        ),
        seed=CFG.seed,
        config_hash=lambda wildcards: ID.model(wildcards.model),
        expected=training_hashes,
        code=code("train_potential"),
    message:
        "Train force field {wildcards.model}"
    script:
        "../scripts/train_potential.py"
