# Parent crystal -> every symmetry-distinct arrangement of its ions, with multiplicity.


rule enumerate_configurations:
    input:
        structure=ROOT / CFG.crystal.structure,
    output:
        configurations=f"{RESULTS}/configurations/{{set}}.parquet",
    log:
        f"{LOGS}/enumerate_configurations/{{set}}.log",
    benchmark:
        f"{TIMES}/enumerate_configurations/{{set}}.jsonl"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=megabytes(8000),
        runtime=minutes(60),
    params:
        # No code fingerprint: see ENUMERATION_CONTRACT in confvib.campaign.identity.
        crystal=plain(CFG.crystal, "structure", "equivalence", "split_site_A"),
        counts=lambda wildcards: group_counts(CFG.sets[wildcards.set]),
        draw=lambda wildcards: CFG.sets[wildcards.set].draw,
        imported=lambda wildcards: imported_table(wildcards.set),
        seed=lambda wildcards: CFG.seed if CFG.sets[wildcards.set].draw else None,
        config_hash=lambda wildcards: ID.configurations(wildcards.set),
    message:
        "Enumerate set {wildcards.set}"
    script:
        "../scripts/enumerate_configurations.py"
