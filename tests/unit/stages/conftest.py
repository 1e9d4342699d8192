"""Tables of a made-up campaign, written as the stages write them."""

import io
import time

import numpy as np
import pytest

from confvib.stages.assemble_dataset import assemble_dataset
from confvib.stages.job import Progress
from confvib.stages.labelled_frames import DataSet
from confvib.tables.contracts import (
    CONFIGURATIONS,
    DYNAMICS,
    HARMONIC,
    LABELS,
    RELAXED,
)
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect

N_ATOMS = 4


def blank(schema, **values):
    row = dict.fromkeys((column.name for column in schema.columns), None)
    return row | {"status": "ok", "reason": ""} | values


class Campaign:
    """Six configurations, of which those in ``selected`` went on."""

    multiplicity = (8, 4, 4, 2, 2, 1)
    fingerprints = ("a", "b", "b", "c", "d", "e")
    selected = (0, 1, 2, 4)
    frequencies_THz = np.linspace(2.0, 20.0, 3 * N_ATOMS - 3)

    def __init__(self, folder):
        self.folder = folder
        energies = (-10.00, -10.02, -9.97, -10.05)
        self.energies_eV = dict(zip(self.selected, energies, strict=True))
        self.harmonic_status = {}
        self.n_moved, self.arrangement, self.left_basin = {}, {}, set()
        self.represents = 1.0

    def key(self, rank):
        return f"6_2-{rank:08d}"

    def write(self):
        inputs = {
            "configurations": [self._table("c", CONFIGURATIONS, self._configurations())],
            "relaxed": [self._table("r", RELAXED, self._relaxed())],
            "harmonic": [self._table("h", HARMONIC, self._harmonic())],
            "dynamics": [self._table("d", DYNAMICS, self._dynamics())],
        }
        return inputs, {kind: ["hash"] for kind in inputs}

    def _table(self, name, schema, rows):
        path = self.folder / f"{name}.parquet"
        write_table(path, schema, rows, collect("hash", started=time.monotonic()))
        return path

    def _configurations(self):
        for rank, (g, fingerprint) in enumerate(
            zip(self.multiplicity, self.fingerprints, strict=True)
        ):
            yield blank(
                CONFIGURATIONS,
                config_id=self.key(rank),
                rank=rank,
                occupancy=b"\x00",
                multiplicity=g,
                represents=self.represents,
                pair_fingerprint=fingerprint,
                pair_representative=fingerprint not in self.fingerprints[:rank],
            )

    def _relaxed(self):
        for rank, energy in self.energies_eV.items():
            yield blank(
                RELAXED,
                config_id=self.key(rank),
                rank=rank,
                multiplicity=self.multiplicity[rank],
                pair_representative=self.fingerprints[rank]
                not in self.fingerprints[:rank],
                n_atoms=N_ATOMS,
                energy_eV=energy,
                n_moved=self.n_moved.get(rank, 0),
                end_arrangement=self.arrangement.get(rank, f"own {rank}"),
            )

    def _harmonic(self):
        for rank, energy in self.energies_eV.items():
            status = self.harmonic_status.get(rank, "ok")
            yield blank(
                HARMONIC,
                config_id=self.key(rank),
                energy_eV=energy,
                frequencies_THz=(self.frequencies_THz * (1 + 0.01 * rank)).tolist(),
                n_moved=0,
                status=status,
            )

    def _dynamics(self):
        for rank, energy in self.energies_eV.items():
            yield blank(
                DYNAMICS,
                config_id=self.key(rank),
                temperature_K=300.0,
                potential_mean_eV=energy + 0.1,
                published_TS_vib_eV_per_atom=0.28,
                free_energy_M_eV=energy - 0.2,
                entropy_M_eV_per_K=1e-3,
                free_energy_MQ_eV=1e9,
                free_energy_stderr_eV=0.001 * (1 + rank),
                left_basin=rank in self.left_basin,
                entropy_2PT_eV_per_K=1e9,
            )


@pytest.fixture
def campaign(tmp_path):
    return Campaign(tmp_path)


class Labels:
    """Label tables of a made-up cell of eight ions, and the data set made from them."""

    sites = np.array([[i, j, k] for i in (0, 3) for j in (0, 3) for k in (0, 3.0)])

    def __init__(self, folder):
        self.folder = folder
        self.rng = np.random.default_rng(0)
        self.paths = []

    def row(self, config_id, frame, **values):
        made = {
            "config_id": config_id,
            "task": "relaxation",
            "copy": 0,
            "frame": frame,
            "numbers": [3, 8, 8, 3, 8, 3, 3, 8],
            "cell": (6.0 * np.eye(3)).ravel(),
            "positions": self.sites + self.rng.normal(scale=0.1, size=(8, 3)),
            "energy_eV": float(self.rng.normal()),
            "forces_eV_per_A": self.rng.normal(size=24),
            "converged": True,
            "level_of_theory": "x",
            "corrections": "",
        } | values
        made["positions"] = (
            None if made["positions"] is None else made["positions"].ravel()
        )
        return blank(LABELS, **made)

    def write(self, rows):
        path = self.folder / f"labels_{len(self.paths)}.parquet"
        write_table(path, LABELS, rows, collect("labels", started=0.0))
        self.paths.append(str(path))

    @property
    def expected(self):
        return {
            "labels": ["labels"] * len(self.paths),
            "dataset": "dataset",
            "selection": "selection",
        }

    def assemble(self, **bounds):
        log = io.StringIO()
        everything = {
            "max_force_eV_per_A": None,
            "min_distance_A": None,
            "duplicates": "keep",
        }
        path = str(self.folder / "dataset.parquet")
        assemble_dataset(
            self.paths,
            path,
            {
                "bounds": everything | bounds,
                "expected": self.expected,
                "config_hash": "dataset",
            },
            Progress("data set", log),
        )
        self.said = log.getvalue().splitlines()[-1]
        return path

    def dataset(self, **bounds):
        return DataSet(self.assemble(**bounds), self.paths, self.expected)


@pytest.fixture
def labels(tmp_path):
    return Labels(tmp_path)


@pytest.fixture(scope="session")
def make_labels():
    return Labels
