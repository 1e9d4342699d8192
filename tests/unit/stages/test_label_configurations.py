"""Copies of one arrangement start from displacements of their own."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest

from confvib.campaign.names import chunk_slice
from confvib.crystal.configuration import configuration_atoms, unpack_occupancy
from confvib.reference.perturb import perturbed
from confvib.stages.enumerate_configurations import enumerate_configurations
from confvib.stages.job import Progress
from confvib.stages.label_configurations import label_configurations
from confvib.stages.selection import parent_of
from confvib.tables.contracts import CONFIGURATIONS, LABELS
from confvib.tables.parquet import read_table

CIF = str(Path(__file__).parents[2] / "toy/A-La2O3.cif")
CRYSTAL = {
    "site_groups": {"O2": "O"},
    "supercell": [1, 1, 1],
    "symmetry_tolerance_A": 0.01,
    "distance_rules": [],
    "equivalence": "symmetry",
    "contact_cutoff_A": 2.4,
}
SEED = 7


@pytest.fixture
def ordered(tmp_path):
    path = tmp_path / "configurations.parquet"
    params = {
        "crystal": CRYSTAL,
        "counts": {"O2": 1},
        "draw": None,
        "imported": "",
        "seed": None,
        "config_hash": "a",
    }
    progress = Progress("enumerate", io.StringIO())
    enumerate_configurations(CIF, str(path), "ordered", params, progress)
    return path


def labels(ordered, tmp_path, copies, n_chunks):
    """First frames of all copies, chunk after chunk."""
    task = {"perturbation_A": 0.1, "fmax_eV_per_A": 1e-9, "max_steps": 1}
    found = []
    for chunk in range(n_chunks):
        path = tmp_path / f"labels_{copies}_{chunk}.parquet"
        label_configurations(
            CIF,
            str(ordered),
            str(path),
            "relaxation",
            {
                "crystal": CRYSTAL,
                "expected": {"configurations": "a"},
                "slice": chunk_slice("all", n_chunks, chunk),
                "seed": SEED,
                "task": task | ({"copies": copies} if copies > 1 else {}),
                "engine": {
                    "engine": "ase",
                    "ase": {
                        "calculator": "ase.calculators.lj.LennardJones",
                        "kwargs": {},
                    },
                },
                "config_hash": "b",
                "code": "c",
                "scratch": str(tmp_path / "scratch"),
                "kept": str(tmp_path / "kept"),
                "restart": str(tmp_path / "restart"),
            },
            {"runtime": 720},
            Progress("label", io.StringIO()),
        )
        rows = read_table(path, LABELS).to_pylist()
        found += [row["positions"] for row in rows if row["frame"] == 0]
    return np.reshape(found, (-1, 5, 3))


def test_an_ordered_crystal_is_one_configuration(ordered):
    (row,) = read_table(ordered, CONFIGURATIONS).to_pylist()
    assert (row["config_id"], row["multiplicity"]) == ("ordered-00000000", 1)
    assert row["represents"] == 1.0


def test_copies_differ_and_the_first_is_what_a_single_one_was(ordered, tmp_path):
    (row,) = read_table(ordered, CONFIGURATIONS).to_pylist()
    parent = parent_of(CIF, CRYSTAL)
    occupancy = unpack_occupancy([row["occupancy"]], len(parent.sites))[0]
    atoms = configuration_atoms(parent, occupancy)
    seed = zlib.crc32(f"{SEED}/{row['config_id']}/relaxation".encode())
    single = labels(ordered, tmp_path, 1, 1)
    np.testing.assert_allclose(single[0], perturbed(atoms, 0.1, seed).positions)
    copies = labels(ordered, tmp_path, 5, 2)
    np.testing.assert_array_equal(copies[0], single[0])
    moved = np.linalg.norm(copies - atoms.positions, axis=2)
    assert moved.max() <= 0.1 + 1e-9
    assert len({each.tobytes() for each in copies}) == 5


def test_chunks_change_no_copy(ordered, tmp_path):
    one, many = (labels(ordered, tmp_path, 4, n_chunks) for n_chunks in (1, 4))
    np.testing.assert_array_equal(one, many)
