"""What one chunk contributes to averaged spectra: rows, weights, spectra."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from confvib.errors import TableError
from confvib.tables.contracts import CONFIGURATIONS, DYNAMICS, HARMONIC, RELAXED
from confvib.tables.parquet import read_table
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.thermo.line_spectrum import line_spectrum
from confvib.thermo.spectral_average import canonical_log_weights

Floats = NDArray[np.float64]
Source = tuple[str, str]
"""Path of a table and the hash it must carry."""
Standing = tuple[int, bool]
"""Arrangements that a row stands for; is it the representative of its class."""


@dataclass(frozen=True)
class ChunkRows:
    """The selected rows of one chunk.

    Attributes:
        config_ids: Rows, length n.
        multiplicity: Arrangements that each stands for, shape ``(n,)``.
        representative: Does it stand for its pair-distance class, shape ``(n,)``.
        moved: Did its ions leave their sites when relaxed, shape ``(n,)``.
        n_atoms: Atoms per cell.
    """

    config_ids: list[str]
    multiplicity: Floats
    representative: NDArray[np.bool_]
    moved: NDArray[np.bool_]
    n_atoms: int

    def positions(self, config_ids: Sequence[str]) -> NDArray[np.intp]:
        """Return where some rows stand among all."""
        position = {key: number for number, key in enumerate(self.config_ids)}
        return np.array([position[key] for key in config_ids], dtype=np.intp)


@dataclass(frozen=True)
class ChunkSpectra:
    """The spectra of one source that a chunk has.

    Attributes:
        rows: Positions of the m rows with a spectrum, shape ``(m,)``.
        left_basin: Did its ions leave the sites of the configuration, shape ``(m,)``.
        elements: Order of the parts; empty where there are none.
        values: Per row what lies below the grid, the measured temperature (runs only),
            then total and parts on the grid, shape ``(m, K)``.
        energy_eV: What the published weights hold, eV per cell, shape ``(m,)``.
    """

    rows: NDArray[np.intp]
    left_basin: NDArray[np.bool_]
    elements: list[str]
    values: Floats
    energy_eV: Floats


def read_standing(source: Source, equivalence: str) -> dict[str, Standing]:
    """Return what every configuration of a set stands for, by config_id.

    Args:
        source: The ``configurations`` table.
        equivalence: ``symmetry``, or ``pair_distances``: then a row stands for its class.
    """
    table = read_table(source[0], CONFIGURATIONS, source[1])
    names = ("config_id", "multiplicity", "pair_fingerprint", "pair_representative")
    columns = [table[name].to_pylist() for name in names]
    total: Counter[str] = Counter()
    for _, g, fingerprint, _ in zip(*columns, strict=True):
        total[fingerprint] += g
    return {
        key: (g if equivalence == "symmetry" else total[fingerprint], representative)
        for key, g, fingerprint, representative in zip(*columns, strict=True)
    }


def read_chunk(source: Source, standing: Mapping[str, Standing]) -> ChunkRows:
    """Read which rows a chunk of ``relaxed`` has."""
    table = read_table(source[0], RELAXED, source[1])
    keys = table["config_id"].to_pylist()
    return ChunkRows(
        config_ids=keys,
        multiplicity=np.array([standing[key][0] for key in keys], dtype=np.float64),
        representative=np.array([standing[key][1] for key in keys], dtype=bool),
        moved=_any_moved(table, "n_moved"),
        n_atoms=max(table["n_atoms"].to_pylist(), default=0),
    )


def read_modes(
    source: Source,
    chunk: ChunkRows,
    grid_THz: Floats,
    resolution_THz: float,
    temperatures_K: Sequence[float],
) -> tuple[ChunkSpectra, dict[float, Floats]]:
    """Read the modes of a chunk as spectra, and the canonical weights they give.

    Args:
        source: The ``harmonic`` table.
        chunk: Its rows.
        grid_THz: Common grid, shape ``(F,)``.
        resolution_THz: Line width of the runs.
        temperatures_K: Temperatures of the weights.

    Returns:
        The spectra; ln g - (E + F_q) / k_B T of every row by temperature, NaN for rows
        without modes: a static energy beside free energies would be off by all of F_q.
    """
    table = _usable(read_table(source[0], HARMONIC, source[1]))
    rows = chunk.positions(table["config_id"].to_pylist())
    energy = _reals(table, "energy_eV")
    modes = [np.asarray(each) for each in table["frequencies_THz"].to_pylist()]
    spectra = [line_spectrum(each, grid_THz, resolution_THz) for each in modes]
    F_q = np.array(
        [harmonic_from_modes(each, temperatures_K).free_energy_eV for each in modes]
    )
    weights = {}
    for number, temperature_K in enumerate(temperatures_K):
        log_w = np.full(len(chunk.config_ids), np.nan)
        if rows.size:
            log_w[rows] = canonical_log_weights(
                energy + F_q[:, number], chunk.multiplicity[rows], temperature_K
            )
        weights[temperature_K] = log_w
    values = np.array([[below, *dos] for dos, below in spectra])
    return (
        ChunkSpectra(
            rows=rows,
            left_basin=_any_moved(table, "n_moved") | chunk.moved[rows],
            elements=[],
            values=values.reshape(rows.size, 1 + grid_THz.size),
            energy_eV=energy,
        ),
        weights,
    )


def read_runs(source: Source, chunk: ChunkRows, grid_THz: Floats) -> ChunkSpectra:
    """Read the spectra of a chunk's runs at one temperature.

    Args:
        source: The ``dynamics`` table.
        chunk: Its rows.
        grid_THz: Common grid, shape ``(F,)``.

    Raises:
        TableError: A run has another grid, or another order of elements than the first.
    """
    table = _usable(read_table(source[0], DYNAMICS, source[1]))
    keys = table["config_id"].to_pylist()
    elements = table["elements"].to_pylist()
    for key, order in zip(keys, elements, strict=True):
        if order != elements[0]:
            raise TableError(
                f"{source[0]}, {key}: elements {order}, expected {elements[0]} as in "
                f"{keys[0]}"
            )
    n, order = len(keys), elements[0] if elements else []
    grids = _lists(table, "frequency_THz", n, source[0])
    if n and (grids.shape[1] != grid_THz.size or not np.allclose(grids, grid_THz)):
        raise TableError(
            f"{source[0]}: frequency_THz has {grids.shape[1]} points up to "
            f"{grids.max():g} THz, expected {grid_THz.size} up to {grid_THz[-1]:g}"
        )
    rows = chunk.positions(keys)
    head = [
        _reals(table, name)
        for name in ("zero_frequency_weight", "temperature_measured_K")
    ]
    parts = [
        _lists(table, name, n, source[0])
        for name in ("dos_per_THz", "dos_by_element_per_THz")
    ]
    return ChunkSpectra(
        rows=rows,
        left_basin=_any_moved(table, "left_basin") | chunk.moved[rows],
        elements=order,
        values=np.column_stack([*head, *parts]),
        energy_eV=_reals(table, "potential_mean_eV"),
    )


def _usable(table: pa.Table) -> pa.Table:
    good = [status == "ok" for status in table["status"].to_pylist()]
    return table.filter(pa.array(good, pa.bool_()))


def _reals(table: pa.Table, name: str) -> Floats:
    return table[name].to_numpy().astype(np.float64)


def _lists(table: pa.Table, name: str, n: int, path: str) -> Floats:
    """Return a column of lists of one length as an array, without Python lists."""
    flat = table[name].combine_chunks().flatten().to_numpy().astype(np.float64)
    lengths = set(table[name].combine_chunks().value_lengths().to_pylist())
    if len(lengths) > 1:
        raise TableError(f"{path}: {name} holds lists of {sorted(lengths)} numbers")
    return flat.reshape(n, flat.size // n if n else 0)


def _any_moved(table: pa.Table, name: str) -> NDArray[np.bool_]:
    """Say where a flag is set or a count above zero; null is neither."""
    return np.array([bool(each) for each in table[name].to_pylist()], dtype=bool)
