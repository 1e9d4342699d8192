"""What the sums of a reduction cost: time and memory over the number of configurations.

Rows of made-up energies go through the sums of one level at one temperature in chunks,
canonical and published, with 400 resamples; every size runs in a fresh process. Then
the same without resamples and ladder: the partition function alone. Reading Parquet and
the harmonic sums over 573 modes per row come on top (last line, per 1,000 rows).

    python benchmarks/reduction.py
"""

import json
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from confvib.stages.level_sums import OfSet
from confvib.stages.levels import Level, keys_of
from confvib.stages.set_facts import SetFacts
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.resamples import resample_counts
from confvib.thermo.union import merge_ensembles

RESULTS = Path(__file__).resolve().parent / "results/reduction.txt"
CHUNK, N_RESAMPLES, T, N_ATOMS = 2_000, 400, 300.0, 192
SIZES = (10_000, 100_000, 1_000_000)


class Chunk:
    """What ``OfSet.add`` asks of a chunk."""

    n_atoms = N_ATOMS

    def __init__(self, n_rows):
        self.n_selected = self.n_selected_representatives = n_rows


def level(start, n_rows, rng):
    energy = -1680 + 0.1 * rng.normal(size=n_rows)
    ids = np.array([f"11_45-{rank:08d}" for rank in range(start, start + n_rows)], object)
    zeros = np.zeros(n_rows)
    return Level(
        name="conf",
        temperature_K=T,
        config_ids=ids,
        multiplicity=np.full(n_rows, 96.0),
        representative=np.ones(n_rows, bool),
        energy_eV=energy,
        free_energy_eV=energy,
        vibrational_entropy_eV_per_K=zeros,
        vibrational_heat_capacity_eV_per_K=zeros,
        published_eV=energy,
        sigma_eV=zeros,
        left_basin=np.zeros(n_rows, bool),
        end_arrangement=np.arange(start + 1, start + 1 + n_rows, dtype=np.uint64),
        members_eV=np.zeros((n_rows, 0)),
        failures={},
    )


def whole(n_rows):
    rng = np.random.default_rng(0)
    sums = OfSet()
    for start in range(0, n_rows, CHUNK):
        rows = level(start, min(CHUNK, n_rows - start), rng)
        counts = resample_counts(keys_of(rows.config_ids), N_RESAMPLES, 1)
        sums.add(rows, Chunk(len(counts)), counts)
    facts = SetFacts("11_45", n_rows, n_rows, 96.0 * n_rows)
    return sums.canonical.total().standing_for(facts).ensemble.free_energy_eV


def partition_alone(n_rows):
    rng = np.random.default_rng(0)
    total = None
    for start in range(0, n_rows, CHUNK):
        n = min(CHUNK, n_rows - start)
        part = canonical_ensemble(
            -1680 + 0.1 * rng.normal(size=n), np.full(n, 96.0), T, n_atoms=N_ATOMS
        )
        total = part if total is None else merge_ensembles(total, part)
    return total.free_energy_eV


def in_memory(n_rows):
    energy = -1680 + 0.1 * np.random.default_rng(0).normal(size=n_rows)
    ensemble = canonical_ensemble(energy, np.full(n_rows, 96.0), T, n_atoms=N_ATOMS)
    return ensemble.free_energy_eV


def harmonic(n_rows):
    modes = np.random.default_rng(0).uniform(1, 25, (n_rows, 573))
    temperatures = [300.0, 600.0, 900.0, 1200.0, 1500.0]
    return sum(harmonic_from_modes(row, temperatures).free_energy_eV[0] for row in modes)


CASES = {
    "whole": whole,
    "partition alone": partition_alone,
    "in memory": in_memory,
    "harmonic, 5 T": harmonic,
}


def measured(case, n_rows):
    """Run one case in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    value = CASES[case](n_rows)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall_s": time.perf_counter() - start,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "grown_MB": (after.ru_maxrss - before.ru_maxrss) / 1024,
        "free_energy_eV": float(value),
    }


def main():
    if len(sys.argv) == 3:
        print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
        return
    about = (
        f"{platform.machine()}; chunks of {CHUNK:,} rows, {N_RESAMPLES} resamples, one "
        "level and temperature, both conventions"
    )
    lines = [
        about,
        f"{'case':18}{'rows':>10}{'wall s':>9}{'CPU s':>9}{'grown MB':>10}  F (eV)",
    ]
    cases = [(case, n) for case in list(CASES)[:3] for n in SIZES]
    for case, n_rows in [*cases, ("harmonic, 5 T", 1_000)]:
        answer = subprocess.run(  # noqa: S603 - this file itself
            [sys.executable, __file__, case, str(n_rows)],
            capture_output=True,
            text=True,
            check=True,
        )
        row = json.loads(answer.stdout)
        lines.append(
            f"{case:18}{n_rows:>10,}{row['wall_s']:>9.2f}{row['cpu_s']:>9.2f}"
            f"{row['grown_MB']:>10.0f}  {row['free_energy_eV']:.9f}"
        )
        print(lines[-1], flush=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
