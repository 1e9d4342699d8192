# Tables -> figures and the G table of the report.


rule plot_parity:
    input:
        predictions=rules.evaluate_potential.output.predictions,
        metrics=rules.evaluate_potential.output.metrics,
    output:
        report(
            f"{RESULTS}/figures/parity_{{model}}.svg",
            caption="../report/parity.rst",
            category=category("2. Force fields"),
            labels={"figure": "parity", "force field": "{model}"},
        ),
    log:
        f"{LOGS}/plot_parity/{{model}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_parity"),
    message:
        "Parity of force field {wildcards.model}"
    script:
        "../scripts/plot_parity.py"


rule plot_history:
    input:
        history=rules.train_potential.output.history,
    output:
        report(
            f"{RESULTS}/figures/history_{{model}}.svg",
            caption="../report/history.rst",
            category=category("2. Force fields"),
            labels={"figure": "training history", "force field": "{model}"},
        ),
    log:
        f"{LOGS}/plot_history/{{model}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_history"),
    message:
        "Training history of force field {wildcards.model}"
    script:
        "../scripts/plot_history.py"


rule plot_free_energies:
    input:
        convergence=rules.reduce_thermodynamics.output.convergence,
    output:
        report(
            f"{RESULTS}/figures/energies_{{set}}_{{level}}.svg",
            caption="../report/energy_distribution.rst",
            category=category("3. Energies and convergence"),
            labels={"figure": "distribution", "set": "{set}", "level": "{level}"},
        ),
    log:
        f"{LOGS}/plot_free_energies/{{set}}_{{level}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_free_energies"),
    message:
        "Distribution of {wildcards.level} energies of set {wildcards.set}"
    script:
        "../scripts/plot_free_energies.py"


rule plot_pdos:
    input:
        spectra=rules.average_spectra.output.spectra,
    output:
        report(
            f"{RESULTS}/figures/pdos_{{set}}.svg",
            caption="../report/pdos.rst",
            category=category("4. Vibrations"),
            labels={
                "figure": "phonon density of states",
                "set": "{set}",
            },
        ),
    log:
        f"{LOGS}/plot_pdos/{{set}}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        code=code("plot_pdos"),
    message:
        "Phonon density of states of set {wildcards.set}"
    script:
        "../scripts/plot_pdos.py"


rule render_gibbs_table:
    input:
        thermodynamics=expand(
            rules.reduce_thermodynamics.output.thermodynamics,
            set=[*SETS, "all"] if len(SETS) > 1 else SETS,
        ),
        shares=expand(
            rules.reduce_thermodynamics.output.shares,
            set="all" if len(SETS) > 1 else SETS,
        ),
    output:
        html=report(
            f"{RESULTS}/thermodynamics/table.html",
            caption="../report/gibbs_table.rst",
            category=category("1. Free energies"),
            labels={"figure": "table of Z, S and G", "set": "all"},
        ),
        text=f"{RESULTS}/thermodynamics/table.txt",
    log:
        f"{LOGS}/render_gibbs_table.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        engine=CFG.labels.engine,
        campaign=CFG.campaign,
        code=code("render_gibbs_table"),
    message:
        "Table of Z, S and G"
    script:
        "../scripts/render_gibbs_table.py"
