# Thermodynamics of the campaign's crystal and of each phase -> which one is stable at T.

PHASES = phases_of(CFG, COMPANIONS, ROOT)


rule compare_phases:
    input:
        campaign=f"{RESULTS}/thermodynamics/{whole_set(CFG)}.parquet",
        phases=[
            f"{RESULTS}/{name}/thermodynamics/{phase.set}.parquet"
            for name, phase in PHASES.items()
        ],
        structures=[
            ROOT / phase.campaign.crystal.structure for phase in PHASES.values()
        ],
    output:
        stability=f"{RESULTS}/phases/stability.parquet",
        crossings=f"{RESULTS}/phases/crossings.parquet",
    log:
        f"{LOGS}/compare_phases.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        phases=lambda wildcards: comparison(CFG, PHASES),
        atoms_per_formula=lambda wildcards: atoms_per_formula(CFG),
        config_hash=lambda wildcards: phase_stability(CFG, ID, PHASES),
        expected=lambda wildcards: {
            "campaign": ID.thermodynamics(whole_set(CFG)),
            "phases": [phase.thermodynamics for phase in PHASES.values()],
        },
        code=code("compare_phases"),
    message:
        "Compare the stability of phases"
    script:
        "../scripts/compare_phases.py"


rule plot_phase_stability:
    input:
        stability=rules.compare_phases.output.stability,
        crossings=rules.compare_phases.output.crossings,
    output:
        report(
            f"{RESULTS}/figures/phase_stability_{{phase}}.svg",
            caption="../report/phase_stability.rst",
            category="6. Phase stability",
            labels={"figure": "difference of G", "phase": "{phase}"},
        ),
    log:
        f"{LOGS}/plot_phase_stability/{{phase}}.log",
    wildcard_constraints:
        phase="[A-Za-z0-9_]+",
    conda:
        "../../envs/cpu.yaml"
    params:
        engine=CFG.labels.engine,
        code=code("plot_phase_stability"),
    message:
        "Stability against {wildcards.phase}"
    script:
        "../scripts/plot_phase_stability.py"


rule render_phase_stability:
    input:
        stability=rules.compare_phases.output.stability,
        crossings=rules.compare_phases.output.crossings,
    output:
        html=report(
            f"{RESULTS}/phases/stability.html",
            caption="../report/phase_stability.rst",
            category="6. Phase stability",
            labels={"figure": "table of differences of G", "phase": "all"},
        ),
        text=f"{RESULTS}/phases/stability.txt",
    log:
        f"{LOGS}/render_phase_stability.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        engine=CFG.labels.engine,
        campaign=CFG.campaign,
        code=code("render_phase_stability"),
    message:
        "Table of phase stability"
    script:
        "../scripts/render_phase_stability.py"
