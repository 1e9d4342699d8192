"""Small crystals written as CIFs, and enumeration by brute force."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from ase.geometry import cell_to_cellpar

from confvib.crystal.parent import read_parent
from confvib.crystal.rules import DistanceRule

STRUCTURES = Path(__file__).parents[3] / "resources" / "structures"


def _write_cif(path, cell, rows, operations=("x,y,z",)):
    """Write rows of (label, symbol, position, occupancy) as a CIF."""
    lengths = cell_to_cellpar(np.asarray(cell, dtype=float))
    tags = ("length_a", "length_b", "length_c")
    tags += ("angle_alpha", "angle_beta", "angle_gamma")
    lines = ["data_test"]
    lines += [
        f"_cell_{tag} {value:.10f}" for tag, value in zip(tags, lengths, strict=True)
    ]
    lines += ["loop_", "_space_group_symop_operation_xyz"]
    lines += [f"'{operation}'" for operation in operations]
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"] + ["_atom_site_occupancy"]
    for label, symbol, position, occupancy in rows:
        place = " ".join(f"{value:.10f}" for value in position)
        lines.append(f"{label} {symbol} {place} {occupancy}")
    path.write_text("\n".join(lines) + "\n")
    return path


def _brute_force(parent, counts, conflicts):
    """Enumerate every arrangement and its orbit by explicit group action."""
    choices = [
        itertools.combinations(group.indices.tolist(), counts[group.name])
        for group in parent.groups
    ]
    allowed = set()
    for parts in itertools.product(*map(list, choices)):
        sites = tuple(itertools.chain(*parts))
        if not conflicts[np.ix_(sites, sites)].any():
            allowed.add(frozenset(sites))
    rows = {}
    while allowed:
        start = next(iter(allowed))
        orbit = {frozenset(image[list(start)].tolist()) for image in parent.permutations}
        assert orbit <= allowed
        allowed -= orbit
        bits = [
            tuple(int(site in member) for site in range(len(parent.sites)))
            for member in orbit
        ]
        rows[min(bits)] = len(orbit)
    return sorted(rows.items())


@pytest.fixture
def write_cif(tmp_path):
    def write(cell, rows, operations=("x,y,z",)):
        return _write_cif(tmp_path / "crystal.cif", cell, rows, operations)

    return write


@pytest.fixture(scope="session")
def brute_force():
    return _brute_force


@pytest.fixture(scope="session")
def cubic_llzo():
    return read_parent(STRUCTURES / "c-LLZO.cif", {"24d": "Li", "96h": "Li"})


@pytest.fixture(scope="session")
def llzo_rules():
    return [DistanceRule(("24d", "96h"), 2.0), DistanceRule(("96h", "96h"), 1.0)]


def _fluorite_rows(repeats):
    """Sites of the rock-salt and fluorite positions of an fcc cell, repeated."""
    fcc = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    sets = {"Zr": [(0, 0, 0)], "Na": [(0.5, 0.5, 0.5)]}
    sets["Li"] = [(0.25, 0.25, 0.25), (0.75, 0.75, 0.75)]
    rows = []
    for cell_index in itertools.product(*map(range, repeats)):
        for symbol, bases in sets.items():
            for base, shift in itertools.product(bases, fcc):
                point = (np.add(base, shift) % 1 + cell_index) / repeats
                rows.append((f"{symbol}1", symbol, point, 0.5 if symbol != "Zr" else 1))
    return rows


@pytest.fixture
def fluorite_cif(tmp_path):
    """Write n1 x n2 x n3 cells (a = 5 Å): Zr 4a, Na on 4b, Li on 8c."""

    def write(*repeats):
        cell = np.diag(np.multiply(repeats, 5.0))
        return _write_cif(tmp_path / "fluorite.cif", cell, _fluorite_rows(repeats))

    return write
