"""Stage ``crosscheck_configuration``: one minimum, by four methods and other codes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase.data import atomic_masses

from confvib.dynamics.hessian import hessian
from confvib.dynamics.phonopy_modes import phonopy_modes
from confvib.dynamics.reference_crystal import ReferenceCrystal
from confvib.dynamics.state import Status
from confvib.dynamics.stationary import (
    StationaryPoints,
    StationarySettings,
    minimise_to_stationary,
)
from confvib.errors import CampaignError
from confvib.stages.crosscheck_methods import free_energy_rows
from confvib.stages.crosscheck_subject import Subject, blank_row
from confvib.stages.job import Progress
from confvib.stages.potentials import Drive, bind
from confvib.stages.relaxed_cells import RelaxedCells, read_relaxed_cells
from confvib.stages.runtime import configure_jax
from confvib.tables.crosscheck_contracts import CODES, FREE_ENERGIES, METHODS
from confvib.tables.parquet import write_table
from confvib.tables.provenance import collect
from confvib.thermo.harmonic import harmonic_from_modes


def crosscheck_configuration(
    structure: str,
    relaxed: Sequence[str],
    model: str | None,
    outputs: Mapping[str, str],
    params: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Find the minimum next to one relaxed cell and its free energy by four methods.

    The relaxed cells belong to the campaign's force field; the minimum is that of the
    potential of the cross-check.

    Args:
        structure: CIF of the parent crystal.
        relaxed: The ``relaxed`` tables that hold the first configurations.
        model: Checkpoint of the force field; None if the reference drives.
        outputs: Paths of ``free_energies`` and ``codes``.
        params: Parameters of the rule.
        progress: Where to report.

    Raises:
        CampaignError: Fewer cells relaxed than configurations were asked for.
    """
    started = time.monotonic()
    configure_jax()
    cells, index = _chosen(structure, relaxed, params)
    drive = Drive.of(model, params)
    search = StationarySettings(
        fmax_eV_per_A=params["harmonic"]["fmax_eV_per_A"],
        max_steps=params["harmonic"]["max_steps"],
        max_mode_followings=params["harmonic"]["max_mode_followings"],
        imaginary_threshold_THz=-params["harmonic"]["imaginary_threshold_THz"],
    )
    start = cells.positions[index : index + 1]
    exact = bind(drive, cells.numbers, cells.cell, start, "float64", say=progress.say)
    point = minimise_to_stationary(exact, start, atomic_masses[cells.numbers], search)
    codes = _minimum(cells, index, point)
    rows = _unknown(codes, params)
    if codes["status"] == Status.OK:
        crystal = ReferenceCrystal(
            point.positions[0],
            np.float64(point.energy_eV[0]),
            hessian(exact, point.positions[0]).matrix_eV_per_A2,
            atomic_masses[cells.numbers],
        )
        subject = Subject(codes["config_id"], cells, crystal, exact, params, progress)
        codes |= _by_phonopy(subject, point.frequencies_THz[0])
        precision = params["settings"]["precision"]
        if precision != "float64":
            energy_fn = bind(drive, cells.numbers, cells.cell, start, precision)
            subject = replace(subject, energy_fn=energy_fn)
        progress.say(_sentence(codes))
        rows = [
            row
            for temperature_K in params["settings"]["temperatures_K"]
            for row in free_energy_rows(subject, temperature_K)
        ]
    else:
        progress.say(_sentence(codes))
    provenance = collect(
        params["config_hash"],
        started=started,
        inputs=[path for path in (structure, *relaxed, model) if path],
        model_fingerprint=drive.fingerprint(),
    )
    write_table(outputs["codes"], CODES, [codes], provenance)
    write_table(outputs["free_energies"], FREE_ENERGIES, rows, provenance)
    progress.say(f"{cells.config_ids[index]}: {time.monotonic() - started:.1f} s")


def _chosen(
    structure: str, relaxed: Sequence[str], params: Mapping[str, Any]
) -> tuple[RelaxedCells, int]:
    """Return the cells of the table with the configuration, and its row there."""
    left = wanted = int(params["index"])
    for path, config_hash in zip(relaxed, params["expected"]["relaxed"], strict=True):
        cells = read_relaxed_cells(structure, path, params["crystal"], config_hash)
        if left < len(cells.config_ids):
            return cells, left
        left -= len(cells.config_ids)
    raise CampaignError(
        f"crosscheck.configurations asks for at least {wanted + 1}, but only "
        f"{wanted - left} cells relaxed in {', '.join(relaxed)}; expected fewer"
    )


def _minimum(cells: RelaxedCells, index: int, point: StationaryPoints) -> dict[str, Any]:
    """Return where the search ended, as a row of ``codes``."""
    status = Status.from_code(int(point.status[0]))
    reason = "" if status is Status.OK else status.sentence
    lowest = float(point.frequencies_THz[0].min())
    if status is Status.OK and lowest <= 0:
        status = Status.IMAGINARY_MODES
        reason = f"{status.sentence} Lowest mode {lowest:.4f} THz."
    start, end = cells.positions[index], point.positions[0]
    return {
        **dict.fromkeys(column.name for column in CODES.columns),
        "config_id": cells.config_ids[index],
        "energy_eV": float(point.energy_eV[0]),
        "displacement_max_A": float(np.linalg.norm(end - start, axis=-1).max()),
        "n_moved": cells.n_moved(start, end) if np.isfinite(end).all() else None,
        "residual_force_eV_per_A": float(point.fmax_eV_per_A[0]),
        "n_imaginary": int(point.n_imaginary[0]),
        "n_mode_followings": int(point.n_mode_followings[0]),
        "lowest_frequency_THz": lowest if np.isfinite(lowest) else None,
        "status": status.value,
        "reason": reason,
    }


def _unknown(codes: Mapping[str, Any], params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a cell without a minimum to work on."""
    return [
        blank_row(codes["config_id"], temperature_K, method)
        | {"status": codes["status"], "reason": codes["reason"]}
        for temperature_K in params["settings"]["temperatures_K"]
        for method in METHODS
    ]


def _by_phonopy(subject: Subject, frequencies_THz: np.ndarray) -> dict[str, Any]:
    """Compare frequencies and thermal properties with phonopy's."""
    temperatures_K = np.array(subject.params["settings"]["temperatures_K"], np.float64)
    other = phonopy_modes(
        subject.energy_fn,
        subject.minimum,
        subject.cells.numbers,
        atomic_masses[subject.cells.numbers],
        subject.cells.cell,
        temperatures_K,
    )
    ours = harmonic_from_modes(frequencies_THz, temperatures_K)
    frequency = np.abs(other.frequencies_THz - frequencies_THz).max()
    free_energy = other.free_energy_eV - ours.free_energy_eV
    entropy = other.entropy_eV_per_K - ours.entropy_eV_per_K
    return {
        "phonopy_frequency_difference_THz": float(frequency),
        "temperatures_K": temperatures_K.tolist(),
        "phonopy_F_difference_eV": free_energy.tolist(),
        "phonopy_S_difference_eV_per_K": entropy.tolist(),
    }


def _sentence(codes: Mapping[str, Any]) -> str:
    if codes["status"] != Status.OK:
        return f"{codes['config_id']}: {codes['status']}. {codes['reason']}"
    return (
        f"{codes['config_id']}: minimum {codes['displacement_max_A']:.2f} Å away, "
        f"{codes['n_moved']} ions on other sites, modes from "
        f"{codes['lowest_frequency_THz']:.2f} THz; phonopy's differ by "
        f"{codes['phonopy_frequency_difference_THz']:.1e} THz"
    )
