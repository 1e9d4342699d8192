"""Autocorrelation of mass-weighted velocities by fast Fourier transform."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import (
    FloatArray,
    matching_vector,
    positive_scalar,
    positive_weights,
)
from confvib.units import KINETIC_EV

# Columns transformed at once: 64 of 6000 zero-padded steps take 8 MB.
_COLUMNS = 64


@dataclass(frozen=True)
class KineticCorrelation:
    """Mass-weighted velocity autocorrelation, summed over the atoms of each element.

    Attributes:
        numbers: Atomic numbers, ascending, shape ``(E,)``.
        n_atoms_of: Atoms of each element, shape ``(E,)``.
        correlation_eV: Biased autocorrelation at lags 0..S-1, shape ``(E, S)``; its
            value at lag 0 is twice the mean kinetic energy of the element.
        sample_fs: Time between two samples.
        centre_of_mass_share: Kinetic energy of the centre of mass over the total.
    """

    numbers: NDArray[np.int64]
    n_atoms_of: NDArray[np.int64]
    correlation_eV: FloatArray
    sample_fs: float
    centre_of_mass_share: float

    @property
    def n_atoms(self) -> int:
        """Number of atoms in the cell."""
        return int(self.n_atoms_of.sum())

    @property
    def n_samples(self) -> int:
        """Number of velocity samples, S."""
        return self.correlation_eV.shape[1]


def kinetic_autocorrelation(
    velocities: NDArray[np.floating],
    masses_amu: ArrayLike,
    numbers: ArrayLike,
    *,
    sample_fs: float,
) -> KineticCorrelation:
    r"""Correlate sqrt(m) v with itself, per element, with the biased norm 1/S.

    .. math:: C_e(k) = \frac{1}{S} \sum_{i \in e} m_i
              \sum_{t=0}^{S-1-k} \mathbf v_i(t) \cdot \mathbf v_i(t+k)

    The transforms are padded with zeros to at least 2 S, so that no lag wraps around.
    The biased norm keeps every spectrum made of C non-negative.

    Args:
        velocities: Velocities [Å/fs], shape ``(S, N, 3)``, S >= 2.
        masses_amu: Masses > 0, shape ``(N,)``.
        numbers: Atomic numbers, shape ``(N,)``.
        sample_fs: Time between two samples, > 0.

    Returns:
        The correlation per element, eV per cell.

    Raises:
        ThermodynamicsError: A shape, mass or velocity is not as described.

    Source: Wiener-Khinchin theorem; docs/formulation.md#spectrum.
    """
    if velocities.ndim != 3 or velocities.shape[2] != 3 or velocities.shape[0] < 2:
        raise ThermodynamicsError(
            f"velocities have shape {velocities.shape}, expected (S >= 2, N, 3)"
        )
    n_samples, n_atoms = velocities.shape[:2]
    masses = positive_weights("masses_amu", masses_amu, n_atoms)
    atomic_numbers = matching_vector("numbers", numbers, n_atoms).astype(np.int64)
    if not np.all(np.isfinite(velocities)):
        raise ThermodynamicsError("velocities contain values that are not finite")
    elements, counts = np.unique(atomic_numbers, return_counts=True)
    correlation = np.stack(
        [
            _autocorrelation(velocities, masses, np.flatnonzero(atomic_numbers == z))
            for z in elements
        ]
    )
    return KineticCorrelation(
        numbers=elements,
        n_atoms_of=counts.astype(np.int64),
        correlation_eV=correlation * (KINETIC_EV / n_samples),
        sample_fs=positive_scalar("sample_fs", sample_fs),
        centre_of_mass_share=_centre_of_mass_share(velocities, masses),
    )


def _autocorrelation(
    velocities: NDArray[np.floating], masses: FloatArray, atoms: NDArray[np.int64]
) -> FloatArray:
    n_samples = velocities.shape[0]
    padded = 1 << (2 * n_samples - 1).bit_length()
    power = np.zeros(padded // 2 + 1)
    block = max(1, _COLUMNS // 3)
    for start in range(0, atoms.size, block):
        chosen = atoms[start : start + block]
        weighted = velocities[:, chosen].astype(np.float64)
        weighted *= np.sqrt(masses[chosen])[:, None]
        spectrum = np.fft.rfft(weighted.reshape(n_samples, -1), n=padded, axis=0)
        power += np.sum(spectrum.real**2 + spectrum.imag**2, axis=1)
    return np.fft.irfft(power, n=padded)[:n_samples]


def _centre_of_mass_share(velocities: NDArray[np.floating], masses: FloatArray) -> float:
    momentum = np.einsum("snc,n->sc", velocities, masses)
    centre = float(np.sum(momentum**2) / masses.sum())
    total = float(np.einsum("snc,snc,n->", velocities, velocities, masses))
    if total == 0:
        raise ThermodynamicsError("all velocities are zero, expected a running crystal")
    return centre / total
