"""Print the data contracts as Markdown: ``python -m confvib.tables.document``."""

import sys

from confvib.tables import (
    accuracy_contracts,
    committee_contracts,
    contracts,
    crosscheck_contracts,
    engine_contracts,
    import_contracts,
    phase_contracts,
    sampling_contracts,
    spectra_contracts,
    surrogate_contracts,
    thermodynamics_contracts,
    training_contracts,
)
from confvib.tables.schema import TableSchema

_WHERE = {
    "configurations": (
        "configurations/{set}",
        "configuration",
        "enumerate_configurations",
    ),
    "labels": ("labels/{task}/{chunk}", "labelled frame", "label_configurations"),
    "history": ("models/{model}/history", "epoch", "train_potential"),
    "predictions": ("models/{model}/predictions", "frame", "evaluate_potential"),
    "metrics": ("models/{model}/metrics", "split", "evaluate_potential"),
    "relaxed": ("relaxed/{set}/{chunk}", "configuration", "relax_configurations"),
    "committee": ("committee/{set}/{chunk}", "configuration", "score_committee"),
    "harmonic": ("harmonic/{set}/{chunk}", "configuration", "compute_normal_modes"),
    "dynamics": (
        "dynamics/{set}/{T}K/{chunk}",
        "configuration and temperature",
        "sample_dynamics",
    ),
    "thermodynamics": (
        "thermodynamics/{set}",
        "temperature, level and convention",
        "reduce_thermodynamics",
    ),
    "convergence": (
        "thermodynamics/convergence/{set}",
        "configuration added, temperature, level and convention",
        "reduce_thermodynamics",
    ),
    "shares": (
        "thermodynamics/shares/{set}",
        "set of the union, temperature, level and convention",
        "reduce_thermodynamics",
    ),
    "dataset": ("datasets/{potential}", "labelled frame", "assemble_dataset"),
    "selection": ("selections/{selection}", "chosen training frame", "select_frames"),
    "sweep": ("sweeps/{sweep}", "training and split", "tabulate_sweep"),
    "crosscheck_free_energies": (
        "crosscheck/free_energies",
        "configuration, temperature and method",
        "tabulate_crosscheck",
    ),
    "crosscheck_codes": (
        "crosscheck/codes",
        "configuration",
        "tabulate_crosscheck",
    ),
    "crosscheck_noise_gate": (
        "crosscheck/noise_gate",
        "temperature and method",
        "tabulate_crosscheck",
    ),
    "crosscheck_agreement": (
        "crosscheck/agreement",
        "temperature and pair of methods",
        "tabulate_crosscheck",
    ),
    "surrogate_predictions": (
        "surrogate/predictions",
        "configuration, quantity and temperature",
        "predict_configurations",
    ),
    "surrogate_ensembles": (
        "surrogate/ensembles",
        "quantity, temperature and estimator",
        "predict_configurations",
    ),
    "surrogate_validation": (
        "surrogate/validation",
        "quantity, temperature, selection, fraction and repeat",
        "validate_surrogate",
    ),
    "averaged_spectra": (
        "spectra/{set}",
        "temperature, source, weighting and element",
        "average_spectra",
    ),
    "sampling_curves": (
        "sampling/curves/{set}",
        "level, temperature, estimator and number of rows",
        "validate_sampling",
    ),
    "sampling_tests": (
        "sampling/tests/{set}",
        "level, temperature, test and estimator",
        "validate_sampling",
    ),
    "sampling_verdicts": (
        "sampling/verdicts/{set}",
        "level and temperature",
        "validate_sampling",
    ),
    "phase_stability": (
        "phases/stability",
        "phase, convention, level and temperature",
        "compare_phases",
    ),
    "phase_crossings": (
        "phases/crossings",
        "crossing, or curve without one",
        "compare_phases",
    ),
    "accuracy_errors": (
        "accuracy/errors",
        "group of rows, temperature and quantity",
        "compare_roads",
    ),
    "accuracy_configurations": (
        "accuracy/configurations",
        "configuration",
        "compare_roads",
    ),
    "engine_energies": (
        "engine_comparison/engines/{engine}",
        "configuration and geometry",
        "evaluate_engine",
    ),
    "engine_pairs": (
        "engine_comparison/pairs",
        "pair of engines and geometry",
        "compare_engines",
    ),
    "imports": (
        "{table}.imports",
        "imported structure, or (status missing) configuration that none of them is",
        "confvib import-set",
    ),
    "imported_runs": (
        "{table}.runs",
        "finished VASP run",
        "confvib import-vasp",
    ),
}

_HEAD = """\
# Data contracts

Generated from `confvib.tables` by `make docs`; do not edit.

Every table is one Parquet file under `results/{campaign}/`, written whole or not at all.
Energies are eV per cell unless the name says otherwise. Arrays are flattened in C order.
Field metadata carries unit and meaning; file metadata carries `confvib.schema`,
`config_hash` (the settings that determine the file), the SHA-256 of every input, the
fingerprint of the force field, version, commit, host and wall time. A reader refuses a
file of another schema or of another configuration and names both.

`status` is `ok` or says what keeps a row from being used; `reason` says it in a sentence.
No stage drops a row: a configuration that fails stays in every later table.
"""


def markdown() -> str:
    """Return the page: one section per table."""
    tables = [
        value
        for module in (
            contracts,
            thermodynamics_contracts,
            committee_contracts,
            training_contracts,
            crosscheck_contracts,
            surrogate_contracts,
            spectra_contracts,
            sampling_contracts,
            phase_contracts,
            accuracy_contracts,
            engine_contracts,
            import_contracts,
        )
        for value in vars(module).values()
        if isinstance(value, TableSchema)
    ]
    return "\n".join([_HEAD, *(_section(table) for table in tables)])


def _section(table: TableSchema) -> str:
    path, row, rule = _WHERE[table.name]
    lines = [
        f"## {table.name}",
        "",
        f"`{path}.parquet`, version {table.version}, by `{rule}`; a row per {row}.",
        "",
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{column.name}` | {column.type} | {column.unit} | {column.meaning} |"
        for column in table.columns
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(markdown())
