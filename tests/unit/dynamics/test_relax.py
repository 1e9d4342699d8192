"""L-BFGS: right minimum, honest status, rows that never see each other."""

import dataclasses

import ase
import jax.numpy as jnp
import numpy as np
import pytest
from ase.calculators.lj import LennardJones
from ase.optimize import LBFGS

from confvib.dynamics.evaluation import BatchMode, Slots
from confvib.dynamics.fire import Fire
from confvib.dynamics.lbfgs import Lbfgs
from confvib.dynamics.relax import _chunk, _entered, relax
from confvib.dynamics.state import Bounds, Status, statuses
from confvib.errors import DynamicsError

MODES = list(BatchMode)


def assert_rows_equal(one, other, rows, other_rows=None):
    other_rows = rows if other_rows is None else other_rows
    for field in dataclasses.fields(one):
        left = getattr(one, field.name)[rows]
        right = getattr(other, field.name)[other_rows]
        np.testing.assert_array_equal(left, right, err_msg=field.name)


def ase_argon(argon, positions):
    atoms = ase.Atoms("Ar32", positions, cell=[argon.cell_A] * 3, pbc=True)
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=4.9, ro=4.2, smooth=True)
    return atoms


def test_same_minimum_as_ase_in_half_the_steps(argon):
    start = argon.rattled(2, 0.15)
    found = relax(argon.energy_fn, start, fmax_eV_per_A=2e-5, max_steps=500)
    assert statuses(found.status) == [Status.OK] * 2
    for index in range(2):
        atoms = ase_argon(argon, start[index])
        energy = float(argon.energy_fn(jnp.asarray(start[index]))[0])
        assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
        optimiser = LBFGS(atoms, logfile=None)
        optimiser.run(fmax=2e-5, steps=1000)
        assert found.energy_eV[index] == pytest.approx(
            atoms.get_potential_energy(), abs=1e-6
        )
        assert found.n_steps[index] < 0.5 * optimiser.nsteps


def test_harmonic_crystal_relaxes_to_zero(lattice):
    found = relax(
        lattice.energy_fn, lattice.rattled(2, 0.2), fmax_eV_per_A=1e-6, max_steps=200
    )
    np.testing.assert_allclose(found.energy_eV, 0, atol=1e-11)
    assert (found.fmax_eV_per_A <= 1e-6).all()


def test_reports_the_largest_displacement(lattice):
    start = np.stack([lattice.positions] * 2)
    start[0, 5] += [0.0, 0.3, 0.0]
    found = relax(lattice.energy_fn, start, fmax_eV_per_A=1e-8, max_steps=200)
    # The centre of mass stays, so the atom goes back by all but its 1/64 of the shift.
    assert found.displacement_max_A[0] == pytest.approx(0.3 * 63 / 64, abs=1e-7)


def test_no_atom_moves_farther_than_the_limit(lattice):
    start = lattice.rattled(2, 0.5)
    found = relax(
        lattice.energy_fn,
        start,
        fmax_eV_per_A=1e-3,
        max_steps=1,
        optimiser=Lbfgs(max_step_A=0.01),
    )
    assert found.displacement_max_A[0] == pytest.approx(0.01)
    assert statuses(found.status) == [Status.UNCONVERGED] * 2
    assert (found.n_steps == 1).all()


def test_energy_never_rises_when_steps_overshoot():
    def steep(positions):  # curvature 800 eV/Å², far above the first guess of 70
        return 400 * ((positions[0] - positions[1]) ** 2).sum(), jnp.array(False)

    start = np.array([[[0.0, 0, 0], [0.02, 0, 0]]])
    energies = [
        relax(steep, start, fmax_eV_per_A=1e-6, max_steps=n) for n in (1, 2, 3, 50)
    ]
    assert energies[0].n_uphill_rejected[0] == 1
    assert energies[0].energy_eV[0] == 400 * 0.02**2
    assert np.all(np.diff([found.energy_eV[0] for found in energies]) <= 0)
    assert statuses(energies[-1].status) == [Status.OK]


def test_converged_start_is_returned_bitwise(lattice):
    start = np.stack([lattice.positions, lattice.rattled(1, 0.2)[0]])
    found = relax(lattice.energy_fn, start, fmax_eV_per_A=1e-3, max_steps=99)
    np.testing.assert_array_equal(found.positions[0], lattice.positions)
    assert found.n_steps[0] == 0
    assert found.n_steps[1] > 0


@pytest.mark.parametrize("mode", MODES)
def test_failed_neighbours_change_nothing(guarded, mode):
    healthy = guarded.rattled(4, 0.1, dtype=np.float32)
    options = {"fmax_eV_per_A": 1e-3, "max_steps": 100, "slots": Slots(mode=mode)}
    undisturbed = relax(guarded.energy_fn, healthy, **options)
    planted = healthy.copy()
    planted[1, 3, 0] = np.nan
    planted[2, 0, 0] = -0.8
    found = relax(guarded.energy_fn, planted, **options)
    assert found.positions.dtype == np.float32
    assert statuses(found.status) == [
        Status.OK,
        Status.NAN,
        Status.OVERFLOW,
        Status.OK,
    ]
    assert_rows_equal(found, undisturbed, [0, 3])


@pytest.mark.parametrize("mode", MODES)
def test_permuting_slots_permutes_results_bitwise(guarded, mode):
    start = guarded.rattled(4, 0.1, dtype=np.float32)
    options = {"fmax_eV_per_A": 1e-3, "max_steps": 60, "slots": Slots(mode=mode)}
    order = [2, 0, 3, 1]
    found = relax(guarded.energy_fn, start, **options)
    permuted = relax(guarded.energy_fn, start[order], **options)
    assert_rows_equal(permuted, found, slice(None), order)


def test_one_by_one_does_not_depend_on_the_batch(guarded):
    start = guarded.rattled(4, 0.1, dtype=np.float32)
    options = {
        "fmax_eV_per_A": 1e-3,
        "max_steps": 60,
        "slots": Slots(mode=BatchMode.ONE_BY_ONE),
    }
    found = relax(guarded.energy_fn, start, **options)
    alone = relax(guarded.energy_fn, start[1:2], **options)
    assert_rows_equal(alone, found, [0], [1])


def test_nan_during_the_descent_keeps_the_last_good_point(lattice):
    def cliff(positions):
        energy, overflow = lattice.energy_fn(positions)
        return jnp.where(positions[0, 0] < 0.5, jnp.nan, energy), overflow

    start = lattice.positions[None].copy()
    start[0, 0, 0] = 0.8
    found = relax(cliff, start, fmax_eV_per_A=1e-3, max_steps=100)
    assert statuses(found.status) == [Status.NAN]
    assert 0.5 <= found.positions[0, 0, 0] < 0.8
    assert np.isfinite(found.energy_eV[0])


def test_a_hole_in_the_surface_is_called_diverged():
    def hole(positions):
        distance = positions[0] - positions[1]
        return -10 * (distance**2).sum(), jnp.array(False)

    start = np.array([[[0.0, 0, 0], [1.0, 0, 0]]] * 2)
    options = {"fmax_eV_per_A": 1e-3, "max_steps": 500}
    far = Bounds(displacement_A=2.0, energy_change_eV_per_atom=1e9)
    found = relax(hole, start, bounds=far, **options)
    assert statuses(found.status) == [Status.DIVERGED] * 2
    assert (found.displacement_max_A < 2.2).all()
    deep = Bounds(displacement_A=1e9, energy_change_eV_per_atom=3.0)
    found = relax(hole, start, bounds=deep, **options)
    assert statuses(found.status) == [Status.DIVERGED] * 2


def test_every_cell_is_reported_once_when_it_comes_to_rest(argon):
    start = np.stack([argon.rattled(1, 0.3)[0], argon.positions])
    seen = []
    found = relax(
        argon.energy_fn,
        start,
        fmax_eV_per_A=1e-10,
        max_steps=500,
        on_rest=lambda index, row: seen.append((index, row)),
    )
    assert [index for index, _ in seen] == [1, 0]  # the second starts at its minimum
    for index, row in seen:
        assert_rows_equal(row, found, [0], [index])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n_slots", [2, 3, 9])
def test_more_cells_than_slots_give_what_each_gives_alone(guarded, mode, n_slots):
    """Cells enter as others leave, fail and need different numbers of steps."""
    start = guarded.rattled(7, 0.1, dtype=np.float32)
    start[1, 3, 0] = np.nan
    start[4] = guarded.positions
    start[5, 0, 0] = -0.8
    options = {"fmax_eV_per_A": 1e-3, "max_steps": 60, "slots": Slots(n_slots, mode)}
    order = []
    found = relax(
        guarded.energy_fn, start, on_rest=lambda index, _: order.append(index), **options
    )
    assert sorted(order) == list(range(7))
    for index in range(7):
        alone = relax(guarded.energy_fn, start[index : index + 1], **options)
        assert_rows_equal(alone, found, [0], [index])


def test_a_cell_that_enters_late_compiles_nothing(guarded):
    start = guarded.rattled(8, 0.1)
    options = {"fmax_eV_per_A": 1e-3, "max_steps": 60, "slots": Slots(2)}
    relax(guarded.energy_fn, start[:2], **options)
    compiled = _chunk._cache_size(), _entered._cache_size()
    relax(guarded.energy_fn, start, **options)
    assert (_chunk._cache_size(), _entered._cache_size()) == compiled


def test_fire_finds_the_same_minimum_and_never_goes_uphill(argon):
    start = argon.rattled(3, 0.15)
    options = {"fmax_eV_per_A": 1e-5, "max_steps": 2000, "slots": Slots(2)}
    by_lbfgs = relax(argon.energy_fn, start, **options)
    by_fire = relax(argon.energy_fn, start, optimiser=Fire(), **options)
    assert statuses(by_fire.status) == [Status.OK] * 3
    np.testing.assert_allclose(by_fire.energy_eV, by_lbfgs.energy_eV, atol=1e-7)
    assert (by_fire.n_steps > by_lbfgs.n_steps).all()
    energies = [
        relax(
            argon.energy_fn, start[:1], optimiser=Fire(), **options | {"max_steps": n}
        ).energy_eV[0]
        for n in (5, 20, 50, 100, 200)
    ]
    assert (np.diff(energies) <= 0).all()


@pytest.mark.parametrize("mode", MODES)
def test_fire_does_not_see_neighbours_either(guarded, mode):
    start = guarded.rattled(4, 0.1, dtype=np.float32)
    start[1, 3, 0] = np.nan
    options = {"fmax_eV_per_A": 1e-3, "max_steps": 300, "optimiser": Fire()}
    found = relax(guarded.energy_fn, start, slots=Slots(2, mode), **options)
    for index in range(4):
        part = start[index : index + 1]
        alone = relax(guarded.energy_fn, part, slots=Slots(2, mode), **options)
        assert_rows_equal(alone, found, [0], [index])


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 3), {}, r"positions have shape \(4, 3\); expected \(B, N, 3\)"),
        ((1, 4, 3), {"fmax_eV_per_A": 0.0}, "fmax_eV_per_A is 0.0; expected a positive"),
        ((1, 4, 3), {"max_steps": 0}, "max_steps is 0; expected a positive number"),
        ((1, 4, 3), {"optimiser": Lbfgs(memory=0)}, "memory is 0; expected a positive"),
    ],
)
def test_refuses_nonsense(lattice, shape, options, message):
    defaults = {"fmax_eV_per_A": 0.1, "max_steps": 5}
    with pytest.raises(DynamicsError, match=message):
        relax(lattice.energy_fn, np.zeros(shape), **(defaults | options))


def test_single_precision_energy_of_double_precision_positions():
    def bond(positions):
        stretch = (positions[0] - positions[1]).astype(jnp.float32) - 1.5
        return -1000 + 20 * (stretch**2).sum(), jnp.array(False)

    start = np.array([[[1.2, 1.3, 1.4], [0.0, 0, 0]]])
    found = relax(bond, start, fmax_eV_per_A=1e-3, max_steps=100)
    # Near -1000 eV float32 resolves 6e-5 eV: only a tolerance of its own lets this end.
    assert statuses(found.status) == [Status.OK]
    assert found.positions.dtype == np.float64
    assert found.energy_eV.dtype == np.float32
    split = found.positions[0, 0] - found.positions[0, 1]
    np.testing.assert_allclose(split, 1.5, atol=1e-3 / 40)


def test_refuses_integers(lattice):
    with pytest.raises(DynamicsError, match="dtype int64; expected a float"):
        relax(
            lattice.energy_fn,
            np.zeros((1, 4, 3), np.int64),
            fmax_eV_per_A=0.1,
            max_steps=5,
        )
