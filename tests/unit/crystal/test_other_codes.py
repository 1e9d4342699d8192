"""The same orbits as SHRY, icet and pymatgen, which other people wrote.

The numbers are golden: ``benchmarks/other_codes.py`` found them with those codes, whose
versions stand in the file, and says how to find them again.
"""

import itertools
import json
import math
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.lattice import minimum_image_distances
from confvib.crystal.parent import read_parent

ROOT = Path(__file__).parents[3]
BENCHMARK = runpy.run_path(str(ROOT / "benchmarks/other_codes.py"))
CASES = json.loads(BENCHMARK["CASES"].read_text())
GOLDEN = json.loads(BENCHMARK["GOLDEN"].read_text())


def _cases(code):
    marks = {True: [pytest.mark.slow], False: []}
    return [
        pytest.param(
            case, GOLDEN[code][name], id=name, marks=marks[case.get("slow", False)]
        )
        for name, case in CASES[code].items()
    ]


@pytest.mark.parametrize(("case", "golden"), _cases("shry"))
def test_shry_finds_the_same_rows(case, golden):
    found, _ = BENCHMARK["run_confvib"](case)
    expected = {key: golden[key] for key in found}
    # The hash is of canonical rows made with SHRY's permutations, and their weights.
    assert found == expected
    assert case.get("rules") is None or found["patterns"] < golden["without_rules"]


@pytest.mark.parametrize(("case", "golden"), _cases("pymatgen"))
def test_structure_matcher_groups_all_orderings_alike(case, golden):
    found, _ = BENCHMARK["run_confvib"](case)
    assert {key: found[key] for key in golden} == golden


def _icet_cases():
    cases = []
    for name, sizes in GOLDEN["icet"].items():
        for size, golden in sizes.items():
            marks = [pytest.mark.slow] if sum(golden.values()) > 100 else []
            values = (CASES["icet"][name], int(size), golden)
            cases.append(pytest.param(*values, id=f"{name}, {size}", marks=marks))
    return cases


@pytest.mark.parametrize(("case", "size", "golden"), _icet_cases())
def test_icet_finds_the_same_superstructures(case, size, golden, write_cif):
    cell = np.array(case["cell"], dtype=float)
    mixed = [site for site in case["sites"] if len(site["species"]) > 1]
    # Sites that hold the same species are one orbit here; the first is the absence of
    # the others.
    groups = {"".join(site["species"]): site["species"] for site in mixed}
    rows = [
        ("".join(site["species"]), site["species"][0], site["position"], 1)
        for site in case["sites"]
    ]
    path = write_cif(cell, rows)
    shared = {label: species[1:] for label, species in groups.items()}
    found = Counter()
    for matrix in _superlattices(cell, size):
        parent = read_parent(path, shared, supercell=matrix.tolist())
        found += _superstructures(parent, groups, matrix)
    assert found == golden


def test_published_numbers_of_fcc_superstructures():
    # Hart and Forcade, Phys. Rev. B 77, 224115 (2008), Table IV.
    found = [sum(sizes.values()) for sizes in GOLDEN["icet"]["fcc binary"].values()]
    assert found == [2, 2, 6, 19, 28, 80, 104, 390]


def _superlattices(cell, size):
    """Hermite normal forms of one size, one of each class under the lattice's isometries.

    In every case here the crystal has all isometries of its lattice.
    """
    matrices = np.array(list(itertools.product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    metric = cell @ cell.T
    images = matrices @ metric @ matrices.transpose(0, 2, 1)
    close = np.all(np.abs(images - metric) < 1e-6, axis=(1, 2))
    isometries = matrices[close]
    kept = []
    for a, d in itertools.product(range(1, size + 1), repeat=2):
        if size % (a * d):
            continue
        f = size // (a * d)
        for b, c, e in itertools.product(range(d), range(f), range(f)):
            form = np.array([[a, b, c], [0, d, e], [0, 0, f]])
            if not any(_same_lattice(form @ isometries, other) for other in kept):
                kept.append(form)
    return kept


def _same_lattice(forms, other):
    change = forms @ np.linalg.inv(other)
    return np.any(np.all(np.abs(change - np.round(change)) < 1e-6, axis=(1, 2)))


def _superstructures(parent, groups, matrix):
    """Count the orbits with no smaller period, by composition."""
    found = Counter()
    translations = _translations(parent, matrix)
    sizes = {group.site: len(group.indices) for group in parent.groups}
    ranges = [range(sizes[group.site] + 1) for group in parent.groups]
    for amounts in itertools.product(*ranges):
        counts = dict(zip([g.name for g in parent.groups], amounts, strict=True))
        left = dict(sizes)
        for group in parent.groups:
            left[group.site] -= counts[group.name]
        if min(left.values()) < 0:
            continue
        amount = Counter({g.species: counts[g.name] for g in parent.groups})
        amount += Counter({groups[site][0]: n for site, n in left.items()})
        rows = enumerate_configurations(parent, counts, []).occupancy
        periodic = np.zeros(len(rows), dtype=bool)
        for image in translations:
            periodic |= np.all(rows[:, image] == rows, axis=1)
        key = " ".join(f"{symbol}{n}" for symbol, n in sorted(amount.items()) if n)
        found[key] += int(np.sum(~periodic))
    return +found


def _translations(parent, matrix):
    """Permutations of the places by the lattice vectors lost in the supercell."""
    steps = np.array(list(itertools.product(range(math.ceil(np.max(matrix))), repeat=3)))
    shifts = steps @ np.linalg.inv(matrix)
    shifts = np.unique((shifts - np.floor(shifts + 1e-9)).round(9), axis=0)
    kinds = parent.kinds[:, None] == parent.kinds[None]
    images = []
    for shift in shifts[np.abs(shifts).max(axis=1) > 1e-6]:
        moved = parent.sites[:, None] + shift - parent.sites[None]
        distance = minimum_image_distances(parent.cell, moved)
        images.append(np.argmin(np.where(kinds, distance, np.inf), axis=1))
    assert len(images) == round(np.linalg.det(matrix)) - 1
    return images
