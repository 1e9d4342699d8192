"""The classical and quantum free energy of one minimum by four methods."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from confvib.dynamics.coupling import CouplingSettings, sample_couplings
from confvib.dynamics.reference_crystal import (
    ReferenceCrystal,
    einstein_crystal,
    harmonic_coupling,
)
from confvib.dynamics.state import Status
from confvib.errors import CampaignError
from confvib.stages.crosscheck_dynamics import sampled
from confvib.stages.crosscheck_subject import Subject, blank_row
from confvib.tables.crosscheck_contracts import METHODS
from confvib.thermo.integration import gauss_legendre, integrate, quadrature_error_eV

_SAMPLE_INTERVAL = 5


def free_energy_rows(subject: Subject, temperature_K: float) -> list[dict[str, Any]]:
    """Return the rows of all methods at one temperature.

    Args:
        subject: The configuration.
        temperature_K: Temperature [K].
    """
    einstein = einstein_crystal(subject.crystal, subject.cells.numbers)
    calculations = (
        _hessian,
        sampled,
        partial(_integrated, subject.crystal),
        partial(_integrated, einstein),
    )
    rows = []
    for method, calculate in zip(METHODS, calculations, strict=True):
        row = blank_row(subject.config_id, temperature_K, method)
        row |= {"n_atoms": len(subject.minimum)}
        try:
            row |= calculate(subject, temperature_K, method)
        except CampaignError as error:
            row |= {"status": Status.FAILED.value, "reason": str(error)}
        subject.progress.say(_sentence(row))
        rows.append(row)
    return rows


def _hessian(subject: Subject, temperature_K: float, _: str) -> dict[str, Any]:
    classical = subject.crystal.free_energy_eV(temperature_K, "classical")
    return {
        "free_energy_eV": classical,
        "free_energy_quantum_eV": classical + _quantum_eV(subject, temperature_K),
        "stderr_eV": 0.0,
        "n_runs": 0,
        "n_steps": 0,
        "n_left_basin": 0,
    }


def _quantum_eV(subject: Subject, temperature_K: float) -> float:
    """Return F_q - F_cl of the Hessian [eV per cell]."""
    quantum, classical = (
        subject.crystal.free_energy_eV(temperature_K, statistics)
        for statistics in ("quantum", "classical")
    )
    return quantum - classical


def _integrated(
    reference: ReferenceCrystal, subject: Subject, temperature_K: float, method: str
) -> dict[str, Any]:
    """Return the free energy by integration from a reference crystal."""
    settings = subject.params["settings"]
    quadrature = gauss_legendre(settings["n_lambda"])
    harmonic = harmonic_coupling(
        reference, subject.crystal, quadrature.points, temperature_K
    )
    shape = (settings["n_lambda"], settings["seeds"])
    lengths = CouplingSettings(
        temperature_K=temperature_K,
        timestep_fs=settings["timestep_fs"],
        equilibration_fs=settings["equilibration_fs"],
        sampling_fs=settings["sampling_fs"],
        friction_per_fs=settings["friction_per_fs"],
        sample_interval=_SAMPLE_INTERVAL,
    )
    runs = sample_couplings(
        subject.energy_fn,
        reference,
        quadrature.points,
        harmonic,
        jax.random.split(subject.keys(temperature_K, method), shape),
        lengths,
        progress=partial(subject.report, method),
    )
    n_runs = shape[0] * shape[1]
    n_steps = n_runs * sum(lengths.n_samples()) * _SAMPLE_INTERVAL
    start_eV, end_eV = (
        crystal.free_energy_eV(temperature_K, "classical")
        for crystal in (reference, subject.crystal)
    )
    row = {
        "sampled_fs": settings["sampling_fs"],
        "n_runs": n_runs,
        "n_steps": n_steps,
        **subject.verdict(
            runs.status.reshape(-1),
            runs.visited_positions.reshape(n_runs, *runs.visited_positions.shape[2:]),
            np.repeat(quadrature.points, settings["seeds"]),
        ),
        "couplings": quadrature.points.tolist(),
        "integrand_harmonic_eV": harmonic.integrand_eV.tolist(),
        "reference_eV": start_eV,
    }
    if row["status"] != Status.OK:
        return row
    missed_eV = quadrature_error_eV(quadrature, harmonic.integrand_eV, end_eV - start_eV)
    found = integrate(quadrature, runs.mapped_eV)
    by_seed = quadrature.weights @ runs.mapped_eV.mean(axis=2)
    classical = start_eV + found.value_eV + missed_eV
    return row | {
        "free_energy_eV": classical,
        "free_energy_quantum_eV": classical + _quantum_eV(subject, temperature_K),
        "stderr_eV": found.stderr_eV,
        "stderr_blocking_eV": found.blocking_stderr_eV,
        "stderr_seeds_eV": found.seeds_stderr_eV,
        "seeds_eV": (start_eV + by_seed + missed_eV).tolist(),
        "integrand_eV": found.integrand_eV.tolist(),
        "integrand_stderr_eV": found.integrand_stderr_eV.tolist(),
        "quadrature_error_eV": missed_eV,
    }


def _sentence(row: Mapping[str, Any]) -> str:
    name = f"{row['method']} at {row['temperature_K']:g} K"
    if row["status"] != Status.OK:
        return f"{name}: {row['status']}. {row['reason']}"
    return f"{name}: F = {row['free_energy_eV']:.4f} ± {row['stderr_eV']:.4f} eV per cell"
