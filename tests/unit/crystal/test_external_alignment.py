"""Axes and origin are found whatever the lattice, and the framework's excess symmetry."""

import numpy as np
import pytest
from ase.geometry import cellpar_to_cell

from confvib.crystal.alignment import FrameworkMatcher, MappingError
from confvib.crystal.canonical import canonical_orbits
from confvib.crystal.external import StructureMapper
from confvib.crystal.lattice import minimum_image_distances
from confvib.crystal.lattice_match import isotropic_scale, same_lattice_settings
from confvib.crystal.parent import read_parent
from confvib.crystal.periodic import PeriodicCell
from confvib.crystal.structure_files import ExternalStructure

CELLS = {
    "cubic": ([9, 9, 9, 90, 90, 90], 48),
    "tetragonal": ([9, 9, 11, 90, 90, 90], 16),
    "hexagonal": ([9, 9, 11, 90, 90, 120], 24),
    "rhombohedral": ([9, 9, 9, 75, 75, 75], 12),
    "orthorhombic": ([8, 9, 11, 90, 90, 90], 8),
    "monoclinic": ([8, 9, 11, 90, 105, 90], 4),
    "triclinic": ([8, 9, 11, 75, 80, 95], 2),
}


@pytest.mark.parametrize("name", CELLS)
def test_settings_of_a_lattice_are_its_point_group(name):
    parameters, order = CELLS[name]
    cell = cellpar_to_cell(parameters)
    settings = same_lattice_settings(cell, cell)
    assert len(settings) == order
    np.testing.assert_array_equal(settings[0], np.eye(3))
    known = {axes.tobytes() for axes in settings}
    assert {(a @ b).tobytes() for a in settings for b in settings} == known


@pytest.mark.parametrize("name", CELLS)
def test_any_axes_and_origin_lead_back(name, write_cif):
    # A framework without symmetry: every setting has one right answer.
    rng = np.random.default_rng(4)
    cell = cellpar_to_cell(CELLS[name][0])
    points = _spread(rng, cell, 14)
    rows = [(f"Zr{n}", "Zr", point, 1) for n, point in enumerate(points[:3])]
    rows += [(f"O{n}", "O", point, 1) for n, point in enumerate(points[3:8])]
    rows += [(f"Li{n}", "Li", point, 0.5) for n, point in enumerate(points[8:])]
    groups = {f"Li{n}": "Li" for n in range(6)}
    parent = read_parent(write_cif(cell, rows), groups)
    assert len(parent.permutations) == 1
    counts = {name: int(name in ("Li0", "Li3")) for name in groups}
    mapper = StructureMapper(parent, counts, [], tolerance_A=0.4)
    numbers = np.array([40] * 3 + [8] * 5 + [3] * 2)
    atoms = points[[*range(8), 8, 11]]
    shears = [np.eye(3), np.array([[0, 0, 1], [-1, 0, 0], [0, 1, 0]])]
    for axes in [*same_lattice_settings(cell, cell)[::3], *shears]:
        order = rng.permutation(10)
        noise = rng.uniform(-0.08, 0.08, (10, 3)) @ np.linalg.inv(cell)
        fractional = (atoms + noise)[order] @ np.linalg.inv(axes) + rng.random(3)
        structure = ExternalStructure(axes @ cell, numbers[order], fractional % 1)
        found = mapper.map(structure)
        assert found.status == "ok", found.reason
        occupied = [parent.groups[kind].name for kind in parent.kinds[found.occupancy]]
        assert sorted(occupied) == ["Li0", "Li3"]
        assert found.displacement_max_A < 0.2


def _spread(rng, cell, n_points):
    """Random points at least 2.2 Å apart."""
    points = [rng.random(3)]
    while len(points) < n_points:
        point = rng.random(3)
        if minimum_image_distances(cell, np.array(points) - point).min() > 2.2:
            points.append(point)
    return np.array(points)


@pytest.fixture
def chains(write_cif):
    """A cubic framework whose shared sites run along z only."""
    rows = [("Zr1", "Zr", (0, 0, 0), 1)]
    rows += [(f"Li{n}", "Li", (0.5, 0.5, z), 0.5) for n, z in enumerate((0.25, 0.75))]
    return read_parent(write_cif(np.diag([6.0, 6.0, 6.0]), rows), {"2h": "Li"})


def test_ions_decide_where_the_framework_is_more_symmetric(chains):
    assert chains.space_group == ("P4/mmm", 123)
    mapper = StructureMapper(chains, {"2h": 1}, [], tolerance_A=0.5)
    numbers = np.array([40, 3])
    for axis in range(3):
        for place in (0.25, 0.75):
            ion = np.full(3, 0.5)
            ion[axis] = place + 0.03
            structure = ExternalStructure(chains.cell, numbers, np.array([[0] * 3, ion]))
            found = mapper.map(structure)
            assert found.status == "ok", found.reason
            assert found.displacement_max_A == pytest.approx(0.18)
    # An ion between the chains is nowhere near a site in any of the settings.
    structure = ExternalStructure(
        chains.cell, numbers, np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    )
    assert mapper.map(structure).status == "unmapped"


def test_the_smallest_displacement_decides_between_settings(write_cif):
    # Site A lies on the fourfold axis of the framework, B 0.4 Å beside its image.
    rows = [("Zr1", "Zr", (0, 0, 0), 1), ("Li0", "Li", (0.5, 0, 0.25), 0.5)]
    rows += [("Li1", "Li", (0.06, 0.5, 0.25), 0.5)]
    cell = np.diag([6.0, 6.0, 7.0])
    parent = read_parent(write_cif(cell, rows), {"Li0": "Li", "Li1": "Li"})
    for counts, ion in (({"Li0": 1, "Li1": 0}, rows[1]), ({"Li0": 0, "Li1": 1}, rows[2])):
        mapper = StructureMapper(parent, counts, [], tolerance_A=0.5)
        structure = ExternalStructure(
            cell, np.array([40, 3]), np.array([(0, 0, 0), ion[2]])
        )
        found = mapper.map(structure)
        assert (found.status, found.reason) == ("ok", "")
        assert found.displacement_max_A < 1e-9


def test_species_of_framework_and_sites(write_cif):
    # Oxygen is framework at one place and mobile at others, in any order of the file.
    rows = [("Zr1", "Zr", (0, 0, 0), 1), ("O1", "O", (0.5, 0.5, 0.1), 1)]
    rows += [(f"O{n}", "O", p, 0.5) for n, p in ((2, (0.5, 0, 0.4)), (3, (0, 0.5, 0.4)))]
    cell = np.diag([6.0, 7.0, 8.0])
    parent = read_parent(write_cif(cell, rows), {"O2": "O", "O3": "O"})
    mapper = StructureMapper(parent, {"O2": 0, "O3": 1}, [], tolerance_A=0.5)
    shift = np.array([0.31, 0.7, 0.11])
    points = np.array([rows[3][2], rows[1][2], rows[0][2]]) + shift
    found = mapper.map(ExternalStructure(cell, np.array([8, 8, 40]), points))
    assert (found.status, found.reason) == ("ok", "")
    alone = ExternalStructure(cell, np.array([40]), points[2:])
    assert mapper.map(alone).reason == (
        "the structure holds 0 O, expected 1 or more as the framework of the parent does"
    )


def test_without_a_framework_the_origin_is_the_parents(write_cif):
    rows = [("Li1", "Li", (0, 0, 0), 0.5), ("Na1", "Na", (0.5, 0.5, 0.5), 0.5)]
    cell = np.diag([4.0, 4.0, 4.0])
    parent = read_parent(write_cif(cell, rows), {"Li1": "Li", "Na1": "Na"})
    mapper = StructureMapper(parent, {"Li1": 1, "Na1": 1}, [], tolerance_A=0.5)
    places = np.array([(0.5, 0.5, 0.5), (0, 0, 0.02)])
    found = mapper.map(ExternalStructure(cell, np.array([11, 3]), places))
    assert found.status == "ok"
    assert found.framework_displacement_max_A is None
    shifted = ExternalStructure(cell, np.array([11, 3]), places + 0.25)
    assert mapper.map(shifted).status == "unmapped"


def test_supercell_translations_need_no_alternatives(fluorite_cif):
    parent = read_parent(fluorite_cif(2, 2, 2), {"8c": "Li", "4b": "Na"})
    matcher = FrameworkMatcher(parent, 0.5)
    assert len(matcher._alternatives) == 1
    structure = ExternalStructure(
        parent.cell, parent.framework_numbers, parent.framework_fractional + 0.123
    )
    (found,) = matcher.align(structure)
    assert found.is_framework.all()
    assert found.framework_displacement_A.max() < 1e-9
    moved = structure.fractional.copy()
    moved[0] += 0.5 / 10
    moved[1] += 1.5 / 10
    with pytest.raises(MappingError, match=r"expected at most 0\.5 Å") as caught:
        matcher.align(ExternalStructure(parent.cell, structure.numbers, moved))
    assert caught.value.status == "wrong_framework"


def test_symmetry_images_share_an_orbit(chains):
    orbits = canonical_orbits(chains, np.array([[True, False], [False, True]]))
    assert orbits.occupancy.tolist() == [[False, True]]
    assert orbits.multiplicity.tolist() == [2]
    empty = canonical_orbits(chains, np.empty((0, 2), dtype=bool))
    assert empty.occupancy.shape == (0, 2)


@pytest.mark.parametrize("name", CELLS)
def test_short_vectors_are_exact_in_any_cell(name):
    rng = np.random.default_rng(0)
    skew = np.array([[1, 0, 0], [2, 1, 0], [-1, 3, 1]])
    cell = skew @ cellpar_to_cell(CELLS[name][0])
    periodic = PeriodicCell(cell)
    fractional = rng.uniform(-2, 2, (4000, 3))
    exact = minimum_image_distances(cell, fractional)
    found = periodic.distances_A(fractional)
    short = exact < periodic.reach_A
    assert short.sum() > 200
    np.testing.assert_allclose(found[short], exact[short], atol=1e-9)
    assert np.all(found > exact - 1e-9)
    assert isotropic_scale(cell, 2 * cell) == pytest.approx(0.5)
