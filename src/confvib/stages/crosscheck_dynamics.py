"""Method M of the cross-check: thermalised runs, one per seed, and their spectra."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from ase.data import atomic_masses

from confvib.dynamics.molecular import (
    MolecularDynamics,
    MolecularDynamicsSettings,
    Protocol,
    run_md,
)
from confvib.dynamics.state import Status
from confvib.stages.crosscheck_subject import Subject
from confvib.stages.vibrations import (
    Run,
    free_energies_of_parts,
    free_energy_of,
    spectrum_of,
)
from confvib.thermo.independent_spectrum import compare_spectra, independent_spectrum
from confvib.thermo.spectrum import Spectrum
from confvib.thermo.uncertainty import repeat_standard_error


def sampled(subject: Subject, temperature_K: float, method: str) -> dict[str, Any]:
    """Return the columns of method M.

    Args:
        subject: The configuration.
        temperature_K: Temperature [K].
        method: Name of the method, from which the random keys come.

    Raises:
        ThermodynamicsError: A run is too short for its spectrum.
    """
    settings, step_fs = subject.params["settings"], subject.params["timestep_fs"]
    n_seeds, masses = settings["seeds"], atomic_masses[subject.cells.numbers]
    runs = run_md(
        subject.energy_fn,
        np.repeat(subject.minimum[None], n_seeds, axis=0),
        masses,
        jax.random.split(subject.keys(temperature_K, method), n_seeds),
        MolecularDynamicsSettings(
            protocol=Protocol.THERMALISED,
            temperature_K=temperature_K,
            timestep_fs=step_fs,
            equilibration_fs=settings["equilibration_fs"],
            production_fs=settings["sampling_fs"],
            friction_per_fs=settings["friction_per_fs"],
        ),
        progress=partial(subject.report, method),
    )
    length_fs = settings["equilibration_fs"] + settings["sampling_fs"]
    row = {
        "sampled_fs": settings["sampling_fs"],
        "n_runs": n_seeds,
        "n_steps": round(n_seeds * length_fs / step_fs),
        **subject.verdict(runs.status, at_rest(runs, masses)[:, None]),
    }
    if row["status"] not in {Status.OK, Status.LEFT_BASIN}:
        return row
    cells, spectral = subject.cells, subject.params["spectrum"]
    found = [
        Run.of(runs, seed, cells.numbers, cells.volume_A3) for seed in range(n_seeds)
    ]
    spectra = [spectrum_of(run, spectral) for run in found]
    row |= _by_another_library(found[0], spectra[0])
    if row["status"] != Status.OK:
        return row
    free = [
        free_energy_of(run, spectrum, temperature_K)
        for run, spectrum in zip(found, spectra, strict=True)
    ]
    classical = [each.classical.free_energy_eV for each in free]
    by_blocks = [_stderr_eV(run, temperature_K, spectral) for run in found]
    by_seeds = repeat_standard_error(classical, fewest=2)
    blocking = float(np.linalg.norm(by_blocks) / n_seeds)
    return row | {
        "free_energy_eV": float(np.mean(classical)),
        "free_energy_quantum_eV": float(
            np.mean([each.quantum.free_energy_eV for each in free])
        ),
        "stderr_eV": max(blocking, by_seeds),
        "stderr_blocking_eV": blocking,
        "stderr_seeds_eV": by_seeds,
        "seeds_eV": classical,
    }


def at_rest(runs: MolecularDynamics, masses_amu: np.ndarray) -> np.ndarray:
    """Return the last positions with the centre of mass where it started [Å]."""
    away = runs.final_positions - runs.initial_positions
    centre = np.einsum("wnc,n->wc", away, masses_amu) / masses_amu.sum()
    return runs.final_positions - centre[:, None]


def _stderr_eV(run: Run, temperature_K: float, settings: Mapping[str, Any]) -> float:
    """Return the standard error of F from consecutive parts of a run [eV per cell]."""
    parts = free_energies_of_parts(run, temperature_K, settings)
    classical = [part.classical.free_energy_eV for part in parts]
    return repeat_standard_error(classical, fewest=2)


def _by_another_library(run: Run, ours: Spectrum) -> dict[str, Any]:
    """Compare the spectrum of a run with that of tidynamics and scipy."""
    other = independent_spectrum(
        run.velocities, run.masses_amu, sample_fs=run.spacing_fs, spectrum=ours
    )
    found = compare_spectra(ours, other)
    return {
        "spectrum_area": ours.raw_area,
        "spectrum_area_ratio": found.area_ratio,
        "spectrum_difference": found.largest_difference,
    }
