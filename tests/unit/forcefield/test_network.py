import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from confvib.errors import ModelError
from confvib.forcefield.model import flat_parameters, initial_parameters
from confvib.forcefield.network import So3kratesSettings
from confvib.forcefield.potential import so3krates_energy_fn


def silu(x):
    return x / (1 + np.exp(-x))


def dense(p, name, x):
    return x @ p[f"{name}/kernel"] + p[f"{name}/bias"]


def two_layers(p, name, x):
    return dense(p, f"{name}_out", silu(dense(p, f"{name}_hidden", x)))


def real_harmonics(unit, degrees):
    """SciPy's complex harmonics, made real without the Condon-Shortley phase."""
    polar, azimuth = np.arccos(unit[2]), np.arctan2(unit[1], unit[0])
    values = []
    for degree in degrees:
        for order in range(-degree, degree + 1):
            value = scipy.special.sph_harm_y(degree, abs(order), polar, azimuth)
            part = value.imag if order < 0 else value.real
            values.append(part * (np.sqrt(2) * (-1) ** order if order else 1.0))
    return np.array(values)


def invariants(chi, degrees):
    parts = np.split(chi, np.cumsum([2 * degree + 1 for degree in degrees])[:-1])
    return np.array([np.sum(part**2) / np.sqrt(len(part)) for part in parts])


def edges_within(positions, cell, cutoff_A, reach=2):
    """Yield all directed pairs by brute force over (2 reach + 1)^3 images."""
    span = range(-reach, reach + 1)
    for i, centre in enumerate(positions):
        for j, other in enumerate(positions):
            for shift in np.array(np.meshgrid(span, span, span)).reshape(3, -1).T:
                vector = other + shift @ cell - centre
                if 1e-9 < np.linalg.norm(vector) < cutoff_A:
                    yield i, j, vector


def coefficient(p, name, basis, difference, q_x, k_x, heads):
    """Return alpha_ij of every head for one edge, without the cutoff."""
    weight = two_layers(p, f"{name}/filter/radial", basis)
    weight = weight + two_layers(p, f"{name}/filter/angular", difference)
    width = len(q_x) // heads
    alphas = []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        query = q_x[part] @ p[f"{name}/query/kernel"][head]
        key = k_x[part] @ p[f"{name}/key/kernel"][head]
        alphas.append(np.sum(query * weight[part] * key) / np.sqrt(width))
    return np.array(alphas)


def reference_energy_eV(model, numbers, positions, cell):
    """So3krates one edge at a time, written from the equations alone."""
    s = model.settings
    p = {k: np.asarray(v, float) for k, v in flat_parameters(model.parameters).items()}
    sizes = [2 * degree + 1 for degree in s.degrees]
    x = p["embedding/embedding"][numbers]
    chi = np.zeros((len(numbers), sum(sizes)))
    start = np.exp(-s.cutoff_A)
    centres = np.linspace(start, 1, s.radial_functions)
    sharpness = (2 / s.radial_functions * (1 - start)) ** -2
    edges = list(edges_within(positions, cell, s.cutoff_A))
    for t in range(s.layers):
        dx, dchi = np.zeros_like(x), np.zeros_like(chi)
        for i, j, vector in edges:
            d = np.linalg.norm(vector)
            basis = np.exp(-sharpness * (np.exp(-d) - centres) ** 2)
            phi = 0.5 * (np.cos(np.pi * d / s.cutoff_A) + 1)
            g = invariants(chi[j] - chi[i], s.degrees)
            name = f"attention_{t}"
            alpha = coefficient(p, f"{name}/feature", basis, g, x[i], x[j], s.heads)
            width = s.features // s.heads
            for head in range(s.heads):
                part = slice(head * width, (head + 1) * width)
                value = x[j, part] @ p[f"{name}/value/kernel"][head]
                dx[i, part] += phi * alpha[head] * value
            n_degrees = len(s.degrees)
            alpha = coefficient(p, f"{name}/geometric", basis, g, x[i], x[j], n_degrees)
            harmonics = real_harmonics(vector / d, s.degrees)
            dchi[i] += phi * np.repeat(alpha, sizes) * harmonics
        x, chi = x + dx, chi + dchi
        norms = np.array([invariants(row, s.degrees) for row in chi])
        y = dense(p, f"interaction_{t}/mix", np.concatenate([x, norms], axis=1))
        x = x + y[:, : s.features]
        chi = chi * (1 + np.repeat(y[:, s.features :], sizes, axis=1))
    atomic = two_layers(p, "energy", x)[:, 0]
    return np.sum(atomic + model.shifts_eV[numbers])


@pytest.mark.parametrize(
    ("degrees", "layers", "heads"),
    [((1, 2, 3), 2, 4), ((0, 1, 2), 3, 2), ((0,), 2, 1), ((0, 1, 2, 3), 2, 3)],
)
def test_energy_is_that_of_a_loop_over_edges(
    make_model, numbers, positions, cell, degrees, layers, heads
):
    settings = So3kratesSettings(
        features=12,
        heads=heads,
        layers=layers,
        degrees=degrees,
        cutoff_A=3.6,
        radial_functions=8,
    )
    model = make_model(settings)
    energy_fn = so3krates_energy_fn(model, numbers, cell, capacity=32, dtype=jnp.float64)
    energy_eV, overflow = jax.jit(energy_fn)(positions)
    expected = reference_energy_eV(model, numbers, positions, cell)
    unshifted = abs(expected - np.sum(model.shifts_eV[numbers]))
    assert not overflow
    assert unshifted > 0.1
    assert abs(energy_eV - expected) < 1e-10 * max(1.0, unshifted)


@pytest.mark.parametrize(("layers", "count"), [(2, 223_105), (3, 319_213)])
def test_parameter_counts_of_the_paper(layers, count):
    settings = So3kratesSettings(layers=layers)
    tree = jax.eval_shape(lambda: initial_parameters(settings, jax.random.key(0)))
    leaves = flat_parameters(tree).values()
    assert sum(leaf.size for leaf in leaves) == count
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": 130}, r"divisible by the number of heads \(4\), got 130"),
        ({"features": 128}, r"divisible by the number of degrees \(3\), got 128"),
        ({"features": 3, "heads": 3}, r"features must be >= 4, got 3"),
        ({"heads": 0}, r"heads must be >= 1, got 0"),
        ({"layers": 0}, r"layers must be >= 1, got 0"),
        ({"radial_functions": 0}, r"radial_functions must be >= 1, got 0"),
        ({"cutoff_A": 0.0}, r"cutoff_A must be a positive length, got 0.0"),
        ({"degrees": ()}, r"degrees must increase within 0..3, got \(\)"),
        ({"degrees": (2, 1)}, r"degrees must increase within 0..3, got \(2, 1\)"),
        ({"degrees": (1, 1)}, r"degrees must increase within 0..3, got \(1, 1\)"),
        ({"degrees": (1, 4)}, r"degrees must increase within 0..3, got \(1, 4\)"),
    ],
)
def test_impossible_architectures_are_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        So3kratesSettings(**changes)
