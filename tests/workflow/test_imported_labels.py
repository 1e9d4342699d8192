"""A campaign that learns from finished VASP runs computes no labels of its own."""

import numpy as np
import pytest

from confvib.tables.contracts import LABELS
from confvib.tables.parquet import write_columns
from confvib.tables.provenance import Provenance


@pytest.fixture
def imported(tmp_path):
    table = tmp_path / "mine.parquet"
    row = dict.fromkeys(column.name for column in LABELS.columns)
    row |= {"task": "relaxation", "status": "ok", "energy_eV": np.array([-1.0])}
    write_columns(table, LABELS, [row], Provenance("cafe"))
    return table


MODELS = (
    "results/toy/models/relax/model.msgpack",
    "results/toy/models/md/model.msgpack",
)


def test_no_labels_are_computed_if_all_are_imported(workflow, tmp_path, imported):
    changes = {
        "labels": {"imported": {"mine": str(imported)}},
        "potentials": {"relax": {"labels": ["mine"]}, "md": {"labels": ["mine"]}},
    }
    assert workflow(tmp_path).plan(changes, *MODELS) == {
        "assemble_dataset": 1,  # of the same labels, so both have it
        "train_potential": 2,
    }


def test_imported_labels_join_computed_ones(workflow, tmp_path, imported):
    changes = {
        "labels": {"imported": {"mine": str(imported)}},
        "potentials": {"relax": {"labels": ["relaxation", "mine"]}},
    }
    assert workflow(tmp_path).plan(changes, MODELS[0]) == {
        "enumerate_configurations": 1,
        "label_configurations": 1,
        "assemble_dataset": 1,
        "train_potential": 1,
    }


def test_a_missing_table_stops_the_run_with_one_message(workflow, tmp_path):
    changes = {"labels": {"imported": {"mine": "nothing.parquet"}}}
    answer = workflow(tmp_path).run("-n", changes=changes, check=False)
    output = answer.stdout + answer.stderr
    assert answer.returncode == 1
    assert output.count("labels.imported.mine = 'nothing.parquet': no such file") == 1
    assert "Traceback" not in output
