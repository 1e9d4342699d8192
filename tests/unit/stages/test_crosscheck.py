"""Free energies by four methods on a crystal with known answers, and what is refused."""

import io

import jax.numpy as jnp
import numpy as np
import pytest
from ase.data import atomic_masses

from confvib.dynamics.hessian import hessian
from confvib.dynamics.reference_crystal import ReferenceCrystal
from confvib.dynamics.relax import relax
from confvib.dynamics.state import Status
from confvib.stages.crosscheck_methods import free_energy_rows
from confvib.stages.crosscheck_subject import Subject, blank_row
from confvib.stages.job import Progress
from confvib.stages.tabulate_crosscheck import agreement_rows, noise_gate_rows
from confvib.tables.crosscheck_contracts import METHODS
from confvib.units import BOLTZMANN_EV_PER_K

pytestmark = pytest.mark.slow

TEMPERATURE_K = 300.0
kT_eV = BOLTZMANN_EV_PER_K * TEMPERATURE_K
NUMBERS = np.array([14] * 6)
PARAMS = {
    "settings": {
        "n_lambda": 3,
        "seeds": 4,
        "timestep_fs": 2.0,
        "equilibration_fs": 1000.0,
        "sampling_fs": 6000.0,
        "friction_per_fs": 0.02,
    },
    "harmonic": {"fmax_eV_per_A": 1e-3, "max_steps": 300},
    "spectrum": {
        "max_frequency_THz": 40.0,
        "bin_THz": 0.1,
        "resolution_THz": 0.3,
        "blocks": 3,
    },
    "timestep_fs": 2.0,
    "seed": 3,
}


class Sites:
    """Stands for the cells of a chunk: an ion farther than 0.5 Å away has moved."""

    numbers = NUMBERS
    volume_A3 = 1000.0  # of which no spectrum knows

    def n_moved(self, start, end):
        return int((np.linalg.norm(end - start, axis=1) > 0.5).sum())


def ring(stiffness=8.0, extra=lambda _: 0.0):
    """Six atoms on a ring of springs along x, y and z, and another term."""
    ideal = np.stack([3.0 * np.arange(6), np.zeros(6), np.zeros(6)], axis=1)

    def energy_fn(positions):
        u = positions - jnp.asarray(ideal)
        stretch = u - jnp.roll(u, -1, axis=0)
        return 0.5 * stiffness * (stretch**2).sum() + extra(u), jnp.array(False)

    return energy_fn, ideal


def subject_of(energy_fn, minimum, settings=None):
    crystal = ReferenceCrystal(
        minimum,
        np.float64(energy_fn(jnp.asarray(minimum))[0]),
        hessian(energy_fn, minimum).matrix_eV_per_A2,
        atomic_masses[NUMBERS],
    )
    params = PARAMS | {"settings": PARAMS["settings"] | (settings or {})}
    progress = Progress("test", io.StringIO())
    return Subject("a-0", Sites(), crystal, energy_fn, params, progress)


@pytest.fixture(scope="module")
def harmonic_rows():
    energy_fn, ideal = ring()
    rows = free_energy_rows(subject_of(energy_fn, ideal), TEMPERATURE_K)
    return {row["method"]: row for row in rows}


def test_a_harmonic_crystal_has_one_free_energy(harmonic_rows):
    assert tuple(harmonic_rows) == METHODS
    assert all(row["status"] == Status.OK for row in harmonic_rows.values())
    exact = harmonic_rows["hessian"]["free_energy_eV"]
    for method in ("ti_hessian", "frenkel_ladd"):
        # 0.1 meV per atom
        assert harmonic_rows[method]["free_energy_eV"] == pytest.approx(exact, abs=6e-4)
    # Seeds of NVE runs scatter, their mean does not differ.
    vacf = harmonic_rows["vacf"]
    assert vacf["stderr_eV"] < kT_eV
    assert vacf["free_energy_eV"] == pytest.approx(exact, abs=4 * vacf["stderr_eV"])
    assert len(vacf["seeds_eV"]) == 4


def test_the_quantum_correction_is_that_of_the_hessian(harmonic_rows):
    shifts = [
        row["free_energy_quantum_eV"] - row["free_energy_eV"]
        for row in harmonic_rows.values()
    ]
    assert shifts[0] > 0
    assert shifts[2:] == pytest.approx([shifts[0]] * 2)
    # An NVE run of a harmonic crystal keeps the unequal energies of its modes.
    assert shifts[1] == pytest.approx(shifts[0], rel=0.1)


def test_the_spectrum_is_compared_on_the_same_run(harmonic_rows):
    row = harmonic_rows["vacf"]
    assert row["spectrum_area"] == pytest.approx(15, rel=1e-3)
    assert row["spectrum_area_ratio"] == pytest.approx(1, abs=1e-4)
    assert row["spectrum_difference"] < 5e-3
    assert harmonic_rows["ti_hessian"]["spectrum_area"] is None


@pytest.fixture(scope="module")
def hopping_rows():
    """Atoms 0 and 3 of a soft ring, close to a deep well at 2.5 Å from each other."""

    def well(u):
        return -1.0 * jnp.exp(-(((u[0, 1] - u[3, 1] - 2.5) / 0.8) ** 2))

    energy_fn, ideal = ring(stiffness=0.1, extra=well)
    minimum = relax(energy_fn, ideal[None], fmax_eV_per_A=1e-6, max_steps=200)
    settings = {"seeds": 2, "sampling_fs": 3000.0}
    subject = subject_of(energy_fn, minimum.positions[0], settings)
    rows = free_energy_rows(subject, TEMPERATURE_K)
    return {row["method"]: row for row in rows}


def test_a_run_that_hops_is_refused_and_not_averaged(hopping_rows):
    assert hopping_rows["hessian"]["status"] == Status.OK
    for method in METHODS[1:]:
        row = hopping_rows[method]
        assert row["status"] == Status.LEFT_BASIN, method
        assert 0 < row["n_left_basin"] <= row["n_runs"]
        assert "ions were on other sites" in row["reason"]
        assert row["free_energy_eV"] is None
    assert "(λ = " in hopping_rows["ti_hessian"]["reason"]


def test_a_refused_method_leaves_the_tables_and_is_counted(hopping_rows, harmonic_rows):
    other = [row | {"config_id": "a-1"} for row in hopping_rows.values()]
    rows = [*harmonic_rows.values(), *other]
    gate = {row["method"]: row for row in noise_gate_rows(rows)}
    assert [row["n_refused"] for row in gate.values()] == [1, 1, 1]
    assert gate["ti_hessian"]["passed"]
    vacf = gate["vacf"]
    effort = (2 * vacf["stderr_over_kT"]) ** 2
    assert vacf["sampled_fs_needed"] == pytest.approx(6000 * effort)
    assert vacf["passed"] == (effort <= 1)
    pairs = {(row["method"], row["other"]): row for row in agreement_rows(rows)}
    assert len(pairs) == 6
    one = pairs["frenkel_ladd", "ti_hessian"]
    assert one["n_used"] == 1
    assert abs(one["difference_meV_per_atom"]) < 0.1
    assert one["pairs_over_kT"] is None


def test_nothing_usable_is_a_row_that_says_so():
    rows = [
        blank_row("a-0", TEMPERATURE_K, method)
        | {"status": Status.IMAGINARY_MODES.value, "reason": "saddle"}
        for method in METHODS
    ]
    for row in (*noise_gate_rows(rows), *agreement_rows(rows)):
        assert row["status"] == Status.FAILED
        assert row["reason"].startswith("no configuration has")
