"""Ewald sums against Madelung constants and their own invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.errors import LabelError
from confvib.reference.ewald import (
    plan_ewald,
    reciprocal_energy_eV,
    require_neutral,
    screened_coulomb_eV,
    self_energy_eV,
)
from confvib.reference.images import (
    image_shifts,
    pair_images,
    plane_spacings_A,
    reciprocal_cell,
    squared_distances_A2,
)
from confvib.units import COULOMB_EV_A

FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
TRICLINIC = np.array([[3.1, 0.2, -0.4], [0.9, 3.6, 0.3], [-0.5, 1.1, 4.2]])


def coulomb(positions, charges_e, cell, *, cutoff_A, tolerance):
    shifts = image_shifts(cell, cutoff_A)
    pairs = pair_images(len(charges_e), shifts)
    plan = plan_ewald(cell, cutoff_A=cutoff_A, tolerance=tolerance)
    lattice = jnp.asarray(cell)
    product = charges_e[pairs.i] * charges_e[pairs.j]

    @jax.jit
    @jax.value_and_grad
    def energy_and_gradient(x):
        distance = jnp.sqrt(squared_distances_A2(x, lattice, pairs))
        real = screened_coulomb_eV(distance, product, plan.alpha_per_A)
        return (
            jnp.sum(jnp.where(distance < cutoff_A, real, 0.0))
            + reciprocal_energy_eV(x, charges_e, lattice, plan)
            + self_energy_eV(charges_e, plan)
        )

    return energy_and_gradient(jnp.asarray(positions))


@pytest.mark.parametrize(
    ("cell", "second", "nearest", "madelung"),
    [
        pytest.param(FCC, (0.5, 0.5, 0.5), 0.5, 1.747564594633182, id="NaCl"),
        pytest.param(np.eye(3), (0.5, 0.5, 0.5), 0.75**0.5, 1.762674773070988, id="CsCl"),
        pytest.param(FCC, (0.25, 0.25, 0.25), 0.1875**0.5, 1.638055053388789, id="ZnS"),
    ],
)
def test_madelung_constants(cell, second, nearest, madelung):
    length_A = 5.64
    energy, _ = coulomb(
        length_A * np.array([(0, 0, 0), second]),
        np.array([1.0, -1.0]),
        length_A * cell,
        cutoff_A=9.0,
        tolerance=1e-13,
    )
    constant = -float(energy) * length_A * nearest / COULOMB_EV_A
    assert constant == pytest.approx(madelung, abs=1e-8)


def test_energy_and_forces_do_not_depend_on_the_splitting():
    rng = np.random.default_rng(0)
    positions = rng.uniform(-3, 6, (6, 3))
    charges_e = np.array([0.6, 1.8, -1.2, -1.2, -2.4, 2.4])

    def computed(cutoff_A):
        return coulomb(
            positions, charges_e, TRICLINIC, cutoff_A=cutoff_A, tolerance=1e-14
        )

    (energy, gradient), (other_energy, other_gradient) = computed(5.0), computed(7.5)
    assert float(energy) == pytest.approx(float(other_energy), rel=1e-10)
    np.testing.assert_allclose(gradient, other_gradient, atol=1e-9)


def test_listed_pairs_are_all_pairs_of_a_brute_force_search():
    rng = np.random.default_rng(1)
    positions = rng.uniform(-9, 9, (4, 3))  # far outside the cell: wrapping is tested too
    cutoff = 7.0
    pairs = pair_images(4, image_shifts(TRICLINIC, cutoff))
    found = np.sqrt(
        jax.jit(squared_distances_A2)(
            jnp.asarray(positions), jnp.asarray(TRICLINIC), pairs
        )
    )
    reach = range(-14, 15)
    grid = np.array([(a, b, c) for a in reach for b in reach for c in reach]) @ TRICLINIC
    between = positions[:, None] - positions[None, :]
    every = np.linalg.norm(between[:, :, None] + grid, axis=-1).ravel()
    every = np.sort(every[(every < cutoff) & (every > 1e-12)])
    np.testing.assert_allclose(np.sort(found[found < cutoff]), every[::2], atol=1e-12)


def test_minimum_image_suffices_up_to_half_the_spacing():
    half = plane_spacings_A(TRICLINIC).min() / 2
    assert image_shifts(TRICLINIC, 0.999 * half).tolist() == [[0, 0, 0]]
    assert len(image_shifts(TRICLINIC, 1.001 * half)) == 3


def test_reciprocal_cell_is_the_inverse():
    inverse, volume = reciprocal_cell(jnp.asarray(-TRICLINIC))
    np.testing.assert_allclose(inverse @ -TRICLINIC.T, np.eye(3), atol=1e-14)
    assert float(volume) == pytest.approx(abs(np.linalg.det(TRICLINIC)))


def test_charged_cells_are_refused():
    require_neutral(np.array([0.6, 0.6, -1.2]))
    with pytest.raises(LabelError) as error:
        require_neutral(np.array([0.6, 0.6, 0.6, -1.2]))
    assert str(error.value) == (
        "the cell carries a net charge of +0.6 e, expected a neutral cell"
    )
