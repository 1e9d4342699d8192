# Spectra of every configuration -> their mean and spread over a set.


rule average_spectra:
    input:
        configurations=expand(
            rules.enumerate_configurations.output.configurations, set="{set}"
        ),
        relaxed=chunk_files("relaxed"),
        harmonic=chunk_files("harmonic"),
        dynamics=dynamics_files,
    output:
        spectra=f"{RESULTS}/spectra/{{set}}.parquet",
    log:
        f"{LOGS}/average_spectra/{{set}}.log",
    benchmark:
        f"{TIMES}/average_spectra/{{set}}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(2000),  # one chunk at a time
        runtime=minutes(120),
    params:
        settings=plain(CFG.dynamics.spectrum, "blocks"),
        temperatures_K=list(CFG.dynamics.temperatures_K),
        equivalence=CFG.crystal.equivalence,
        config_hash=lambda wildcards: averaged_spectra(CFG, ID, wildcards.set),
        expected=lambda wildcards: spectra_inputs(ID, wildcards.set),
        code=code("average_spectra"),
    message:
        "Averaged spectra of set {wildcards.set}"
    script:
        "../scripts/average_spectra.py"
