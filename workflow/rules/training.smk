# Labels -> SO3krates force fields: the campaign's, their committees, points of sweeps.


rule select_frames:
    input:
        labels=lambda wildcards: labels_of(ID.selection_owner(wildcards.selection).name),
        dataset=lambda wildcards: dataset_table(
            ID.selection_owner(wildcards.selection).name
        ),
    output:
        selection=f"{RESULTS}/selections/{{selection}}.parquet",
    log:
        f"{LOGS}/select_frames/{{selection}}.log",
    benchmark:
        f"{TIMES}/select_frames/{{selection}}.jsonl"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=megabytes(16000),
        runtime=minutes(120),
    params:
        settings=lambda wildcards: ID.training(
            ID.selection_owner(wildcards.selection).name
        ),
        split=lambda wildcards: ID.selection_split(wildcards.selection),
        config_hash=lambda wildcards: ID.selection(wildcards.selection),
        expected=lambda wildcards: dataset_hashes(
            ID.selection_owner(wildcards.selection).name
        ),
        code=code("select_frames"),
    message:
        "Choose training frames for {wildcards.selection}"
    script:
        "../scripts/select_frames.py"


rule train_potential:
    input:
        labels=lambda wildcards: labels_of(wildcards.model),
        dataset=lambda wildcards: dataset_table(wildcards.model),
        selection=selection_of,
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
        # Resources, because they change no result.
        microbatch=lambda wildcards: ID.variants[
            wildcards.model
        ].settings.training.microbatch,
        save_interval_min=lambda wildcards: ID.variants[
            wildcards.model
        ].settings.training.save_interval_min,
    params:
        settings=lambda wildcards: ID.training(wildcards.model),
        split=lambda wildcards: ID.split(wildcards.model),
        seed=lambda wildcards: ID.variants[wildcards.model].seed,
        # Not an output, which Snakemake would delete before the next attempt.
        restart=f"{RESULTS}/restart/train_potential/{{model}}",
        config_hash=lambda wildcards: ID.model(wildcards.model),
        expected=training_hashes,
        code=code("train_potential"),
    message:
        "Train force field {wildcards.model}"
    script:
        "../scripts/train_potential.py"
