"""Method M of the cross-check: thermalised runs, one per seed, and their spectra."""

from dataclasses import dataclass
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
from confvib.thermo.independent_spectrum import compare_spectra, independent_spectrum
from confvib.thermo.molecular import MdFreeEnergy, md_free_energy
from confvib.thermo.spectrum import Spectrum, vibrational_spectrum
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
    found = [_Part(subject, runs, seed, slice(None)) for seed in range(n_seeds)]
    row |= _by_another_library(found[0])
    if row["status"] != Status.OK:
        return row
    free = [part.free_energy(temperature_K) for part in found]
    classical = [each.classical.free_energy_eV for each in free]
    by_blocks = [part.stderr_eV(temperature_K) for part in found]
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


@dataclass(frozen=True)
class _Part:
    """A piece of one production run."""

    subject: Subject
    runs: MolecularDynamics
    seed: int
    rows: slice

    @property
    def masses_amu(self) -> np.ndarray:
        return atomic_masses[self.subject.cells.numbers]

    @property
    def velocities(self) -> np.ndarray:
        return self.runs.velocities[self.seed, self.rows]

    def spectrum(self, coarsest_THz: float = 0.0) -> Spectrum:
        settings, runs = self.subject.params["spectrum"], self.runs
        kinetic = runs.kinetic_eV[self.seed]
        step_THz = settings["bin_THz"]
        n_points = round(settings["max_frequency_THz"] / step_THz)
        return vibrational_spectrum(
            self.velocities,
            self.masses_amu,
            self.subject.cells.numbers,
            sample_fs=runs.sample_spacing_fs,
            temperature_K=float(runs.temperature_K[self.seed])
            * float(kinetic[self.rows].mean() / kinetic.mean()),
            frequency_grid_THz=step_THz * np.arange(1, n_points + 1),
            resolution_THz=max(settings["resolution_THz"], coarsest_THz),
        )

    def free_energy(
        self, temperature_K: float, coarsest_THz: float = 0.0
    ) -> MdFreeEnergy:
        potential_eV = float(self.runs.potential_eV[self.seed, self.rows].mean())
        return md_free_energy(
            potential_eV,
            self.spectrum(coarsest_THz),
            temperature_K,
            n_atoms=len(self.masses_amu),
        )

    def stderr_eV(self, temperature_K: float) -> float:
        """Return the standard error from consecutive parts of this run."""
        n_parts = self.subject.params["spectrum"]["blocks"]
        length = len(self.velocities) // n_parts
        # A part resolves less than the whole: the same coarser shape for every part.
        finest_THz = 1.001e3 / (np.pi * length * self.runs.sample_spacing_fs)
        parts = [
            _Part(self.subject, self.runs, self.seed, slice(first, first + length))
            for first in range(0, n_parts * length, length)
        ]
        values = [
            part.free_energy(temperature_K, finest_THz).classical.free_energy_eV
            for part in parts
        ]
        return repeat_standard_error(values, fewest=2)


def _by_another_library(part: _Part) -> dict[str, Any]:
    """Compare the spectrum of a run with that of tidynamics and scipy."""
    ours = part.spectrum()
    other = independent_spectrum(
        part.velocities,
        part.masses_amu,
        sample_fs=part.runs.sample_spacing_fs,
        spectrum=ours,
    )
    found = compare_spectra(ours, other)
    return {
        "spectrum_area": ours.raw_area,
        "spectrum_area_ratio": found.area_ratio,
        "spectrum_difference": found.largest_difference,
    }
