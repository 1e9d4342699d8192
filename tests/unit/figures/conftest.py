"""Synthetic tables with the types that reading Parquet gives."""

from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from confvib.tables import contracts, thermodynamics_contracts
from confvib.tables.spectra_contracts import AVERAGED_SPECTRA
from confvib.units import BOLTZMANN_EV_PER_K

N_ATOMS = 24
SPLITS = {"train": 40, "valid": 12, "test": 20}


def frame(schema, rows):
    """Rows (unnamed columns null, status ok) -> the data frame a reader would get."""
    names = [column.name for column in schema.columns]
    nulls = dict.fromkeys(names) | {"status": "ok", "reason": ""}
    table = pa.Table.from_pylist([nulls | row for row in rows], schema=schema.arrow())
    return table.to_pandas()


@pytest.fixture
def make_frame():
    return frame


@pytest.fixture
def rng():
    return np.random.default_rng(2025)


@pytest.fixture
def predictions(rng):
    rows = []
    for split, count in SPLITS.items():
        for number in range(count):
            forces = rng.normal(scale=0.5, size=3 * N_ATOMS)
            energy = -8.78 * N_ATOMS + rng.normal(scale=0.2)
            rows.append(
                {
                    "config_id": "s:1",
                    "task": "relaxation",
                    "frame": number,
                    "split": split,
                    "n_atoms": N_ATOMS,
                    "energy_reference_eV": energy,
                    "energy_predicted_eV": energy + rng.normal(scale=0.02),
                    "forces_reference_eV_per_A": forces,
                    "forces_predicted_eV_per_A": forces + rng.normal(scale=0.02),
                }
            )
    return frame(contracts.PREDICTIONS, rows)


@pytest.fixture
def metrics():
    values = {
        "n_frames": 20,
        "energy_mae_meV_per_atom": 0.512,
        "energy_rmse_meV_per_atom": 0.733,
        "force_mae_meV_per_A": 15.9,
        "force_rmse_meV_per_A": 20.4,
    }
    other = dict.fromkeys(values, 99)
    return frame(
        contracts.METRICS,
        [
            {"model": "md", "split": "test", **other},
            {"model": "relax", "split": "train", **other},
            {"model": "relax", "split": "test", **values},
        ],
    )


@pytest.fixture
def history():
    epochs = np.arange(1, 61)
    loss = 2.0 * np.exp(-epochs / 12) + 0.02
    return frame(
        contracts.HISTORY,
        [
            {
                "epoch": int(epoch),
                "step": int(10 * epoch),
                "learning_rate": 1e-3,
                "train_loss": float(value),
                "valid_loss": float(value * 1.3 + 0.001 * max(0, epoch - 45)),
                "valid_energy_mae_meV_per_atom": float(20 * value),
                "valid_force_mae_meV_per_A": float(90 * value),
                "elapsed_s": float(epoch),
            }
            for epoch, value in zip(epochs, loss, strict=True)
        ],
    )


def convergence_rows(energy_eV, multiplicity, level, temperature_K, convention):
    """The statistics of docs/formulation.md for the first 1, 2, ... rows."""
    order = np.argsort(energy_eV)
    energy, g = energy_eV[order], multiplicity[order]
    kT = BOLTZMANN_EV_PER_K * temperature_K
    if convention == "published":
        energy, g = energy / N_ATOMS, np.ones_like(g)
    boltzmann = g * np.exp(-(energy - energy[0]) / kT)
    Z = np.cumsum(boltzmann)
    average = np.cumsum(boltzmann * energy) / Z
    G = energy[0] - kT * np.log(Z)
    scale = N_ATOMS if convention == "canonical" else 1
    minus_TS = (G - average) / scale if scale > 1 else -kT * np.log(Z)
    return [
        {
            "set": "s",
            "convention": convention,
            "level": level,
            "temperature_K": temperature_K,
            "rank": k + 1,
            "energy_eV_per_atom": energy_eV[order][k] / N_ATOMS,
            "weight": float(g[k]),
            "minus_TS_eV_per_atom": minus_TS[k],
            "G_eV_per_atom": average[k] / scale + minus_TS[k],
        }
        for k in range(len(energy))
    ]


@pytest.fixture
def make_convergence(rng):
    """(n, levels) -> a convergence table at 300 and 1500 K in both conventions."""

    def make(n=60, levels=("conf", "conf+harmonic")):
        energy = -8.78 * N_ATOMS + rng.normal(scale=0.1, size=n)
        g = rng.choice([24.0, 48.0, 96.0], size=n)
        return frame(
            thermodynamics_contracts.CONVERGENCE,
            [
                row
                for level in levels
                for T in (300.0, 1500.0)
                for convention in ("canonical", "published")
                for row in convergence_rows(
                    energy - (level != "conf") * T * 3e-3, g, level, T, convention
                )
            ],
        )

    return make


@pytest.fixture
def relaxed():
    rows = [{"config_id": f"s:{k}", "energy_eV": -210.0 - k} for k in range(6)]
    rows += [{"config_id": "s:6", "status": "unconverged", "reason": "steps"}]
    return frame(contracts.RELAXED, rows)


@pytest.fixture
def make_spectra():
    """(temperatures, elements) -> averaged spectra of a made-up set of 24 atoms."""
    grid = 0.1 * np.arange(1, 401)

    def line(centre, width, n_modes):
        dos = np.exp(-0.5 * ((grid - centre) / width) ** 2)
        return dos * n_modes / np.trapezoid(dos, grid)

    def rows(T, elements):
        centres = np.linspace(4, 18, len(elements))
        share = (3 * N_ATOMS - 3) / len(elements)
        for source, weighting in product(
            ("md", "harmonic"), ("uniform", "canonical", "published")
        ):
            wide = 2.0 + T / 1500 * (source == "md")
            parts = [line(centre, wide, share) for centre in centres]
            for name, dos in zip(["total", *elements], [sum(parts), *parts], strict=True):
                row = {
                    "set": "s",
                    "temperature_K": T,
                    "source": source,
                    "weighting": weighting,
                    "element": name,
                    "n_selected": 8,
                    "n_used": 8,
                    "n_failed": 0,
                    "n_unweighted": 0,
                    "ess": 3.25 if weighting == "canonical" else 8.0,
                }
                if source == "harmonic" and name != "total":
                    yield row | {"status": "unavailable", "reason": "no parts"}
                    continue
                yield row | {
                    "frequency_THz": grid,
                    "mean_per_THz": dos,
                    "deviation_per_THz": 0.1 * dos,
                    "printed_deviation_per_THz": 0.9 * dos
                    if weighting == "published"
                    else None,
                    "temperature_measured_K": T - 1 if source == "md" else None,
                    "temperature_measured_deviation_K": 12.0 if source == "md" else None,
                }

    def make(temperatures_K=(300.0, 1500.0), elements=("La", "Li", "O", "Zr")):
        return frame(
            AVERAGED_SPECTRA, [row for T in temperatures_K for row in rows(T, elements)]
        )

    return make


def thermodynamics_row(convention, level, temperature_K, **changes):
    row = {
        "set": "12_44",
        "equivalence": "symmetry",
        "convention": convention,
        "level": level,
        "temperature_K": temperature_K,
        "average_eV_per_atom": -8.781503,
        "average_stderr_eV_per_atom": 0.000124,
        "S_meV_per_atom_K": 0.00521 if convention == "canonical" else 0.7168,
        "S_stderr_meV_per_atom_K": 0.00013,
        "minus_TS_eV_per_atom": -0.00156 if convention == "canonical" else -0.2150,
        "G_eV_per_atom": -8.783066 if convention == "canonical" else -8.9965,
        "G_stderr_eV_per_atom": 0.00015,
        "S_vib_meV_per_atom_K": None,
        "n_configurations": 4493,
        "n_selected": 60,
        "n_used": 58,
        "n_failed": 2,
        "coverage_rows": 0.9667,
        "coverage_multiplicity": 0.0129,
        "ess": 11.3,
        "n99": 34,
        "p_max": 0.211,
        "frozen": False,
        "noise_gate": "not_applicable",
        "S_ideal_meV_per_atom_K": 0.00663,
        "C_meV_per_atom_K": 0.00087,
        "n_members": 0,
    }
    if level != "conf" and convention == "canonical":
        row |= {
            "S_vib_meV_per_atom_K": 0.1983,
            "S_total_meV_per_atom_K": 0.2035,
            "U_eV_per_atom": -8.7201,
            "F_shift_eV_per_atom": -0.00012,
        }
    return row | changes


@pytest.fixture
def thermodynamics():
    refused = {
        "noise_gate": "refused",
        "noise_sigma_over_kT": 5.2,
        "S_meV_per_atom_K": None,
        "S_stderr_meV_per_atom_K": None,
        "minus_TS_eV_per_atom": None,
        "G_eV_per_atom": None,
        "G_stderr_eV_per_atom": None,
        "ess": None,
        "n99": None,
        "p_max": None,
    }
    rows = [
        thermodynamics_row(convention, level, T)
        for level in ("conf", "conf+harmonic")
        for T in (300.0, 1500.0)
        for convention in ("canonical", "published")
    ]
    rows[0] |= {"frozen": True, "n99": 3, "p_max": 0.62}
    rows.append(thermodynamics_row("canonical", "conf+md", 300.0, **refused))
    rows.append(
        thermodynamics_row(
            "published",
            "conf+md",
            300.0,
            status="incomplete",
            reason="Coverage 0.50 is below 0.98.",
            coverage_rows=0.5,
        )
    )
    return frame(thermodynamics_contracts.THERMODYNAMICS, rows)
