# The force field's chunks and the reference's -> what the errors do to weights, S and G.
# Not part of the campaign: snakemake accuracy. Needs the section exact.


rule compare_roads:
    input:
        structure=ROOT / CFG.crystal.structure,
        configurations=accuracy_files("configurations"),
        relaxed=accuracy_files("relaxed"),
        harmonic=accuracy_files("harmonic"),
        exact_configurations=accuracy_files("configurations", "exact/"),
        exact_relaxed=accuracy_files("relaxed", "exact/"),
        exact_harmonic=accuracy_files("harmonic", "exact/"),
    output:
        errors=f"{RESULTS}/accuracy/errors.parquet",
        configurations=f"{RESULTS}/accuracy/configurations.parquet",
    log:
        f"{LOGS}/compare_roads.log",
    benchmark:
        f"{TIMES}/compare_roads.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(8000),
        runtime=minutes(60),
    params:
        settings=lambda wildcards: plain(section_of("accuracy")),
        crystal=plain(CFG.crystal, "structure"),
        equivalence=CFG.crystal.equivalence,
        seed=CFG.seed,
        n_labelled=lambda wildcards: n_labelled(CFG, section_of("accuracy").set),
        config_hash=lambda wildcards: accuracy_hash(
            CFG, section_of("accuracy"), accuracy_road(), accuracy_road("exact")
        ),
        given=lambda wildcards: accuracy_road(),
        exact=lambda wildcards: accuracy_road("exact"),
        code=code("compare_roads"),
    message:
        "Compare the force field with the reference"
    script:
        "../scripts/compare_roads.py"


rule plot_accuracy:
    input:
        configurations=rules.compare_roads.output.configurations,
        errors=rules.compare_roads.output.errors,
    output:
        report(
            f"{RESULTS}/figures/accuracy.svg",
            caption="../report/accuracy.rst",
            category=category("8. Accuracy"),
            labels={"figure": "errors against k_B T, weights"},
        ),
    log:
        f"{LOGS}/plot_accuracy.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_accuracy"),
    message:
        "Figure of the accuracy"
    script:
        "../scripts/plot_accuracy.py"


rule render_accuracy:
    input:
        errors=rules.compare_roads.output.errors,
    output:
        html=report(
            f"{RESULTS}/figures/accuracy.html",
            caption="../report/accuracy.rst",
            category=category("8. Accuracy"),
            labels={"figure": "table of the accuracy"},
        ),
        text=f"{RESULTS}/figures/accuracy.txt",
    log:
        f"{LOGS}/render_accuracy.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        campaign=CFG.campaign,
        code=code("render_accuracy"),
    message:
        "Table of the accuracy"
    script:
        "../scripts/render_accuracy.py"
