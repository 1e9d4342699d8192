"""Rows of one convention, level and temperature out of a ``convergence`` table."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from confvib.errors import ThermodynamicsError
from confvib.tables.contracts import RELAXED
from confvib.tables.parquet import read_table
from confvib.thermo.partition import canonical_ensemble
from confvib.thermo.published import published_ensemble
from confvib.units import BOLTZMANN_EV_PER_K

_LARGEST_DISAGREEMENT_KT = 0.01
"""Of G per cell between a table and its own rows; more means that they were misread."""


@dataclass(frozen=True)
class Rows:
    """The rows behind a curve.

    Attributes:
        energy_eV: a_i, eV per cell, in increasing order, shape ``(n,)``.
        weights: Microstates each stands for; ones if published, shape ``(n,)``.
    """

    energy_eV: NDArray[np.float64]
    weights: NDArray[np.float64]


def atoms_per_cell(relaxed: str | Path, config_hash: str) -> int:
    """Return the number of atoms of the cells of a ``relaxed`` chunk.

    Raises:
        TableError: The table is missing, damaged or foreign.
    """
    return int(read_table(relaxed, RELAXED, config_hash)["n_atoms"][0].as_py())


def rows_of(
    table: pd.DataFrame, convention: str, level: str, temperature_K: float, n_atoms: int
) -> Rows | None:
    """Return the rows of one curve of a ``convergence`` table; None if fewer than two.

    Where the table holds neighbours in energy as one entry, its rank grows by their
    number and its weight is their sum; they are given as that many equal rows.

    Args:
        table: Rows of ``tables.thermodynamics_contracts.CONVERGENCE`` of one set.
        convention: canonical or published.
        level: conf, conf+harmonic or conf+md.
        temperature_K: Temperature.
        n_atoms: Atoms per cell.

    Raises:
        ThermodynamicsError: Their sum is not the G that the table gives for all of them.
    """
    mask = (table["convention"] == convention) & (table["level"] == level)
    mask &= (table["temperature_K"] == temperature_K) & (table["status"] == "ok")
    part = table.iloc[np.flatnonzero(mask)]
    part = part.iloc[np.argsort(part["rank"].to_numpy(np.int64))]
    ranks = part["rank"].to_numpy(np.int64)
    if ranks.size == 0 or ranks[-1] < 2:
        return None
    behind = np.diff(ranks, prepend=0)
    energy_eV = np.repeat(part["energy_eV_per_atom"].to_numpy(float) * n_atoms, behind)
    weights = np.repeat(part["weight"].to_numpy(float) / behind, behind)
    if convention == "published":
        weights = np.ones_like(energy_eV)
        G = published_ensemble(energy_eV, temperature_K, n_atoms=n_atoms).G_eV_per_atom
    else:
        whole = canonical_ensemble(energy_eV, weights, temperature_K, n_atoms=n_atoms)
        G = whole.free_energy_eV / n_atoms
    _check(G, float(part["G_eV_per_atom"].iloc[-1]), temperature_K, n_atoms, convention)
    return Rows(energy_eV, weights)


def _check(
    G: float, stated: float, temperature_K: float, n_atoms: int, convention: str
) -> None:
    difference_kT = abs(G - stated) * n_atoms / (BOLTZMANN_EV_PER_K * temperature_K)
    if not difference_kT <= _LARGEST_DISAGREEMENT_KT:
        raise ThermodynamicsError(
            f"the {convention} rows of the convergence table at {temperature_K:g} K give"
            f" G = {G:.9g} eV/atom with {n_atoms} atoms per cell, expected its last G,"
            f" {stated:.9g}, to {_LARGEST_DISAGREEMENT_KT:g} k_BT per cell"
        )
