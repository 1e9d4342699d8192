"""Laws that the ionic potential obeys, its lattice constants and its refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase import Atoms, units
from ase.filters import FrechetCellFilter
from ase.md.verlet import VelocityVerlet
from ase.optimize import LBFGS

from confvib.errors import LabelError
from confvib.reference.ionic import IonicCalculator, IonicSettings, ionic_energy_fn

SETTINGS = IonicSettings()


@pytest.fixture(scope="module")
def rattled(lithium_oxide):
    atoms = lithium_oxide.copy()
    atoms.rattle(0.1, seed=4)
    return atoms


@pytest.fixture(scope="module")
def energy_of(rattled):
    return jax.jit(
        ionic_energy_fn(rattled.numbers, rattled.cell.array, settings=SETTINGS)
    )


@pytest.fixture(scope="module")
def gradient_of(energy_of):
    return jax.jit(jax.grad(energy_of))


@pytest.fixture(scope="module")
def llzo_calculator():
    return IonicCalculator()


def test_forces_are_minus_the_slope_of_the_energy(rattled, energy_of, gradient_of):
    x = rattled.positions
    gradient = np.asarray(gradient_of(x))
    for atom, axis in ((0, 0), (3, 1), (5, 2), (11, 0)):
        step = np.zeros_like(x)
        step[atom, axis] = 1e-4
        slope = (energy_of(x + step) - energy_of(x - step)) / 2e-4
        assert float(slope) == pytest.approx(gradient[atom, axis], abs=1e-6)


def test_hessian_is_the_slope_of_the_gradient(rattled, gradient_of):
    x = rattled.positions
    direction = np.random.default_rng(0).normal(size=x.shape)
    product = jax.jit(lambda v: jax.jvp(gradient_of, (x,), (v,))[1])
    step = 1e-4 * direction
    slope = (gradient_of(x + step) - gradient_of(x - step)) / 2e-4
    np.testing.assert_allclose(product(direction), slope, atol=2e-5)
    uniform = np.tile([0.3, -0.5, 0.7], (len(x), 1))
    np.testing.assert_allclose(product(uniform), 0.0, atol=1e-9)


def test_stress_is_the_slope_of_the_energy_in_strain(rattled):
    atoms = rattled.copy()
    atoms.calc = IonicCalculator(IonicSettings(ewald_tolerance=1e-12))
    stress = atoms.get_stress(voigt=False)
    for i, j in ((0, 0), (1, 2)):
        strain = np.zeros((3, 3))
        strain[i, j] += 5e-6
        strain[j, i] += 5e-6
        energies = []
        for sign in (1, -1):
            deformed = atoms.copy()
            deformed.set_cell(
                atoms.cell.array @ (np.eye(3) + sign * strain), scale_atoms=True
            )
            deformed.calc = atoms.calc
            deformed.get_stress()  # one compiled function gives both
            energies.append(deformed.get_potential_energy())
        slope = (energies[0] - energies[1]) / 2e-5 / atoms.get_volume()
        assert slope == pytest.approx(stress[i, j], abs=1e-6)


def test_translation_wrapping_and_order_change_nothing(rattled, energy_of):
    x = rattled.positions
    energy = float(energy_of(x))
    assert float(energy_of(x + np.array([0.7, -3.3, 9.1]))) == pytest.approx(energy)
    wrapped = x + np.random.default_rng(1).integers(-3, 4, x.shape) * 4.62
    assert float(energy_of(wrapped)) == pytest.approx(energy, rel=1e-12)
    swapped = x.copy()
    lithium = np.flatnonzero(rattled.numbers == 3)
    swapped[lithium] = x[lithium[::-1]]
    assert float(energy_of(swapped)) == pytest.approx(energy, rel=1e-12)


def test_explicit_images_equal_the_minimum_image_of_a_supercell(rattled):
    small, large = rattled.copy(), rattled.repeat(3)
    for atoms in (small, large):
        atoms.calc = IonicCalculator()
    assert large.get_potential_energy() == pytest.approx(
        27 * small.get_potential_energy(), rel=1e-9
    )
    np.testing.assert_allclose(
        large.get_forces(), np.tile(small.get_forces(), (27, 1)), atol=2e-8
    )


def test_single_precision_agrees_with_double(cubic_llzo):
    atoms = cubic_llzo.copy()
    atoms.rattle(0.05, seed=0)
    energy_of = ionic_energy_fn(atoms.numbers, atoms.cell.array, settings=SETTINGS)
    computed = jax.jit(jax.value_and_grad(energy_of))
    with jax.numpy_dtype_promotion("strict"):
        single = computed(jnp.asarray(atoms.positions, jnp.float32))
        double = computed(jnp.asarray(atoms.positions))
    assert single[0].dtype == single[1].dtype == jnp.float32
    assert double[0].dtype == double[1].dtype == jnp.float64
    assert float(single[0]) == pytest.approx(float(double[0]), rel=1e-6)
    np.testing.assert_allclose(single[1], double[1], atol=5e-4)


def test_a_batch_equals_its_members(rattled, energy_of):
    batch = rattled.positions + np.random.default_rng(2).normal(0, 0.05, (3, 12, 3))
    together = jax.jit(jax.vmap(energy_of))(batch)
    np.testing.assert_allclose(together, [energy_of(x) for x in batch], rtol=1e-13)


def test_the_hessian_is_continuous_at_the_cutoff():
    # One Li-O pair crosses both ends of the switch; the other pairs hardly move.
    cell = np.eye(3) * 13.0
    slope = jax.grad(ionic_energy_fn([3, 3, 8], cell, settings=SETTINGS))

    @jax.jit
    def curvature(r):
        frame = jnp.array([[0.0, 0.0, 0.0], [0.0, 6.5, 0.0], [0.0, 0.0, 0.0]])
        along = jnp.zeros((3, 3)).at[2, 0].set(1.0)
        return jax.jvp(slope, (frame + r * along,), (along,))[1][2, 0]

    for edge in (SETTINGS.onset_A, SETTINGS.cutoff_A):
        below, above = curvature(edge - 1e-7), curvature(edge + 1e-7)
        assert float(below) == pytest.approx(float(above), abs=1e-5)


def total_energies(atoms, calculator, timestep_fs, n_steps):
    atoms = atoms.copy()
    atoms.calc = calculator
    normal = np.random.default_rng(5).standard_normal((len(atoms), 3))
    atoms.set_momenta(normal * np.sqrt(300 * units.kB * atoms.get_masses())[:, None])
    dynamics = VelocityVerlet(atoms, timestep_fs * units.fs)
    energies = []
    for _ in range(n_steps):
        dynamics.step()
        energies.append(atoms.get_total_energy())
    return np.array(energies)


def test_molecular_dynamics_conserves_energy(cubic_llzo, llzo_calculator):
    coarse = total_energies(cubic_llzo, llzo_calculator, 1.0, 120)
    fine = total_energies(cubic_llzo, llzo_calculator, 0.5, 240)
    assert np.ptp(coarse) / 192 < 1e-4
    # The error of velocity Verlet is of second order in the time step.
    assert np.std(coarse) / np.std(fine) == pytest.approx(4.0, rel=0.25)


def relaxed(atoms, calculator):
    atoms = atoms.copy()
    atoms.calc = calculator
    with LBFGS(FrechetCellFilter(atoms), logfile=None) as optimizer:
        assert optimizer.run(fmax=0.02, steps=400)
    return atoms


@pytest.mark.slow
def test_tetragonal_llzo_has_the_known_lattice(tetragonal_llzo, llzo_calculator):
    atoms = relaxed(tetragonal_llzo, llzo_calculator)
    a, b, c, *angles = atoms.cell.cellpar()
    np.testing.assert_allclose([a, b, c], [13.128, 13.128, 12.676], rtol=3e-3)
    np.testing.assert_allclose(angles, 90.0, atol=1e-3)
    assert atoms.get_potential_energy() / 192 == pytest.approx(-8.796, abs=1e-3)


@pytest.mark.slow
def test_cubic_llzo_has_the_known_lattice(cubic_llzo, llzo_calculator):
    atoms = relaxed(cubic_llzo, llzo_calculator)
    assert 12.97 < atoms.get_volume() ** (1 / 3) < 13.03
    np.testing.assert_allclose(atoms.cell.angles(), 90.0, atol=0.3)


def test_level_of_theory_names_the_settings():
    default = SETTINGS.level_of_theory
    assert default == IonicSettings().level_of_theory
    assert len(default) == 16
    others = [IonicSettings(5.5), IonicSettings(6.0, 0.5), IonicSettings(6.0, 1.0, 1e-6)]
    assert len({default, *(other.level_of_theory for other in others)}) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (6.0, 6.0, 1e-8),
            (
                "cutoff_A is 6.0 and switch_width_A 6.0, expected 0 < switch_width_A < "
                "cutoff_A - 1.906 (inner branches)"
            ),
        ),
        ((6.0, 1.0, 0.1), "ewald_tolerance is 0.1, expected 0 < x <= 1e-3"),
    ],
)
def test_wrong_settings_are_refused(arguments, message):
    with pytest.raises(LabelError) as error:
        IonicSettings(*arguments)
    assert str(error.value) == message


def energy_message(atoms):
    atoms.calc = IonicCalculator()
    with pytest.raises(LabelError) as error:
        atoms.get_potential_energy()
    return str(error.value)


def test_wrong_cells_are_refused(rattled):
    overlapping = rattled.copy()
    overlapping.positions[1] = overlapping.positions[0] + [0.0, 0.2, 0.0]
    assert energy_message(overlapping) == (
        "two atoms are 0.200 Å apart, expected at least 0.3 Å"
    )
    slab = rattled.copy()
    slab.pbc = (True, True, False)
    assert energy_message(slab) == (
        "pbc is [True, True, False], expected a cell periodic along all three axes"
    )
    flat = rattled.copy()
    flat.set_cell([[1, 0, 0], [2, 0, 0], [0, 0, 3]])
    assert energy_message(flat) == (
        "the cell [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 3.0]] has a volume of "
        "0 Å³, expected three independent lattice vectors"
    )
    charged = Atoms("LiO", positions=[[0, 0, 0], [2, 0, 0]], cell=[9, 9, 9], pbc=True)
    assert energy_message(charged) == (
        "the cell carries a net charge of -0.6 e, expected a neutral cell"
    )
    foreign = Atoms("LiF", positions=[[0, 0, 0], [2, 0, 0]], cell=[9, 9, 9], pbc=True)
    assert energy_message(foreign) == (
        "the ionic potential has no parameters for F; it knows La, Li, O, Zr"
    )


def test_single_precision_jax_is_refused(rattled):
    with jax.enable_x64(False):
        message = energy_message(rattled.copy())
    assert message == ("JAX computes in float32; labels need float64: set jax_enable_x64")
