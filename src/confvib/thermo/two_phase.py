r"""Two-phase thermodynamics (2PT): atoms that diffuse, split into hard spheres and solid.

A harmonic oscillator at zero frequency has no finite entropy. 2PT takes the density of
states s of a species apart into a gas of hard spheres, which carries all of s(0), and a
solid that vibrates. docs/two_phase.md derives the equations and says what they cannot do.

The entropy of a species that hops counts the arrangements that the run went through: it
already holds part of the configurational entropy and must never be added to it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from confvib.errors import GridError, ThermodynamicsError
from confvib.thermo.checks import matching_vector, positive_scalar, trapezoid_weights
from confvib.thermo.hard_spheres import (
    RANDOM_CLOSE_PACKING,
    fluidity,
    hard_sphere_entropy,
    packing_fraction,
    thermal_velocity_A_per_ps,
)
from confvib.thermo.harmonic import harmonic_from_states
from confvib.thermo.spectrum import Spectrum

CM2_PER_S: float = 1e-4
"""One Å²/ps in cm²/s."""


@dataclass(frozen=True)
class Species:
    """The atoms of one element in one cell.

    Attributes:
        n_atoms: Number of atoms.
        mass_amu: Mass of one atom.
        volume_A3: Volume that they move in: that of the whole cell.
    """

    n_atoms: int
    mass_amu: float
    volume_A3: float


@dataclass(frozen=True)
class TwoPhase:
    """What 2PT says of one species.

    Attributes:
        zero_frequency_dos_per_THz: s(0), the line shape of the spectrum included.
        diffusivity_A2_per_ps: Self-diffusion coefficient.
        normalised_diffusivity: Δ, diffusivity over that of hard spheres of zero size.
        fluidity: f, share of the atoms that are gas.
        packing: Packing fraction of the gas of f N hard spheres.
        is_fluid: Is the gas thinner than random close packing? Otherwise it does not
            enter the entropies: the species is a solid.
        half_width_THz: Frequency where the gas part is half of s(0); inf if s(0) = 0.
        gas_entropy_eV_per_K: Entropy of the gas.
        solid_entropy_eV_per_K: Entropy of the rest as quantum oscillators.
    """

    zero_frequency_dos_per_THz: float
    diffusivity_A2_per_ps: float
    normalised_diffusivity: float
    fluidity: float
    packing: float
    is_fluid: bool
    half_width_THz: float
    gas_entropy_eV_per_K: float
    solid_entropy_eV_per_K: float

    @property
    def entropy_eV_per_K(self) -> float:
        """Entropy of the species, eV/K per cell."""
        return self.gas_entropy_eV_per_K + self.solid_entropy_eV_per_K

    @property
    def diffusivity_cm2_per_s(self) -> float:
        """Self-diffusion coefficient in cm²/s."""
        return self.diffusivity_A2_per_ps * CM2_PER_S


def two_phase_of_elements(
    spectrum: Spectrum,
    masses_amu: ArrayLike,
    numbers: ArrayLike,
    volume_A3: float,
    temperature_K: float,
) -> dict[int, TwoPhase]:
    """Apply 2PT to every element of a run.

    The spectrum is scaled to its number of modes as in md_free_energy. Diffusion and
    fluidity belong to the temperature of the run, the entropies are stated at
    ``temperature_K``.

    Args:
        spectrum: Density of states of the run.
        masses_amu: Masses > 0, shape ``(N,)``; atoms of one element weigh the same.
        numbers: Atomic numbers, shape ``(N,)``.
        volume_A3: Volume of the cell.
        temperature_K: Temperature > 0 of the entropies.

    Returns:
        The result by atomic number.

    Raises:
        ThermodynamicsError: Atoms of one element have different masses, or a number is
            not positive.
    """
    masses, atomic_numbers = np.asarray(masses_amu, dtype=float), np.asarray(numbers)
    scale = spectrum.n_modes / spectrum.raw_area
    found = {}
    for number, dos in spectrum.fine_dos_by_element_per_THz.items():
        of_element = masses[atomic_numbers == number]
        if np.ptp(of_element) > 0:
            raise ThermodynamicsError(
                f"atoms of element {number} weigh {of_element.min()} to "
                f"{of_element.max()} amu, expected one mass"
            )
        found[number] = two_phase(
            spectrum.fine_frequency_THz,
            scale * dos,
            Species(of_element.size, float(of_element[0]), volume_A3),
            spectrum.temperature_K,
            stated_K=temperature_K,
        )
    return found


def two_phase(
    frequency_THz: ArrayLike,
    dos_per_THz: ArrayLike,
    species: Species,
    temperature_K: float,
    *,
    stated_K: float | None = None,
) -> TwoPhase:
    r"""Take the density of states of one species apart and sum the entropies.

    .. math:: s_{gas}(\nu) = \frac{s_0}{1 + (\pi s_0 \nu / 6 f N)^2}, \quad
              \int_0^\infty s_{gas}\,d\nu = 3 f N, \quad
              S = f N S_{HS} + k_B \int_0^\infty (s - s_{gas})\, W_q\,d\nu

    with the entropy :math:`W_q` of a quantum oscillator, if that gas is a fluid at all.
    The difference may be negative where the gas part overshoots a noisy spectrum; it is
    integrated as it is.

    Args:
        frequency_THz: Grid that starts at 0, strictly increasing, shape ``(F,)``. It must
            reach to where s ends and resolve s near zero.
        dos_per_THz: s, whose integral is 3N, shape ``(F,)``.
        species: The atoms.
        temperature_K: Temperature of the run.
        stated_K: Temperature of the entropies; None: that of the run.

    Returns:
        Diffusivity, fluidity and entropies of the species.

    Raises:
        GridError: The grid does not start at zero or does not increase.
        ThermodynamicsError: s(0) is negative or a number is not positive.

    Source: Lin, Blanco, Goddard, J. Chem. Phys. 119, 11792 (2003), except for the entropy
        of the hard spheres (see hard_sphere_entropy); docs/two_phase.md.
    """
    frequency = _grid_from_zero(frequency_THz)
    dos = matching_vector("dos_per_THz", dos_per_THz, frequency.size)
    run_K = positive_scalar("temperature_K", temperature_K)
    stated_K = run_K if stated_K is None else positive_scalar("stated_K", stated_K)
    s0 = float(dos[0])
    if s0 < 0:
        raise ThermodynamicsError(f"s(0) is {s0:.6g} per THz, expected >= 0")
    n, volume_A3 = species.n_atoms, species.volume_A3
    thermal = thermal_velocity_A_per_ps(species.mass_amu, run_K)
    delta = (
        (2 * s0 / (9 * n))
        * math.sqrt(math.pi)
        * thermal
        * (n / volume_A3) ** (1 / 3)
        * (6 / math.pi) ** (2 / 3)
    )
    f, eta = fluidity(delta), packing_fraction(delta)
    is_fluid = eta <= RANDOM_CLOSE_PACKING
    width = 6 * f * n / (math.pi * s0) if s0 > 0 else math.inf
    gas_entropy, solid_dos = 0.0, dos
    if is_fluid:
        solid_dos = dos - s0 / (1 + (frequency / width) ** 2)
        gas_entropy = (f * n) * hard_sphere_entropy(
            species.mass_amu, stated_K, volume_A3 / (f * n), eta
        )
    # The states of the first half step count at its geometric mean, as in molecular.py.
    places = np.concatenate([[frequency[1] / (2 * math.e)], frequency[1:]])
    states = trapezoid_weights(frequency) * solid_dos
    solid = harmonic_from_states(places, states, [stated_K])
    return TwoPhase(
        zero_frequency_dos_per_THz=s0,
        diffusivity_A2_per_ps=thermal**2 * s0 / (12 * n),
        normalised_diffusivity=delta,
        fluidity=f,
        packing=eta,
        is_fluid=is_fluid,
        half_width_THz=width,
        gas_entropy_eV_per_K=gas_entropy,
        solid_entropy_eV_per_K=float(solid.entropy_eV_per_K[0]),
    )


def _grid_from_zero(frequency_THz: ArrayLike) -> np.ndarray:
    grid = np.asarray(frequency_THz, dtype=np.float64)
    if grid.ndim != 1 or grid.size < 3 or grid[0] != 0 or not (np.diff(grid) > 0).all():
        raise GridError(
            f"frequency_THz starts at {grid.flat[0] if grid.size else None} with"
            f" {grid.size} points, expected at least 3 that increase from 0"
        )
    return grid
