"""Cells that the tests of the label engines share, built from printed coordinates."""

import numpy as np
import pytest
from ase.geometry import get_distances
from ase.spacegroup import crystal


@pytest.fixture(scope="session")
def tetragonal_llzo():
    """Return the 192-atom cell of ordered Li7La3Zr2O12 (Awaka 2009)."""
    basis = [
        ("La", (0, 1 / 4, 1 / 8)),
        ("La", (0.1270, 0, 1 / 4)),
        ("Zr", (0, 0, 0)),
        ("Li", (0, 1 / 4, 3 / 8)),
        ("Li", (0.1813, 0.4313, 1 / 8)),
        ("Li", (0.0796, 0.0855, 0.8099)),
        ("O", (-0.0335, 0.0546, 0.1528)),
        ("O", (0.0533, 0.8524, 0.5353)),
        ("O", (0.1497, 0.0273, 0.4463)),
    ]
    symbols, coordinates = zip(*basis, strict=True)
    return crystal(
        symbols,
        coordinates,
        spacegroup=142,
        setting=2,
        cellpar=[13.134, 13.134, 12.663, 90, 90, 90],
    )


@pytest.fixture(scope="session")
def lithium_oxide():
    """Return the cubic 12-atom cell of antifluorite Li2O, smaller than any cutoff."""
    return crystal(
        ["O", "Li"],
        [(0, 0, 0), (1 / 4, 1 / 4, 1 / 4)],
        spacegroup=225,
        cellpar=[4.62] * 3 + [90] * 3,
    )


@pytest.fixture(scope="session")
def cubic_llzo():
    """Return one ordered 12:44 arrangement of cubic Li7La3Zr2O12 (Awaka 2011)."""
    sites = [
        crystal([symbol], [xyz], spacegroup=230, cellpar=[12.9827] * 3 + [90] * 3)
        for symbol, xyz in (
            ("La", (1 / 8, 0, 1 / 4)),
            ("Zr", (0, 0, 0)),
            ("O", (-0.0318, 0.0546, 0.1501)),
            ("Li", (3 / 8, 0, 1 / 4)),
            ("Li", (0.1004, 0.6853, 0.5769)),
        )
    ]
    *framework, tetrahedra, octahedra = sites
    occupied, ends = _random_lithium(tetrahedra, octahedra, np.random.default_rng(3))
    cell = framework[0] + framework[1] + framework[2]
    return cell + tetrahedra[occupied] + octahedra[ends]


def _random_lithium(tetrahedra, octahedra, rng):
    """Pick 12 + 44 lithium sites that keep the contacts below 2 Å empty."""
    _, to_ends = get_distances(
        tetrahedra.positions, octahedra.positions, cell=tetrahedra.cell, pbc=True
    )
    _, between = get_distances(octahedra.positions, cell=octahedra.cell, pbc=True)
    blocks = to_ends < 2.0
    partner = np.argmin(np.where(np.eye(len(octahedra)), np.inf, between), axis=1)
    for _ in range(100_000):
        occupied = rng.permutation(len(tetrahedra))[:12]
        occupied = _less_crowded(occupied, blocks, partner, rng)
        free = ~blocks[occupied].any(axis=0)
        choices = [
            [end for end in pair if free[end]]
            for pair in {tuple(sorted(p)) for p in enumerate(partner)}
        ]
        open_octahedra = [choice for choice in sorted(choices) if choice]
        if len(open_octahedra) >= 44:
            kept = rng.permutation(len(open_octahedra))[:44]
            return occupied, [int(rng.choice(open_octahedra[k])) for k in kept]
    pytest.fail("no 12:44 arrangement was found")


def _less_crowded(occupied, blocks, partner, rng):
    """Swap sites while that closes fewer octahedra at both ends."""

    def closed(chosen):
        shut = blocks[chosen].any(axis=0)
        return int((shut & shut[partner]).sum())

    best = closed(occupied)
    for _ in range(300):
        trial = occupied.copy()
        vacant = np.setdiff1d(np.arange(len(blocks)), occupied)
        trial[rng.integers(len(trial))] = rng.choice(vacant)
        if closed(trial) <= best:
            occupied, best = trial, closed(trial)
    return occupied
