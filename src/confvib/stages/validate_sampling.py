"""Stage ``validate_sampling``: does a set have enough rows for its temperature."""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from confvib.errors import ThermodynamicsError
from confvib.stages.job import Progress
from confvib.stages.sampling_rows import Subject
from confvib.stages.sampling_statement import statement
from confvib.stages.sampling_subject import atoms_per_cell, rows_of
from confvib.tables.parquet import read_table, write_table
from confvib.tables.provenance import collect
from confvib.tables.sampling_contracts import (
    SAMPLING_CURVES,
    SAMPLING_TESTS,
    SAMPLING_VERDICTS,
)
from confvib.tables.thermodynamics_contracts import CONVERGENCE

Row = dict[str, Any]
_SCHEMAS = {
    "curves": SAMPLING_CURVES,
    "tests": SAMPLING_TESTS,
    "verdicts": SAMPLING_VERDICTS,
}


def validate_sampling(
    convergence: str,
    relaxed: str,
    outputs: Mapping[str, str],
    set_name: str,
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Add the rows of a set in random order, test a subset, and draw from its density.

    Args:
        convergence: The ``convergence`` table of the set.
        relaxed: A ``relaxed`` chunk of the set, for the number of atoms.
        outputs: Paths of the tables ``curves``, ``tests`` and ``verdicts``.
        set_name: Name of the set.
        params: Parameters of the rule.
        progress: Where to report.
    """
    started = time.monotonic()
    settings, expected = params["settings"], params["expected"]
    n_atoms = atoms_per_cell(relaxed, expected["relaxed"])
    table = read_table(convergence, CONVERGENCE, expected["convergence"]).to_pandas()
    tables: defaultdict[str, list[Row]] = defaultdict(list)
    for level in settings["levels"]:
        for temperature_K in settings["temperatures_K"][level]:
            keys = {"set": set_name, "level": level, "temperature_K": temperature_K}
            try:
                subject = _subject(table, level, temperature_K, n_atoms, params)
            except ThermodynamicsError as error:
                tables["verdicts"].append(_refused(keys, str(error)))
                continue
            tables["curves"] += [row | keys for row in subject.curves()]
            tables["tests"] += [row | keys for row in subject.tests()]
            verdict = _verdict(subject, temperature_K, settings["tolerance_kT"])
            tables["verdicts"].append(verdict | keys)
            progress.say(f"{level}: {verdict['statement']}")
    provenance = collect(
        params["config_hash"], started=started, inputs=[convergence, relaxed]
    )
    for name, schema in _SCHEMAS.items():
        write_table(outputs[name], schema, tables[name], provenance)


def _subject(
    table: pd.DataFrame,
    level: str,
    temperature_K: float,
    n_atoms: int,
    params: Mapping[str, Any],
) -> Subject:
    canonical, published = (
        rows_of(table, convention, level, temperature_K, n_atoms)
        for convention in ("canonical", "published")
    )
    if canonical is None:
        raise ThermodynamicsError(
            f"fewer than 2 rows of level {level} at {temperature_K:g} K in the"
            " convergence table, expected at least 2"
        )
    return Subject(
        canonical, published, temperature_K, n_atoms, params["settings"], params["seed"]
    )


def _verdict(subject: Subject, temperature_K: float, tolerance_kT: float) -> Row:
    found = subject.verdict()
    numbers = {
        name.replace("_kT", "_over_kT"): value
        for name, value in asdict(found).items()
        if name not in ("one_row_decides", "halves_differ")
    }
    return numbers | {
        "sparse": found.sparse,
        "statement": statement(found, temperature_K, tolerance_kT),
        "status": "ok",
        "reason": "",
    }


def _refused(keys: Row, reason: str) -> Row:
    blank = dict.fromkeys(column.name for column in SAMPLING_VERDICTS.columns)
    return blank | keys | {"status": "failed", "reason": reason}
