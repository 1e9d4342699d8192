# A few configurations by several engines -> do they agree on order, spread and forces.
# Not part of the campaign: snakemake engine_comparison.


rule evaluate_engine:
    input:
        engine=engine_checked,
        structure=ROOT / CFG.crystal.structure,
        configurations=lambda wildcards: expand(
            rules.enumerate_configurations.output.configurations,
            set=section_of("engine_comparison").set,
        ),
        first=first_engine,
    output:
        energies=f"{RESULTS}/engine_comparison/engines/{{engine}}.parquet",
    log:
        f"{LOGS}/evaluate_engine/{{engine}}.log",
    benchmark:
        f"{TIMES}/evaluate_engine/{{engine}}.jsonl"
    conda:
        lambda wildcards: environment(compared_engine(wildcards), ROOT)
    threads: 1
    resources:
        **{f"vasp_{key}": engine_launch(key) for key in NO_EFFECT_ON_LABELS},
        mem_mb=megabytes(4000),
        runtime=minutes(720),
    params:
        crystal=plain(CFG.crystal, "structure"),
        name=lambda wildcards: wildcards.engine,
        engine=lambda wildcards: definition(compared_engine(wildcards)),
        settings=lambda wildcards: plain(
            section_of("engine_comparison"),
            *("engines", "campaign_engine", "temperature_K", "bootstrap_samples"),
        ),
        slice=lambda wildcards: chunk_slice(
            section_of("engine_comparison").configurations, 1, 0
        ),
        seed=CFG.seed,
        scratch=f"{RESULTS}/scratch/engine_comparison/{{engine}}",
        kept=f"{RESULTS}/kept/engine_comparison/{{engine}}",
        restart=f"{RESULTS}/restart/evaluate_engine/{{engine}}",
        config_hash=lambda wildcards: engine_energies(
            wildcards.engine, CFG, section_of("engine_comparison"), ID
        ),
        expected=engine_inputs,
        code=code("evaluate_engine"),
    message:
        "Configurations of the comparison by engine {wildcards.engine}"
    script:
        "../scripts/evaluate_engine.py"


rule compare_engines:
    input:
        engines=engine_files,
    output:
        pairs=f"{RESULTS}/engine_comparison/pairs.parquet",
    log:
        f"{LOGS}/compare_engines.log",
    benchmark:
        f"{TIMES}/compare_engines.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(4000),
        runtime=minutes(30),
    params:
        set=lambda wildcards: section_of("engine_comparison").set,
        names=lambda wildcards: list(section_of("engine_comparison").names),
        settings=lambda wildcards: plain(
            section_of("engine_comparison"), "engines", "campaign_engine"
        ),
        seed=CFG.seed,
        config_hash=lambda wildcards: engine_tables(
            CFG, section_of("engine_comparison"), ID
        ),
        expected=lambda wildcards: [
            engine_energies(name, CFG, section_of("engine_comparison"), ID)
            for name in section_of("engine_comparison").names
        ],
        code=code("compare_engines"),
    message:
        "Compare the engines"
    script:
        "../scripts/compare_engines.py"


rule plot_engines:
    input:
        engines=engine_files,
        pairs=rules.compare_engines.output.pairs,
    output:
        report(
            f"{RESULTS}/figures/engine_comparison.svg",
            caption="../report/engine_comparison.rst",
            category="9. Label engines",
            labels={"figure": "energies of two engines against each other"},
        ),
    log:
        f"{LOGS}/plot_engines.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_engines"),
    message:
        "Figure of the engine comparison"
    script:
        "../scripts/plot_engines.py"


rule render_engines:
    input:
        pairs=rules.compare_engines.output.pairs,
    output:
        html=report(
            f"{RESULTS}/figures/engine_comparison.html",
            caption="../report/engine_comparison.rst",
            category="9. Label engines",
            labels={"figure": "table of the engine comparison"},
        ),
        text=f"{RESULTS}/figures/engine_comparison.txt",
    log:
        f"{LOGS}/render_engines.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        campaign=CFG.campaign,
        code=code("render_engines"),
    message:
        "Table of the engine comparison"
    script:
        "../scripts/render_engines.py"
