"""One molecular-dynamics run to the vibrational columns of the ``dynamics`` table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from ase.data import atomic_masses, chemical_symbols
from numpy.typing import NDArray

from confvib.dynamics.molecular import MolecularDynamics
from confvib.thermo.correlation import kinetic_autocorrelation
from confvib.thermo.molecular import MdFreeEnergy, md_free_energy
from confvib.thermo.published import published_2025_TS_vib
from confvib.thermo.spectrum import Spectrum, spectrum_from_correlation
from confvib.thermo.two_phase import two_phase_of_elements
from confvib.thermo.uncertainty import block_standard_error, repeat_standard_error

_FINEST_LINES_AT_ZERO = 2.0
"""Line shape of s(0), in units of the finest that the run resolves.

A broad line fills s(0) with the lowest vibrations, and a crystal seems to diffuse; the
finest one leaves the noise of few independent values.
"""


@dataclass(frozen=True)
class Run:
    """The production segment of one cell.

    Attributes:
        velocities: [Å/fs], shape ``(S, N, 3)``.
        potential_eV: Per cell, shape ``(S,)``.
        kinetic_eV: Per cell, shape ``(S,)``.
        spacing_fs: Time between samples.
        numbers: Atomic numbers, shape ``(N,)``.
        masses_amu: Masses, shape ``(N,)``.
        volume_A3: Volume of the cell.
        temperature_measured_K: Mean kinetic temperature of the segment.
    """

    velocities: NDArray[np.float32]
    potential_eV: NDArray[np.float64]
    kinetic_eV: NDArray[np.float64]
    spacing_fs: float
    numbers: NDArray[np.int64]
    masses_amu: NDArray[np.float64]
    volume_A3: float
    temperature_measured_K: float

    @classmethod
    def of(
        cls,
        runs: MolecularDynamics,
        index: int,
        numbers: NDArray[np.int64],
        volume_A3: float,
    ) -> Self:
        """Take one run out of a batch."""
        return cls(
            velocities=runs.velocities[index],
            potential_eV=runs.potential_eV[index],
            kinetic_eV=runs.kinetic_eV[index],
            spacing_fs=runs.sample_spacing_fs,
            numbers=numbers,
            masses_amu=atomic_masses[numbers],
            volume_A3=volume_A3,
            temperature_measured_K=float(runs.temperature_K[index]),
        )

    def parts(self, n_parts: int) -> list["Run"]:
        """Return consecutive parts of equal length, each with its own temperature."""
        length = len(self.potential_eV) // n_parts
        parts = []
        for first in range(0, length * n_parts, length):
            rows = slice(first, first + length)
            kinetic = self.kinetic_eV[rows]
            parts.append(
                replace(
                    self,
                    velocities=self.velocities[rows],
                    potential_eV=self.potential_eV[rows],
                    kinetic_eV=kinetic,
                    temperature_measured_K=self.temperature_measured_K
                    * float(kinetic.mean() / self.kinetic_eV.mean()),
                )
            )
        return parts


def analysed(
    run: Run, temperature_K: float, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the columns that a run yields: averages, spectrum, free energies, errors.

    Args:
        run: The production segment.
        temperature_K: Temperature that the free energies are stated at. A run of the
            published protocol is stated at its own, which is about half of it.
        settings: The ``dynamics`` section.

    Raises:
        ThermodynamicsError: The spectrum violates a sum rule or the run is too short.
    """
    stated_K = (
        run.temperature_measured_K
        if settings["protocol"] == "published_2025"
        else temperature_K
    )
    spectrum, at_zero = _spectra(
        run,
        settings["spectrum"],
        (None, _FINEST_LINES_AT_ZERO * _finest_THz(len(run.potential_eV), run)),
    )
    free_energy = free_energy_of(run, spectrum, stated_K)
    potential = block_standard_error(run.potential_eV)
    by_element = spectrum.dos_by_element_per_THz
    parts = free_energies_of_parts(run, stated_K, settings["spectrum"])
    phases = two_phase_of_elements(
        at_zero, run.masses_amu, run.numbers, run.volume_A3, stated_K
    )
    return {
        "potential_mean_eV": potential.mean,
        "potential_stderr_eV": potential.standard_error,
        "kinetic_mean_eV": float(run.kinetic_eV.mean()),
        "frequency_THz": spectrum.frequency_THz.tolist(),
        "dos_per_THz": spectrum.dos_per_THz.tolist(),
        "elements": [chemical_symbols[number] for number in by_element],
        "dos_by_element_per_THz": np.concatenate(list(by_element.values())).tolist(),
        "raw_area": spectrum.raw_area,
        "zero_frequency_weight": spectrum.zero_frequency_weight,
        "zero_frequency_weight_by_element": list(
            spectrum.zero_frequency_weight_by_element.values()
        ),
        "free_energy_M_eV": free_energy.classical.free_energy_eV,
        "entropy_M_eV_per_K": free_energy.classical.entropy_eV_per_K,
        "internal_energy_M_eV": free_energy.classical.internal_energy_eV,
        "free_energy_MQ_eV": free_energy.quantum.free_energy_eV,
        "entropy_MQ_eV_per_K": free_energy.quantum.entropy_eV_per_K,
        "internal_energy_MQ_eV": free_energy.quantum.internal_energy_eV,
        "free_energy_stderr_eV": repeat_standard_error(
            [part.classical.free_energy_eV for part in parts], fewest=2
        ),
        "published_TS_vib_eV_per_atom": published_2025_TS_vib(
            run.velocities, timestep_fs=run.spacing_fs, temperature_K=temperature_K
        ),
        "diffusivity_by_element_cm2_per_s": [
            phases[number].diffusivity_cm2_per_s for number in by_element
        ],
        "fluidity_by_element": [phases[number].fluidity for number in by_element],
        "entropy_2PT_eV_per_K": sum(part.entropy_eV_per_K for part in phases.values()),
    }


def spectrum_of(run: Run, settings: Mapping[str, Any]) -> Spectrum:
    """Return the spectrum of a run as the ``spectrum`` section describes it."""
    return _spectra(run, settings, [None])[0]


def _spectra(
    run: Run, settings: Mapping[str, Any], at_most_THz: Sequence[float | None]
) -> list[Spectrum]:
    """Return the spectrum with the configured line shape, or a narrower one."""
    step = settings["bin_THz"]
    correlation = kinetic_autocorrelation(
        run.velocities, run.masses_amu, run.numbers, sample_fs=run.spacing_fs
    )
    configured = settings["resolution_THz"]
    return [
        spectrum_from_correlation(
            correlation,
            temperature_K=run.temperature_measured_K,
            frequency_grid_THz=step
            * np.arange(1, round(settings["max_frequency_THz"] / step) + 1),
            resolution_THz=configured if most is None else min(configured, most),
        )
        for most in at_most_THz
    ]


def _finest_THz(n_samples: int, run: Run) -> float:
    """Return the narrowest line that so many samples resolve, rounding allowed for."""
    return float(1.001 / (np.pi * n_samples * run.spacing_fs * 1e-3))


def free_energy_of(run: Run, spectrum: Spectrum, temperature_K: float) -> MdFreeEnergy:
    """Return the free energy of a run with this spectrum, stated at a temperature."""
    return md_free_energy(
        float(run.potential_eV.mean()), spectrum, temperature_K, n_atoms=len(run.numbers)
    )


def free_energies_of_parts(
    run: Run, temperature_K: float, settings: Mapping[str, Any]
) -> list[MdFreeEnergy]:
    """Return the free energies of consecutive parts of a run.

    Parts of one NVE run share its total energy, so the error that follows from their
    spread is a lower bound; it is what a single run can say about itself.

    Args:
        run: The run.
        temperature_K: Temperature that the free energies are stated at.
        settings: The ``spectrum`` section; ``blocks`` is the number of parts.
    """
    parts = run.parts(settings["blocks"])
    # A part resolves less than the whole; the same coarser shape is used for every part.
    finest_THz = _finest_THz(len(parts[0].potential_eV), run)
    coarse = {**settings, "resolution_THz": max(settings["resolution_THz"], finest_THz)}
    return [
        free_energy_of(part, spectrum_of(part, coarse), temperature_K) for part in parts
    ]
