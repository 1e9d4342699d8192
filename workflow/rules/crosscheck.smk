# A few relaxed cells -> free energies by four methods, and other codes on the same cells.
# Not part of the campaign: snakemake crosscheck.


rule crosscheck_configuration:
    input:
        structure=ROOT / CFG.crystal.structure,
        relaxed=crosscheck_relaxed,
        model=lambda wildcards: model_of("crosscheck"),
    output:
        free_energies=f"{RESULTS}/crosscheck/configurations/{{chunk}}.free_energies.parquet",
        codes=f"{RESULTS}/crosscheck/configurations/{{chunk}}.codes.parquet",
    log:
        f"{LOGS}/crosscheck_configuration/{{chunk}}.log",
    benchmark:
        f"{TIMES}/crosscheck_configuration/{{chunk}}.jsonl"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=megabytes(16000),
        runtime=minutes(480),
    params:
        crystal=plain(CFG.crystal, "structure"),
        engine=ID.engine(),
        settings=lambda wildcards: plain(section_of("crosscheck"), "configurations"),
        harmonic=plain(CFG.harmonic, "temperatures_K", "potential"),
        spectrum=plain(CFG.dynamics.spectrum),
        timestep_fs=CFG.dynamics.timestep_fs,
        seed=CFG.seed,
        index=lambda wildcards: int(wildcards.chunk),
        config_hash=lambda wildcards: ID.crosscheck(),
        expected=crosscheck_hashes,
        code=code("crosscheck_configuration"),
    message:
        "Cross-check of configuration {wildcards.chunk}"
    script:
        "../scripts/crosscheck_configuration.py"


rule tabulate_crosscheck:
    input:
        free_energies=lambda wildcards: expand(
            rules.crosscheck_configuration.output.free_energies,
            chunk=crosscheck_names(),
        ),
        codes=lambda wildcards: expand(
            rules.crosscheck_configuration.output.codes, chunk=crosscheck_names()
        ),
    output:
        free_energies=f"{RESULTS}/crosscheck/free_energies.parquet",
        codes=f"{RESULTS}/crosscheck/codes.parquet",
        noise_gate=f"{RESULTS}/crosscheck/noise_gate.parquet",
        agreement=f"{RESULTS}/crosscheck/agreement.parquet",
    log:
        f"{LOGS}/tabulate_crosscheck.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        config_hash=lambda wildcards: ID.crosscheck_tables(),
        expected=lambda wildcards: ID.crosscheck(),
        code=code("tabulate_crosscheck"),
    message:
        "Tables of the cross-check"
    script:
        "../scripts/tabulate_crosscheck.py"


rule plot_crosscheck:
    input:
        free_energies=rules.tabulate_crosscheck.output.free_energies,
    output:
        report(
            f"{RESULTS}/figures/crosscheck.svg",
            caption="../report/crosscheck.rst",
            category="5. Cross-checks",
            labels={"figure": "free energies by four methods"},
        ),
    log:
        f"{LOGS}/plot_crosscheck.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_crosscheck"),
    message:
        "Figure of the cross-check"
    script:
        "../scripts/plot_crosscheck.py"


rule render_crosscheck:
    input:
        **{
            name: getattr(rules.tabulate_crosscheck.output, name)
            for name in ("free_energies", "noise_gate", "agreement", "codes")
        },
    output:
        html=report(
            f"{RESULTS}/figures/crosscheck.html",
            caption="../report/crosscheck.rst",
            category="5. Cross-checks",
            labels={"figure": "table of the cross-check"},
        ),
        text=f"{RESULTS}/figures/crosscheck.txt",
    log:
        f"{LOGS}/render_crosscheck.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        campaign=CFG.campaign,
        code=code("render_crosscheck"),
    message:
        "Table of the cross-check"
    script:
        "../scripts/render_crosscheck.py"
