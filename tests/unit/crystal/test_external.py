"""Structures of other programs find their configuration, or say why they are none."""

import numpy as np
import pytest

from confvib.crystal.canonical import canonical_orbits
from confvib.crystal.configuration import configuration_atoms
from confvib.crystal.enumeration import enumerate_configurations
from confvib.crystal.external import StructureMapper
from confvib.crystal.parent import read_parent
from confvib.crystal.rules import DistanceRule
from confvib.crystal.structure_files import ExternalStructure
from confvib.errors import CrystalError

COUNTS = {"24d": 12, "96h": 44}


@pytest.fixture(scope="module")
def set_12_44(cubic_llzo, llzo_rules):
    return enumerate_configurations(cubic_llzo, COUNTS, llzo_rules)


@pytest.fixture(scope="module")
def mapper(cubic_llzo, llzo_rules):
    return StructureMapper(cubic_llzo, COUNTS, llzo_rules)


@pytest.fixture
def atoms(cubic_llzo, set_12_44):
    return configuration_atoms(cubic_llzo, set_12_44.occupancy[5])


def _structure(atoms):
    return ExternalStructure(
        atoms.cell.array,
        atoms.numbers.astype(np.int64),
        atoms.get_scaled_positions(wrap=False),
    )


def _vary(atoms, rng, *, noise_A=0.0, axes=None, scale=1.0):
    """Shuffle, displace, shift the origin, change the axes and stretch."""
    atoms = atoms[rng.permutation(len(atoms))]
    direction = rng.normal(size=(len(atoms), 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    atoms.positions += noise_A * direction
    cell, fractional = atoms.cell.array, atoms.get_scaled_positions(wrap=False)
    axes = np.eye(3) if axes is None else np.array(axes)
    return ExternalStructure(
        scale * axes @ cell,
        atoms.numbers.astype(np.int64),
        (fractional @ np.linalg.inv(axes) + rng.random(3)) % 1,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"noise_A": 0.1},
        {"noise_A": 0.1, "axes": [[0, 1, 0], [0, 0, 1], [1, 0, 0]]},
        {"noise_A": 0.1, "axes": [[0, -1, 0], [1, 0, 0], [0, 0, 1]]},
        {"noise_A": 0.1, "axes": [[0, 0, 1], [0, -1, 0], [-1, 0, 0]], "scale": 1.03},
    ],
)
def test_llzo_rows_come_back(cubic_llzo, set_12_44, mapper, changes):
    rng = np.random.default_rng(8)
    ranks = rng.integers(0, len(set_12_44.occupancy), 12)
    rows = [configuration_atoms(cubic_llzo, set_12_44.occupancy[rank]) for rank in ranks]
    found = [mapper.map(_vary(row, rng, **changes)) for row in rows]
    assert [(one.status, one.reason) for one in found] == [("ok", "")] * 12
    orbits = canonical_orbits(cubic_llzo, np.array([one.occupancy for one in found]))
    np.testing.assert_array_equal(
        orbits.occupancy[orbits.orbit_of], set_12_44.occupancy[ranks]
    )
    np.testing.assert_array_equal(
        orbits.multiplicity[orbits.orbit_of], set_12_44.multiplicity[ranks]
    )
    # The common drift is taken out, so that a displacement may grow by its mean.
    noise_A = changes.get("noise_A", 0.0)
    for one in found:
        assert one.displacement_rms_A == pytest.approx(noise_A, abs=0.02)
        assert noise_A - 0.04 < one.displacement_max_A < noise_A + 0.04
        assert one.framework_displacement_max_A < noise_A + 0.04
        assert one.length_scale == pytest.approx(changes.get("scale", 1.0))


def test_every_configuration_is_its_own_orbit(cubic_llzo, set_12_44):
    rng = np.random.default_rng(2)
    images = np.empty_like(set_12_44.occupancy)
    operations = rng.integers(0, len(cubic_llzo.permutations), len(images))
    for row, image in enumerate(cubic_llzo.permutations[operations]):
        images[row, image] = set_12_44.occupancy[row]
    orbits = canonical_orbits(cubic_llzo, images)
    np.testing.assert_array_equal(orbits.occupancy, set_12_44.occupancy)
    np.testing.assert_array_equal(orbits.multiplicity, set_12_44.multiplicity)
    np.testing.assert_array_equal(orbits.orbit_of, np.arange(len(images)))


def test_displacements_are_measured_from_the_sites(mapper, atoms):
    atoms.positions[-1] += [0.0, 0.0, 0.3]
    atoms.positions[0] += [0.2, 0.0, 0.0]
    found = mapper.map(_structure(atoms))
    # The framework of 136 atoms drifts by 0.2 / 136 Å.
    assert found.displacement_max_A == pytest.approx(0.3, abs=2e-3)
    assert found.displacement_rms_A == pytest.approx(0.3 / np.sqrt(56), abs=2e-3)
    assert found.framework_displacement_max_A == pytest.approx(0.2, abs=2e-3)
    assert found.length_scale == pytest.approx(1.0)


def _failure(mapper, atoms):
    found = mapper.map(_structure(atoms))
    assert found.occupancy is None
    return found.status, found.reason


def test_ion_far_from_every_site(mapper, atoms):
    atoms.positions[[140, 150]] += [[0.0, 0.0, 0.7], [0.0, 0.6, 0.0]]
    status, reason = _failure(mapper, atoms)
    assert status == "unmapped"
    assert reason == (
        "atom 141 (Li) is 0.70 Å from the nearest place, 24d at [0.375, 0.0, 0.25], "
        "expected at most 0.5 Å; 2 ions in all"
    )


def test_two_ions_at_one_site(mapper, atoms, cubic_llzo, set_12_44):
    site = cubic_llzo.sites[np.flatnonzero(set_12_44.occupancy[5])[3]]
    atoms.positions[136] = site @ cubic_llzo.cell + [0.0, 0.25, 0.0]
    assert _failure(mapper, atoms) == (
        "collision",
        "atom 137 (Li) and atom 140 (Li) are both nearest to 24d at [0.25, 0.625, 0.5], "
        "0.25 and 0.00 Å away",
    )


def test_rule_broken(mapper, atoms, cubic_llzo, set_12_44):
    # An octahedral ion goes to the split partner of another one's site.
    occupied = np.flatnonzero(set_12_44.occupancy[5])
    partner = np.argsort(cubic_llzo.distances_A[occupied[20]])[1]
    atoms.positions[-1] = cubic_llzo.sites[partner] @ cubic_llzo.cell
    assert _failure(mapper, atoms) == (
        "forbidden",
        "atom 137 (Li) on 24d at [0.125, 0.0, 0.75] and atom 192 (Li) on 96h at "
        "[0.1731, 0.0647, 0.6496] are 1.672 Å apart, against the rule 24d–96h > 2.0 Å; "
        "2 pairs in all",
    )


def test_wrong_numbers_of_ions(mapper, atoms, cubic_llzo):
    assert _failure(mapper, atoms[:-1]) == (
        "wrong_composition",
        "the ions are 12 on 24d, 43 on 96h, expected 12 on 24d, 44 on 96h",
    )
    atoms.symbols[-1] = "Na"
    assert _failure(mapper, atoms) == (
        "wrong_composition",
        "the structure holds 1 Na, which neither the framework nor a site of the parent "
        "holds",
    )


def test_wrong_framework(mapper, atoms):
    assert _failure(mapper, atoms[1:]) == (
        "wrong_framework",
        "the structure holds 95 O, expected 96 as the framework of the parent does",
    )
    atoms.positions[7] += [0.0, 0.0, 1.2]
    status, reason = _failure(mapper, atoms)
    assert status == "wrong_framework"
    assert reason == (
        "no axes and no origin put the framework on the parent's: in the closest try the "
        "O place at [0.0546, 0.8499, 0.5318] has its nearest O, atom 8, 1.20 Å away, "
        "expected at most 0.5 Å"
    )


@pytest.mark.parametrize(
    ("cell", "difference"),
    [
        ([13.3, 12.9827, 12.6], "a = 13.3000 Å, expected 12.9827 Å; c = 12.6000"),
        ([12.9827] * 3 + [90, 90, 95], "γ = 95.00°, expected 90.00°"),
        ([13.9] * 3, "a = 13.9000 Å, expected 12.9827 Å; b = 13.9"),
        ([12.9827, 12.9827, 25.9654], "c = 25.9654 Å, expected 12.9827 Å"),
    ],
)
def test_wrong_lattice(mapper, atoms, cell, difference):
    atoms.set_cell(cell, scale_atoms=True)
    status, reason = _failure(mapper, atoms)
    assert status == "wrong_lattice"
    assert reason.startswith(f"the cell has {difference}")
    assert "(lengths may differ by 2%" in reason
    assert reason.endswith("angles by 2°)")


def test_a_slightly_strained_cell_is_the_lattice(mapper, atoms):
    atoms.set_cell([13.1, 12.95, 12.9, 90.5, 89.6, 90.2], scale_atoms=True)
    assert mapper.map(_structure(atoms)).status == "ok"


@pytest.mark.parametrize("tolerance", [0.0, -1.0, 4.0, float("nan")])
def test_tolerance_must_fit_the_cell(cubic_llzo, llzo_rules, tolerance):
    message = "expected more than 0 and less than 3.25 Å, a quarter of the thickness"
    with pytest.raises(CrystalError, match=message):
        StructureMapper(cubic_llzo, COUNTS, llzo_rules, tolerance_A=tolerance)


@pytest.fixture
def mixed(write_cif):
    """Zr framework in a cube of 5 Å; four sites of Li, Na or nothing."""
    points = [(0.5, 0, 0.1), (0.5, 0, 0.6), (0, 0.5, 0.3), (0.5, 0.5, 0.9)]
    rows = [("Zr1", "Zr", (0, 0, 0), 1), ("Zr2", "Zr", (0.1, 0.2, 0.5), 1)]
    rows += [(f"Li{n}", "Li", point, 0.5) for n, point in enumerate(points)]
    path = write_cif(np.diag([5.0, 5.0, 5.0]), rows)
    return dict.fromkeys(("Li0", "Li1", "Li2", "Li3"), path)


def test_species_and_vacancies_find_their_places(mixed):
    path = mixed["Li0"]
    species = ("Li", "Na", "vacancy")
    parent = read_parent(path, dict.fromkeys(mixed, species))
    wanted = {f"Li{n}/{s}": 0 for n in range(4) for s in ("Li", "Na", "vacancy")}
    wanted |= {"Li0/Na": 1, "Li1/Li": 1, "Li2/vacancy": 1, "Li3/vacancy": 1}
    mapper = StructureMapper(parent, wanted, [])
    occupancy = np.zeros(len(parent.sites), dtype=bool)
    for name, count in wanted.items():
        occupancy[parent.group(name).indices] = count
    atoms = configuration_atoms(parent, occupancy)
    assert len(atoms) == 4
    found = mapper.map(_vary(atoms, np.random.default_rng(1), noise_A=0.05))
    np.testing.assert_array_equal(found.occupancy, occupancy)
    # A lithium in the place of sodium is another composition.
    atoms.symbols[atoms.symbols == "Na"] = "Li"
    status, reason = _failure(mapper, atoms)
    assert status == "wrong_composition"
    assert "1 on Li0/Li" in reason.split("expected")[0]
    # Li and Na on one site collide although their places differ.
    atoms = configuration_atoms(parent, occupancy)
    extra = atoms[atoms.symbols == "Na"]
    extra.symbols[:] = "Li"
    status, reason = _failure(mapper, atoms + extra)
    assert status == "collision"
    assert "are both nearest to Li0/" in reason


def test_a_rule_for_vacancies_is_named(mixed):
    parent = read_parent(mixed["Li0"], dict.fromkeys(mixed, ("Li", "vacancy")))
    wanted = {
        f"Li{n}/{s}": int((s == "Li") == (n < 2))
        for n in range(4)
        for s in ("Li", "vacancy")
    }
    rules = [
        DistanceRule(None, 1.0),
        DistanceRule(None, 3.95, ("vacancy", "vacancy")),
    ]
    mapper = StructureMapper(parent, wanted, rules)
    occupancy = np.zeros(len(parent.sites), dtype=bool)
    for name, count in wanted.items():
        occupancy[parent.group(name).indices] = count
    assert _failure(mapper, configuration_atoms(parent, occupancy)) == (
        "forbidden",
        "the vacancy on Li2/vacancy at [0.0, 0.5, 0.3] and the vacancy on Li3/vacancy at "
        "[0.5, 0.5, 0.9] are 3.202 Å apart, against the rule vacancy–vacancy > 3.95 Å",
    )
