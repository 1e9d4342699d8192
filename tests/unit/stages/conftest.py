"""Tables of a made-up campaign, written as the stages write them."""

import time

import numpy as np
import pytest

from confvib.tables.contracts import CONFIGURATIONS, DYNAMICS, HARMONIC, RELAXED
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
