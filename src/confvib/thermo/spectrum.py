"""Vibrational density of states from velocities, normalised by its temperature."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confvib.errors import GridError, ThermodynamicsError
from confvib.thermo.checks import (
    FloatArray,
    increasing_positive,
    positive_scalar,
    trapezoid_weights,
)
from confvib.thermo.correlation import KineticCorrelation, kinetic_autocorrelation
from confvib.units import BOLTZMANN_EV_PER_K

CentreOfMass = Literal["removed", "kept"]

_LARGEST_CENTRE_OF_MASS_SHARE = 1e-6
_THZ_PER_INVERSE_FS = 1e3


@dataclass(frozen=True)
class Spectrum:
    """Density of vibrational states of one run, per cell.

    Attributes:
        frequency_THz: Grid, shape ``(F,)``.
        dos_per_THz: Density of states, shape ``(F,)``; never rescaled.
        dos_by_element_per_THz: Its parts by atomic number, each ``(F,)``.
        raw_area: States at all frequencies, (n_modes) T_kinetic / T.
        n_modes: What ``raw_area`` should be: 3N - 3, or 3N with the centre of mass.
        temperature_K: Temperature that normalises the spectrum.
        kinetic_temperature_K: Temperature of the velocities themselves.
        zero_frequency_weight: States below the first grid point (diffusion, drift).
        weight_above: States above the last grid point.
        zero_frequency_weight_by_element: Its parts by atomic number.
        fine_frequency_THz: Grid of the transform from 0 to Nyquist, shape ``(K,)``.
        fine_dos_by_element_per_THz: Densities on it by atomic number, each ``(K,)``; the
            first value is g(0).
        resolution_THz: Standard deviation of the line shape.
    """

    frequency_THz: FloatArray
    dos_per_THz: FloatArray
    dos_by_element_per_THz: dict[int, FloatArray]
    raw_area: float
    n_modes: int
    temperature_K: float
    kinetic_temperature_K: float
    zero_frequency_weight: float
    weight_above: float
    zero_frequency_weight_by_element: dict[int, float]
    fine_frequency_THz: FloatArray
    fine_dos_by_element_per_THz: dict[int, FloatArray]
    resolution_THz: float

    @property
    def area_error(self) -> float:
        """Relative deviation of the area from the number of modes."""
        return self.raw_area / self.n_modes - 1.0


def vibrational_spectrum(
    velocities: NDArray[np.floating],
    masses_amu: ArrayLike,
    numbers: ArrayLike,
    *,
    sample_fs: float,
    temperature_K: float,
    frequency_grid_THz: ArrayLike,
    resolution_THz: float,
    centre_of_mass: CentreOfMass = "removed",
) -> Spectrum:
    r"""Estimate the vibrational density of states of one trajectory.

    .. math:: g(\nu) = \frac{4}{k_B T} \sum_i m_i \int_0^\infty
              \langle \mathbf v_i(0) \cdot \mathbf v_i(t) \rangle
              w(t) \cos(2\pi\nu t)\,dt, \quad w = e^{-(2\pi\sigma_\nu t)^2/2}

    Args:
        velocities: Velocities [Å/fs] of a microcanonical run, shape ``(S, N, 3)``.
        masses_amu: Masses > 0, shape ``(N,)``.
        numbers: Atomic numbers, shape ``(N,)``.
        sample_fs: Time between two samples.
        temperature_K: Temperature that normalises g. With the mean kinetic temperature
            of the run the area is ``n_modes``.
        frequency_grid_THz: Common grid > 0, strictly increasing, up to the Nyquist
            frequency at most, shape ``(F,)``.
        resolution_THz: Standard deviation of the Gaussian line shape, at least
            ``1 / (pi * duration)``.
        centre_of_mass: ``"removed"`` (its share of the kinetic energy is checked,
            3N - 3 modes) or ``"kept"`` (3N modes).

    Returns:
        The density of states per cell, in total and by element, with its unscaled area.

    Raises:
        GridError: The grid or the resolution asks for more than the run contains.
        ThermodynamicsError: The velocities are malformed or their centre of mass moves.

    Source: Yang et al. 2025, eq. 8, with masses and norm; docs/formulation.md#spectrum.
    """
    correlation = kinetic_autocorrelation(
        velocities, masses_amu, numbers, sample_fs=sample_fs
    )
    return spectrum_from_correlation(
        correlation,
        temperature_K=temperature_K,
        frequency_grid_THz=frequency_grid_THz,
        resolution_THz=resolution_THz,
        centre_of_mass=centre_of_mass,
    )


def spectrum_from_correlation(
    correlation: KineticCorrelation,
    *,
    temperature_K: float,
    frequency_grid_THz: ArrayLike,
    resolution_THz: float,
    centre_of_mass: CentreOfMass = "removed",
) -> Spectrum:
    """Turn an autocorrelation into a density of states (see vibrational_spectrum).

    Args:
        correlation: Autocorrelation per element, from here or from a device.
        temperature_K: Temperature that normalises g.
        frequency_grid_THz: Common grid > 0, strictly increasing, shape ``(F,)``.
        resolution_THz: Standard deviation of the Gaussian line shape.
        centre_of_mass: ``"removed"`` or ``"kept"``.

    Returns:
        The density of states per cell, in total and by element, with its unscaled area.

    Raises:
        GridError: The grid or the resolution asks for more than the run contains.
        ThermodynamicsError: The centre of mass moves although ``"removed"`` was said.

    Source: docs/formulation.md#spectrum.
    """
    temperature_K = positive_scalar("temperature_K", temperature_K)
    grid = _checked_grid(correlation, frequency_grid_THz)
    _require_resolvable(correlation, resolution_THz)
    n_modes = _count_modes(correlation, centre_of_mass)
    kT_eV = BOLTZMANN_EV_PER_K * temperature_K

    raw_frequency, transform = _windowed_transform(correlation, grid, resolution_THz)
    step_THz = raw_frequency[1]
    density = transform * (2 * correlation.sample_fs / _THZ_PER_INVERSE_FS / kT_eV)
    states = density * step_THz  # (E, K)
    # The transform is two-sided: zero and Nyquist appear once, all others twice.
    states[:, [0, -1]] *= 0.5

    assigned = np.stack([_assign(raw_frequency, row, grid) for row in states])
    by_element = assigned / trapezoid_weights(grid)
    below = states[:, raw_frequency < grid[0]].sum(axis=1)
    twice_kinetic_eV = float(correlation.correlation_eV[:, 0].sum())
    return Spectrum(
        frequency_THz=grid,
        dos_per_THz=by_element.sum(axis=0),
        dos_by_element_per_THz={
            int(z): row for z, row in zip(correlation.numbers, by_element, strict=True)
        },
        raw_area=float(states.sum()),
        n_modes=n_modes,
        temperature_K=temperature_K,
        kinetic_temperature_K=twice_kinetic_eV / (n_modes * BOLTZMANN_EV_PER_K),
        zero_frequency_weight=float(below.sum()),
        weight_above=float(states[:, raw_frequency > grid[-1]].sum()),
        zero_frequency_weight_by_element={
            int(z): float(part)
            for z, part in zip(correlation.numbers, below, strict=True)
        },
        fine_frequency_THz=raw_frequency,
        fine_dos_by_element_per_THz={
            int(z): row for z, row in zip(correlation.numbers, density, strict=True)
        },
        resolution_THz=resolution_THz,
    )


def _checked_grid(
    correlation: KineticCorrelation, frequency_grid_THz: ArrayLike
) -> FloatArray:
    grid = increasing_positive("frequency_grid_THz", frequency_grid_THz)
    nyquist_THz = 0.5 * _THZ_PER_INVERSE_FS / correlation.sample_fs
    if grid[-1] > nyquist_THz:
        raise GridError(
            f"frequency_grid_THz ends at {grid[-1]:.6g} THz, expected at most the Nyquist"
            f" frequency {nyquist_THz:.6g} THz of samples every"
            f" {correlation.sample_fs:.6g} fs"
        )
    return grid


def _require_resolvable(correlation: KineticCorrelation, resolution_THz: float) -> None:
    duration_fs = correlation.n_samples * correlation.sample_fs
    best_THz = _THZ_PER_INVERSE_FS / (math.pi * duration_fs)
    if not (math.isfinite(resolution_THz) and resolution_THz >= best_THz):
        raise GridError(
            f"resolution_THz is {resolution_THz:.6g}, expected at least {best_THz:.6g}"
            f" for a run of {duration_fs:.6g} fs"
        )


def _count_modes(correlation: KineticCorrelation, centre_of_mass: CentreOfMass) -> int:
    n_coordinates = 3 * correlation.n_atoms
    if centre_of_mass == "kept":
        return n_coordinates
    share = correlation.centre_of_mass_share
    if share > _LARGEST_CENTRE_OF_MASS_SHARE:
        raise ThermodynamicsError(
            f"the centre of mass carries {share:.3g} of the kinetic energy, expected at"
            f" most {_LARGEST_CENTRE_OF_MASS_SHARE:.0e}: remove its momentum before the"
            " run, or say that it is kept"
        )
    return n_coordinates - 3


def _windowed_transform(
    correlation: KineticCorrelation, grid: FloatArray, resolution_THz: float
) -> tuple[FloatArray, FloatArray]:
    n_samples = correlation.n_samples
    sample_ps = correlation.sample_fs / _THZ_PER_INVERSE_FS
    lag_ps = sample_ps * np.arange(n_samples)
    windowed = correlation.correlation_eV * np.exp(
        -0.5 * (2 * math.pi * resolution_THz * lag_ps) ** 2
    )
    # Sixteen raw frequencies per grid step: fewer would beat against the grid.
    wanted = 16.0 / (sample_ps * float(np.diff(grid).min()))
    padded = 1 << (max(2 * n_samples, math.ceil(wanted)) - 1).bit_length()
    two_sided = np.zeros((windowed.shape[0], padded))
    two_sided[:, :n_samples] = windowed
    two_sided[:, -n_samples + 1 :] = windowed[:, :0:-1]
    frequency = np.arange(padded // 2 + 1) / (padded * sample_ps)
    return frequency, np.fft.rfft(two_sided, axis=1).real


def _assign(frequency: FloatArray, states: FloatArray, grid: FloatArray) -> FloatArray:
    # Linear sharing between the two neighbours keeps the area and the mean frequency.
    inside = (frequency >= grid[0]) & (frequency <= grid[-1])
    nu, weight = frequency[inside], states[inside]
    left = np.clip(np.searchsorted(grid, nu, side="right") - 1, 0, grid.size - 2)
    right_share = (nu - grid[left]) / (grid[left + 1] - grid[left])
    assigned = np.zeros_like(grid)
    np.add.at(assigned, left, weight * (1 - right_share))
    np.add.at(assigned, left + 1, weight * right_share)
    return assigned
