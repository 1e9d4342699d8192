"""The density of states of a trajectory by two other libraries, to compare with ours."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import FloatArray
from confvib.thermo.spectrum import Spectrum
from confvib.units import BOLTZMANN_EV_PER_K, KINETIC_EV


@dataclass(frozen=True)
class SpectrumComparison:
    """How far two densities of states of one trajectory are apart.

    Attributes:
        largest_difference: Largest difference on the grid over the largest value.
        area_ratio: States on the grid, the other route's over ours.
    """

    largest_difference: float
    area_ratio: float


def independent_spectrum(
    velocities: NDArray[np.floating],
    masses_amu: ArrayLike,
    *,
    sample_fs: float,
    spectrum: Spectrum,
) -> FloatArray:
    r"""Return g on the grid of a spectrum, by tidynamics and a chirp z-transform.

    .. math:: g(\nu) = \frac{4}{k_B T} \int_0^\infty C(t)\, w(t)\,
              \mathrm{sinc}^2(\pi \Delta t) \cos(2\pi\nu t)\,dt

    C comes from tidynamics with the norm 1/(S - k), which is turned into the biased one;
    w is the line shape, and the last factor the averaging over neighbouring grid points
    at distance Δ, both in the time domain.

    Args:
        velocities: Velocities [Å/fs], shape ``(S, N, 3)``.
        masses_amu: Masses, shape ``(N,)``.
        sample_fs: Time between two samples.
        spectrum: What to compare with: grid (evenly spaced), line shape, temperature.

    Returns:
        Density of states per cell [1/THz], shape ``(F,)``.

    Raises:
        ThermodynamicsError: tidynamics is not installed.

    Source: de Buyl, J. Open Source Softw. 3, 877 (2018);
    docs/formulation.md#spectrum.
    """
    try:
        import tidynamics
    except ImportError:
        raise ThermodynamicsError(
            "tidynamics is not installed; expected the extra: pip install"
            " 'confvib[crosscheck]'"
        ) from None
    n_samples = len(velocities)
    root = np.sqrt(KINETIC_EV * np.asarray(masses_amu, np.float64))
    weighted = velocities.astype(np.float64) * root[:, None]
    unbiased = np.asarray(tidynamics.acf(weighted.reshape(n_samples, -1)))
    correlation_eV = unbiased * (1 - np.arange(n_samples) / n_samples)
    grid = spectrum.frequency_THz
    step_THz, sample_ps = grid[1] - grid[0], 1e-3 * sample_fs
    lag_ps = sample_ps * np.arange(n_samples)
    line = np.exp(-0.5 * (2 * math.pi * spectrum.resolution_THz * lag_ps) ** 2)
    shaped = correlation_eV * line * np.sinc(step_THz * lag_ps) ** 2
    shaped[0] *= 0.5  # the trapezoidal rule of the integral from t = 0
    transform = signal.czt(
        shaped,
        m=grid.size,
        w=np.exp(-2j * np.pi * step_THz * sample_ps),
        a=np.exp(2j * np.pi * grid[0] * sample_ps),
    )
    kT_eV = BOLTZMANN_EV_PER_K * spectrum.temperature_K
    return 4 * sample_ps / kT_eV * transform.real


def compare_spectra(spectrum: Spectrum, other_per_THz: ArrayLike) -> SpectrumComparison:
    """Say how far two densities of states on one grid are apart.

    The first and the last point are left out: ours hold half a bin there.

    Args:
        spectrum: Ours.
        other_per_THz: The other one, shape ``(F,)``.

    Returns:
        Largest difference and ratio of the areas.
    """
    inner = slice(1, -1)
    ours = spectrum.dos_per_THz[inner]
    other = np.asarray(other_per_THz, np.float64)[inner]
    return SpectrumComparison(
        largest_difference=float(np.abs(other - ours).max() / ours.max()),
        area_ratio=float(other.sum() / ours.sum()),
    )
