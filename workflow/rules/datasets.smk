# Labels -> data sets: which frames are fit to learn from, and how they are split.


rule assemble_dataset:
    input:
        labels=lambda wildcards: labels_of(wildcards.potential),
    output:
        dataset=f"{RESULTS}/datasets/{{potential}}.parquet",
    log:
        f"{LOGS}/assemble_dataset/{{potential}}.log",
    benchmark:
        f"{TIMES}/assemble_dataset/{{potential}}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(60),
    params:
        bounds=lambda wildcards: dataset_bounds(
            ID.variants[wildcards.potential].settings
        ),
        config_hash=lambda wildcards: dataset_hash(ID, wildcards.potential),
        expected=lambda wildcards: {"labels": ID.label_hashes(wildcards.potential)},
        code=code("assemble_dataset"),
    message:
        "Data set {wildcards.potential}"
    script:
        "../scripts/assemble_dataset.py"


rule render_dataset:
    input:
        dataset=lambda wildcards: dataset_table(wildcards.potential),
    output:
        html=report(
            f"{RESULTS}/datasets/{{potential}}.html",
            caption="../report/dataset.rst",
            category=category("2. Force fields"),
            labels={"figure": "data set", "force field": "{potential}"},
        ),
        text=f"{RESULTS}/datasets/{{potential}}.txt",
    log:
        f"{LOGS}/render_dataset/{{potential}}.log",
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),
        runtime=minutes(30),
    params:
        bounds=lambda wildcards: dataset_bounds(
            ID.variants[wildcards.potential].settings
        ),
        split=lambda wildcards: ID.split(wildcards.potential),
        expected=lambda wildcards: dataset_hash(ID, wildcards.potential),
        campaign=CFG.campaign,
        code=code("render_dataset"),
    message:
        "Page of the data set of force field {wildcards.potential}"
    script:
        "../scripts/render_dataset.py"
