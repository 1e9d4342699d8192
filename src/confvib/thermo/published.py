r"""The statistics of the paper as published, kept apart from the canonical ones.

Nothing here is an entropy of the crystal. The functions exist so that the published
numbers can be reproduced and compared; docs/formulation.md#published says what differs.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from confvib.errors import ThermodynamicsError
from confvib.thermo.checks import finite_vector, positive_scalar
from confvib.units import BOLTZMANN_EV_PER_K

# The constants of the published analysis, digits and names included: the value called
# "hbar" there is Planck's constant h, and it multiplies an energy instead of a frequency.
_PUBLISHED_HBAR_EV = 4.136e-15
_PUBLISHED_KB_EV_PER_K = 8.617e-5
_PUBLISHED_EV_PER_THZ = 4.13567e-3
_COLUMNS = 64


@dataclass(frozen=True)
class PublishedEnsemble:
    """Tables 3 to 5 of the paper for one temperature, per atom.

    Attributes:
        temperature_K: Temperature.
        n_configurations: Configurations summed, each counted once.
        lowest_eV_per_atom: Lowest h_i, the zero of ``log_Z``.
        log_Z: Logarithm of the sum over per-atom Boltzmann factors.
        average_eV_per_atom: <H>, or <F_vib> where vibrations are included.
        sum_p_squared: Sum over the squares of the normalised per-atom factors.
        p_max: Largest of them.
    """

    temperature_K: float
    n_configurations: int
    lowest_eV_per_atom: float
    log_Z: float
    average_eV_per_atom: float
    sum_p_squared: float
    p_max: float

    @property
    def entropy_eV_per_atom_K(self) -> float:
        """k_B ln Z, which is what the paper calls the entropy (eq. 2)."""
        return BOLTZMANN_EV_PER_K * self.log_Z

    @property
    def ess(self) -> float:
        """Effective number of rows, 1 / sum p_i^2."""
        return 1.0 / self.sum_p_squared

    def merged(self, other: Self) -> Self:
        """Return the published sums over the rows of both, at the same temperature."""
        kT_eV = BOLTZMANN_EV_PER_K * self.temperature_K
        pair = (self, other)
        lowest = min(each.lowest_eV_per_atom for each in pair)
        logs = np.array(
            [each.log_Z - (each.lowest_eV_per_atom - lowest) / kT_eV for each in pair]
        )
        log_Z = float(np.logaddexp.reduce(logs))
        share = np.exp(logs - log_Z)
        apart = other.average_eV_per_atom - self.average_eV_per_atom
        return type(self)(
            temperature_K=self.temperature_K,
            n_configurations=self.n_configurations + other.n_configurations,
            lowest_eV_per_atom=lowest,
            log_Z=log_Z,
            average_eV_per_atom=self.average_eV_per_atom + float(share[1]) * apart,
            sum_p_squared=float(share**2 @ [each.sum_p_squared for each in pair]),
            p_max=float(np.max(share * [each.p_max for each in pair])),
        )

    @property
    def minus_TS_eV_per_atom(self) -> float:
        """Entropic part of the published free energy."""
        return -self.temperature_K * self.entropy_eV_per_atom_K

    @property
    def G_eV_per_atom(self) -> float:
        """Published free energy, <H> - T S (paper eq. 1) or <F_vib> - T S (eq. 5)."""
        return self.average_eV_per_atom + self.minus_TS_eV_per_atom


def published_ensemble(
    energy_eV: ArrayLike, temperature_K: float, *, n_atoms: int
) -> PublishedEnsemble:
    r"""Evaluate the published configurational sums.

    .. math:: Z = \sum_{i=1}^n e^{-\beta (h_i - h_{min})}, \quad S = k_B \ln Z, \quad
              \langle h \rangle = \frac1Z \sum_i h_i e^{-\beta (h_i - h_{min})}, \quad
              G = \langle h \rangle - T S, \quad h_i = E_i / N

    No multiplicities, energies per atom in the exponent, and no <h>/T in the entropy.

    Args:
        energy_eV: H_i, or published F_vib,i where vibrations are included, eV per cell,
            shape ``(n,)``.
        temperature_K: Temperature > 0.
        n_atoms: Atoms per cell.

    Returns:
        The quantities of Tables 3 to 5, per atom.

    Raises:
        ThermodynamicsError: Energies or temperature are not as described.

    Source: Yang et al. 2025, eqs. 1 to 5; docs/formulation.md#published.
    """
    energy = finite_vector("energy_eV", energy_eV)
    temperature_K = positive_scalar("temperature_K", temperature_K)
    per_atom = energy / positive_scalar("n_atoms", n_atoms)
    lowest = float(per_atom.min())
    excess = per_atom - lowest
    factors = np.exp(-excess / (BOLTZMANN_EV_PER_K * temperature_K))
    total = float(factors.sum())
    return PublishedEnsemble(
        temperature_K=temperature_K,
        n_configurations=energy.size,
        lowest_eV_per_atom=lowest,
        log_Z=float(np.log(total)),
        average_eV_per_atom=lowest + float(factors @ excess) / total,
        sum_p_squared=float(factors @ factors) / total**2,
        p_max=float(factors.max()) / total,
    )


def published_2025_TS_vib(
    velocities: NDArray[np.floating], *, timestep_fs: float, temperature_K: float
) -> float:
    r"""Evaluate the vibrational T S of the paper from a trajectory.

    .. math:: TS_{vib} = -\frac{k_B T}{N} \int_{0^+}^{E_{Nyq}} |\hat C(E)|^2
              \ln\Bigl[2 \sinh\Bigl(\frac{4.136\cdot10^{-15}\,E}{2 k_B T}\Bigr)\Bigr] dE

    with E = h nu [eV] and C the two-sided autocorrelation of the velocities, without
    masses, summed over atoms and directions, with the biased norm, divided by its value
    at lag 0, minus its mean; the transform carries no time step. The number scales as
    1 / timestep^2 and as 1 / N on the same trajectory: it is not an entropy.

    The mean only enters the bin at zero, which is left out, and |C^| is the power
    spectrum of the zero-padded velocities, so no correlation is formed.

    Args:
        velocities: Velocities, any unit (it cancels), shape ``(S, N, 3)``, S >= 2.
        timestep_fs: Time between two samples.
        temperature_K: Nominal temperature, as published.

    Returns:
        T S_vib in eV per atom, positive.

    Raises:
        ThermodynamicsError: A shape, step or temperature is not as described.

    Source: Yang et al. 2025, eqs. 7 and 8 as evaluated by core/external/vasp/analysis.py
    of github.com/yangjackie/futuremat_public; docs/formulation.md#published.
    """
    if velocities.ndim != 3 or velocities.shape[2] != 3 or velocities.shape[0] < 2:
        raise ThermodynamicsError(
            f"velocities have shape {velocities.shape}, expected (S >= 2, N, 3)"
        )
    timestep_fs = positive_scalar("timestep_fs", timestep_fs)
    temperature_K = positive_scalar("temperature_K", temperature_K)
    n_samples, n_atoms = velocities.shape[:2]
    length = 2 * n_samples - 1
    columns = velocities.reshape(n_samples, 3 * n_atoms)
    transform = np.zeros(n_samples)
    norm = 0.0
    for start in range(0, 3 * n_atoms, _COLUMNS):
        block = columns[:, start : start + _COLUMNS].astype(np.float64)
        norm += float(np.sum(block**2))
        spectrum = np.fft.rfft(block, n=length, axis=0)
        transform += np.sum(spectrum.real**2 + spectrum.imag**2, axis=1)
    if not (np.isfinite(norm) and norm > 0):
        raise ThermodynamicsError(
            f"the sum of v^2 is {norm}, expected a finite value > 0"
        )
    frequency_THz = np.arange(1, n_samples) / (length * timestep_fs * 1e-3)
    energy_eV = _PUBLISHED_EV_PER_THZ * frequency_THz
    published_dos = (transform[1:] / norm) ** 2
    kT_eV = _PUBLISHED_KB_EV_PER_K * temperature_K
    argument = _PUBLISHED_HBAR_EV * energy_eV / (2 * kT_eV)
    integral = np.trapezoid(published_dos * np.log(2 * np.sinh(argument)), energy_eV)
    return float(-kT_eV / n_atoms * integral)
