"""A small triclinic crystal and force fields whose every parameter is non-zero."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from confvib.forcefield.model import TrainedModel, cast_parameters, initial_parameters
from confvib.forcefield.neighbors import image_shifts_for, neighbor_table
from confvib.forcefield.network import So3krates, So3kratesSettings, edge_geometry

NUMBERS = np.array([3, 8, 8, 40, 57, 3, 8, 8, 3, 8])
CELL = np.array([[5.1, 0.0, 0.0], [1.2, 5.6, 0.0], [-0.7, 0.9, 6.0]])


def build_model(settings: So3kratesSettings, seed: int = 0) -> TrainedModel:
    """Draw all leaves, biases too, and give each species its own shift."""
    rng = np.random.default_rng(seed)

    def draw(leaf):
        fan_in = leaf.shape[-2] if leaf.ndim > 1 else 25
        return (rng.normal(size=leaf.shape) / np.sqrt(fan_in)).astype(leaf.dtype)

    shapes = jax.eval_shape(lambda: initial_parameters(settings, jax.random.key(0)))
    parameters = jax.tree.map(draw, shapes)
    parameters["embedding"]["embedding"] *= 7.0  # of order one, as after training
    shifts_eV = np.zeros(100)
    shifts_eV[[3, 8, 40, 57]] = [-1.5, -4.25, -9.0, -6.125]
    return TrainedModel(
        settings=settings,
        parameters=parameters,
        shifts_eV=shifts_eV,
        species=(3, 8, 40, 57),
        role="test",
        data_hash="none",
    )


def build_evaluator(model, cell, capacity):
    """Compile once energy and forces for all species, positions and cells like this."""
    settings = model.settings
    network = So3krates(settings)
    parameters = cast_parameters(model.parameters, jnp.float64)
    images = image_shifts_for(cell, settings.cutoff_A)

    def energy(positions, numbers, rows):
        table = neighbor_table(
            positions,
            cell=rows,
            image_shifts=images,
            cutoff_A=settings.cutoff_A,
            capacity=capacity,
        )
        edges = edge_geometry(positions, rows, table, settings)
        atomic = network.apply({"params": parameters}, numbers, edges)
        return jnp.sum(atomic), table.overflow

    def evaluate(positions, numbers, rows):
        (energy_eV, overflow), gradient = differentiated(positions, numbers, rows)
        return energy_eV, -gradient, overflow

    differentiated = jax.value_and_grad(energy, has_aux=True)
    compiled = jax.jit(evaluate)

    def checked(positions, numbers, rows):
        energy_eV, forces, overflow = compiled(
            jnp.asarray(positions), jnp.asarray(numbers), jnp.asarray(rows)
        )
        assert not overflow
        return float(energy_eV), np.asarray(forces)

    return checked


@pytest.fixture(autouse=True, scope="package")
def quick_compilation():
    """Compile without most optimisations: these cells are too small to profit."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="session")
def make_model():
    return build_model


@pytest.fixture(scope="session")
def make_evaluator():
    return build_evaluator


@pytest.fixture(scope="session")
def model():
    settings = So3kratesSettings(
        features=12, heads=2, layers=2, degrees=(1, 2, 3), cutoff_A=4.0
    )
    return build_model(settings)


@pytest.fixture(scope="session")
def everything():
    """Settings with every option away from its default."""
    return So3kratesSettings(
        features=12,
        heads=2,
        layers=2,
        degrees=(0, 1, 2),
        cutoff_A=4.0,
        radial_functions=8,
        radial_basis="bernstein",
        cutoff_function="exponential",
        angular_filters="feature",
        residual_networks="both",
        layer_norm="pre_and_last",
        chi_normalization=9.0,
        species_scale=True,
        short_range_repulsion=True,
    )


@pytest.fixture(scope="session")
def numbers():
    return NUMBERS


@pytest.fixture(scope="session")
def cell():
    return CELL


@pytest.fixture(scope="session")
def positions():
    """Atoms on a distorted grid, none closer than 1.4 Å."""
    rng = np.random.default_rng(3)
    grid = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(3)])
    scaled = (grid[:10] + 0.5) / [2, 2, 3] + rng.uniform(-0.04, 0.04, (10, 3))
    return scaled @ CELL
