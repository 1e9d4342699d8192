"""Random crystals of random space groups against brute force, in any setting.

A crystal is made from the operations of one of the 530 settings of the space groups and
random sites on or off its symmetry elements. Brute force then knows the sites and those
operations and nothing else: neither the parent's permutations nor its distances.
"""

import itertools
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import spglib
from ase.geometry import cell_to_cellpar, cellpar_to_cell
from pymatgen.core import SymmOp

from confvib.crystal.burnside import count_orbits
from confvib.crystal.counting import count_arrangements
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.fingerprint import pair_fingerprints
from confvib.crystal.parent import read_parent
from confvib.crystal.rules import DistanceRule, conflict_matrix
from confvib.crystal.site_graph import SiteGraph
from confvib.errors import EnumerationError

# spglib 2.8 announces its coming error handling on every call.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Set OLD_ERROR_HANDLING:DeprecationWarning"
)


class Random:
    """Raw bits of Philox, the same in every release of NumPy."""

    def __init__(self, seed):
        self._bits = np.random.Philox(key=seed)

    def below(self, n):
        return int(self._bits.random_raw() % n)

    def uniform(self, shape=()):
        raw = self._bits.random_raw(int(np.prod(shape, dtype=int)))
        return (np.asarray(raw, dtype=np.uint64) >> 11).reshape(shape) / 2**53

    def some(self, items, n):
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(n)]


@dataclass(frozen=True)
class Sites:
    """One orbit of sites: CIF rows, coordinates, and what a site may hold."""

    label: str
    content: tuple
    points: np.ndarray
    species: tuple = ()

    @property
    def names(self):
        """Group of each species, as the parent calls it."""
        if len(self.species) == 1:
            return [self.label]
        return [f"{self.label}/{symbol}" for symbol in self.species]


@dataclass(frozen=True)
class Crystal:
    cell: np.ndarray
    operations: tuple
    orbits: tuple

    @property
    def shared(self):
        return [orbit for orbit in self.orbits if orbit.species]

    @property
    def points(self):
        return np.concatenate([orbit.points for orbit in self.shared])

    @property
    def site_groups(self):
        return {orbit.label: orbit.species for orbit in self.shared}

    def rows(self, *, listed):
        """Rows of the CIF: every site, or one of each orbit."""
        for orbit in self.orbits:
            for point in orbit.points if listed else orbit.points[:1]:
                for symbol, occupancy in orbit.content:
                    yield orbit.label, symbol, point, occupancy

    def written(self, write_cif):
        operations = [
            SymmOp.from_rotation_and_translation(rotation, shift).as_xyz_str()
            for rotation, shift in zip(*self.operations, strict=True)
        ]
        return write_cif(self.cell, self.rows(listed=False), operations)


def random_crystal(random, max_operations):
    """Make a crystal whose space group is that of the chosen setting."""
    while True:
        found = spglib.get_symmetry_from_database(1 + random.below(530))
        operations = found["rotations"], found["translations"]
        if len(operations[0]) > max_operations:
            continue
        # A random metric, averaged over the point group.
        basis = np.eye(3) + 0.5 * (random.uniform((3, 3)) - 0.5)
        turns = operations[0]
        metric = np.mean(turns.transpose(0, 2, 1) @ basis @ basis.T @ turns, axis=0)
        orbits = [
            Sites(f"F{n}", ((symbol, 1),), expand(random.uniform(3), operations))
            for n, symbol in enumerate(("O", "Zr"))
        ]
        for n in range(1 + random.below(3)):
            points = expand(random_point(random, operations), operations)
            n_species = 1 + random.below(2)
            known = ("Li", "Na", "K", "vacancy")[: 2 + n_species]
            species = tuple(random.some(known, n_species))
            if species[0] == "vacancy":
                species = species[::-1]
            content = (("Li", 0.5),) if random.below(2) else (("Na", 0.5), ("Li", 0.25))
            orbits.append(Sites(f"S{n}", content, points, species))
        if sum(len(orbit.points) for orbit in orbits[2:]) > 100:
            continue
        everything = np.concatenate([orbit.points for orbit in orbits])
        cell = np.linalg.cholesky(metric)
        cell = cell * (12 * len(everything) / np.linalg.det(cell)) ** (1 / 3)
        # The orientation of a cell that was written as lengths and angles.
        cell = cellpar_to_cell(cell_to_cellpar(cell))
        distances = brute_distances(cell, everything)
        if distances[~np.eye(len(everything), dtype=bool)].min() > 0.8:
            return Crystal(cell, operations, tuple(orbits))


def random_point(random, operations):
    """Draw a point that is general, on a symmetry element, or at simple fractions."""
    choice, point = random.below(4), random.uniform(3)
    if choice == 0:
        return np.array([random.below(24) for _ in range(3)]) / 24
    for _ in range(choice - 1):
        number = random.below(len(operations[0]))
        rotation, shift = operations[0][number], operations[1][number]
        shift = shift + [random.below(3) - 1 for _ in range(3)]
        # The mean over the powers of an operation lies on its axis or plane.
        images = [point]
        for _ in range(11):
            images.append(rotation @ images[-1] + shift)
        if np.allclose(rotation @ images[-1] + shift, point):
            point = np.mean(images, axis=0)
    return point


def expand(point, operations):
    images = point @ operations[0].transpose(0, 2, 1) + operations[1]
    kept = []
    for image in images:
        difference = np.array(kept).reshape(-1, 3) - image
        if not np.any(np.all(np.abs(difference - np.round(difference)) < 1e-6, axis=1)):
            kept.append(image)
    return np.array(kept)


def brute_distances(cell, points):
    """Minimum-image distances over all 343 neighbouring cells, (n, n)."""
    difference = points[:, None] - points[None]
    difference -= np.round(difference)
    shortest = np.full(difference.shape[:2], np.inf)
    for image in itertools.product(range(-3, 4), repeat=3):
        distance = np.linalg.norm((difference + image) @ cell, axis=-1)
        np.minimum(shortest, distance, out=shortest)
    return shortest


def random_counts(random, crystal, largest):
    """Draw counts by group name, with at most `largest` arrangements without rules."""
    while True:
        counts, raw = {}, 1
        for orbit in crystal.shared:
            n_left = len(orbit.points)
            for name in orbit.names:
                count = min(random.below(2 + random.below(7)), n_left)
                raw, n_left = raw * math.comb(n_left, count), n_left - count
                counts[name] = count
        if raw <= largest:
            return counts


def random_rules(random, crystal):
    """Draw rules whose limits lie between two contacts."""
    owner = np.array([orbit.label for orbit in crystal.shared for _ in orbit.points])
    names = [name for o in crystal.shared for name in {o.label, *o.names}]
    ions = sorted({s for orbit in crystal.shared for s in orbit.species} - {"vacancy"})
    distances = brute_distances(crystal.cell, crystal.points)
    images = np.array(list(itertools.product(range(-3, 4), repeat=3))) @ crystal.cell
    own_image = np.sort(np.linalg.norm(images, axis=1))[1]
    rules = []
    for _ in range(random.below(3)):
        kind, groups, species, block = random.below(3), None, None, np.s_[:]
        if kind == 0:
            groups = tuple(random.some(sorted(names) * 2, 2))
            block = np.ix_(*(owner == name.partition("/")[0] for name in groups))
        elif kind == 1:
            species = tuple(random.some(ions * 2, 2))
        contacts = np.unique(distances[block].round(4))
        edges = contacts[np.diff(contacts, append=np.inf) > 0.05][:6] + 0.02
        edges = edges[(edges > 0.1) & (edges < own_image)]
        if len(edges):
            limit = float(edges[random.below(len(edges))])
            rules.append(DistanceRule(groups, limit, species))
    return rules


def site_images(crystal):
    """Where each operation takes each shared site, (operations, sites)."""
    points, images = crystal.points, []
    for rotation, shift in zip(*crystal.operations, strict=True):
        difference = (points @ rotation.T + shift)[:, None] - points[None]
        same = np.all(np.abs(difference - np.round(difference)) < 1e-5, axis=2)
        assert np.array_equal(same.sum(axis=1), np.ones(len(points)))
        images.append(np.argmax(same, axis=1))
    return np.unique(images, axis=0)


def decorations(crystal, counts):
    """All ways to put the species on the sites: 0 is empty, n the nth species."""
    blocks = []
    for orbit in crystal.shared:
        block = [(0,) * len(orbit.points)]
        for number, name in enumerate(orbit.names, 1):
            block = [
                tuple(number if site in chosen else held for site, held in enumerate(row))
                for row in block
                for chosen in itertools.combinations(
                    [site for site, held in enumerate(row) if not held], counts[name]
                )
            ]
        blocks.append(block)
    return np.array([sum(rows, ()) for rows in itertools.product(*blocks)])


def forbidden(crystal, rules):
    """Pairs of (site, species) places that a rule keeps apart, by brute force."""
    held = [orbit for orbit in crystal.shared for _ in orbit.points]
    close = brute_distances(crystal.cell, crystal.points)
    np.fill_diagonal(close, np.inf)
    for rule in rules:
        for i, j in np.argwhere(close < rule.min_distance_A):
            choices = [range(len(held[site].species)) for site in (i, j)]
            for a, b in itertools.product(*choices):
                if means(rule, 0, held[i], a) and means(rule, 1, held[j], b):
                    yield i, a + 1, j, b + 1


def means(rule, side, orbit, number):
    """Whether one side of a rule is about this species on this orbit."""
    species, name = orbit.species[number], orbit.names[number]
    if rule.species is not None:
        return rule.species[side] == species
    if rule.groups is not None and rule.groups[side] == name:
        return True
    return (
        species != "vacancy" and (rule.groups or [orbit.label] * 2)[side] == orbit.label
    )


def brute_force(crystal, counts, rules, places):
    """Canonical rows over the places and sizes of all orbits, in order."""
    rows = decorations(crystal, counts)
    for i, a, j, b in forbidden(crystal, rules):
        rows = rows[(rows[:, i] != a) | (rows[:, j] != b)]
    sites, numbers = np.array(places).T
    smallest = [b"\xff" * len(places)] * len(rows)
    for image in site_images(crystal):
        moved = np.empty_like(rows)
        moved[:, image] = rows
        packed = np.packbits(moved[:, sites] == numbers, axis=1)
        pairs = zip(smallest, packed, strict=True)
        smallest = [min(best, row.tobytes()) for best, row in pairs]
    return sorted(Counter(smallest).items())


def places_of(parent, crystal):
    """Site and number of the species of each place of the parent."""
    number = {name: n for o in crystal.shared for n, name in enumerate(o.names, 1)}
    places = []
    for group in parent.groups:
        for index in group.indices:
            difference = parent.sites[index] - crystal.points
            difference -= np.round(difference)
            site = int(np.argmin(np.abs(difference).max(axis=1)))
            assert np.abs(difference[site]).max() < 1e-6
            places.append((site, number[group.name]))
    assert len(set(places)) == len(places)
    return places


def enumerated(parent, counts, rules):
    """Enumerate, or no rows where the rules forbid everything."""
    try:
        found = enumerate_configurations(parent, counts, rules)
    except EnumerationError as error:
        assert "forbid every arrangement" in str(error)  # noqa: PT017 - or it succeeds
        return [], None
    rows = [row.tobytes() for row in np.packbits(found.occupancy, axis=1)]
    return list(zip(rows, found.multiplicity.tolist(), strict=True)), found


def check_crystal(seed, max_operations, largest, write_cif):
    random = Random(seed)
    crystal = random_crystal(random, max_operations)
    parent = read_parent(crystal.written(write_cif), crystal.site_groups)
    places = places_of(parent, crystal)
    counts, rules, expected = {}, [], []
    # Most draws should leave more than one orbit; some crystals have no more.
    for _ in range(1 + seed % 8):
        if len(expected) < 2:
            counts = random_counts(random, crystal, largest)
            rules = random_rules(random, crystal)
            expected = brute_force(crystal, counts, rules, places)
    rows, _ = enumerated(parent, counts, rules)
    assert rows == expected
    graph = SiteGraph.build(conflict_matrix(parent, rules), parent.kinds)
    wanted = [counts[group.name] for group in parent.groups]
    assert count_arrangements(graph, wanted) == sum(size for _, size in expected)
    assert count_orbits(graph, parent.permutations, wanted) == len(expected)


@pytest.mark.parametrize("seed", range(30))
def test_random_crystal_matches_brute_force(seed, write_cif):
    check_crystal(seed, 24, 1500, write_cif)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_random_crystal_of_any_group_matches_brute_force(seed, write_cif):
    check_crystal(seed, 192, 4000, write_cif)


def other_settings(random, crystal):
    """The crystal listed site by site: as it is, shuffled, shifted, in another basis."""
    rows = list(crystal.rows(listed=True))
    yield crystal.cell, rows
    yield crystal.cell, random.some(rows, len(rows))
    shift = random.uniform(3)
    yield crystal.cell, [(*row[:2], row[2] + shift, row[3]) for row in rows]
    change = np.eye(3)
    for _ in range(3):
        i, j = random.some(range(3), 2)
        change[i] += (-1) ** random.below(2) * change[j]
    back = np.linalg.inv(change)
    yield change @ crystal.cell, [(*row[:2], row[2] @ back, row[3]) for row in rows]


@pytest.mark.parametrize("seed", range(2000, 2006))
def test_setting_does_not_matter(seed, write_cif):
    random = Random(seed)
    crystal = random_crystal(random, 24)
    counts, rules = random_counts(random, crystal, 20_000), random_rules(random, crystal)
    found = []
    for cell, rows in other_settings(random, crystal):
        parent = read_parent(write_cif(cell, rows), crystal.site_groups)
        orbits, configurations = enumerated(parent, counts, rules)
        if configurations is not None:
            alike = pair_fingerprints(parent, configurations.occupancy).tolist()
            orbits = zip(alike, configurations.multiplicity.tolist(), strict=True)
        found.append(sorted(orbits))
    assert all(other == found[0] for other in found)


def listed_supercell(crystal, matrix):
    """Rows of a supercell, every site listed."""
    shifts = np.array(list(itertools.product(range(-6, 7), repeat=3)))
    inside = shifts @ np.linalg.inv(matrix)
    shifts = shifts[np.all((inside > -1e-9) & (inside < 1 - 1e-9), axis=1)]
    for label, symbol, point, occupancy in crystal.rows(listed=True):
        for shift in shifts:
            yield label, symbol, (point + shift) @ np.linalg.inv(matrix), occupancy


@pytest.mark.parametrize("seed", range(3000, 3008))
def test_supercell_is_the_same_listed_and_asked_for(seed, write_cif):
    random = Random(seed)
    crystal = random_crystal(random, 16)
    first = np.diag(random.some((1, 1, 2), 3))
    second = np.diag([1 + random.below(3), 1, 1])
    second[0, 1], second[2, 0] = random.below(2), random.below(2)
    whole, groups = second @ first, crystal.site_groups
    path = crystal.written(write_cif)
    asked = read_parent(path, groups, supercell=whole.tolist())
    for cell, matrix in ((first, second.tolist()), (whole, None)):
        path = write_cif(cell @ crystal.cell, listed_supercell(crystal, cell))
        # The first cell may lack operations that its own supercell has.
        listed = read_parent(path, groups, supercell=matrix)
        np.testing.assert_allclose(asked.sites, listed.sites, atol=1e-7)
        np.testing.assert_array_equal(asked.permutations, listed.permutations)
        np.testing.assert_allclose(asked.distances_A, listed.distances_A, atol=1e-6)
        np.testing.assert_array_equal(asked.framework_numbers, listed.framework_numbers)
