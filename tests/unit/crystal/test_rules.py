"""Distance rules on the garnet sites and their refusals."""

import numpy as np
import pytest

from confvib.crystal.parent import read_parent
from confvib.crystal.rules import DistanceRule, conflict_matrix
from confvib.errors import CrystalError


def test_garnet_conflicts_form_the_graph_of_split_octahedra(cubic_llzo, llzo_rules):
    conflicts = conflict_matrix(cubic_llzo, llzo_rules)
    np.testing.assert_array_equal(conflicts, conflicts.T)
    # Each 24d excludes the near ends of 4 octahedra; each 96h its 24d and its twin.
    np.testing.assert_array_equal(conflicts[:24, :24].sum(axis=1), 0)
    np.testing.assert_array_equal(conflicts[:24, 24:].sum(axis=1), 4)
    np.testing.assert_array_equal(conflicts[24:, :24].sum(axis=1), 1)
    np.testing.assert_array_equal(conflicts[24:, 24:].sum(axis=1), 1)


def test_no_rules_no_conflicts(cubic_llzo):
    assert not conflict_matrix(cubic_llzo, []).any()


def test_rules_by_species_and_for_every_pair_of_ions(fluorite_cif):
    groups = {"8c": ["Li", "Na", "vacancy"], "4b": "Na"}
    parent = read_parent(fluorite_cif(1, 1, 1), groups)
    site = [*np.tile(np.arange(8), 3).tolist(), 8, 9, 10, 11]
    place = {group.name: group.indices for group in parent.groups}

    same_site = {
        (i, j) for i in range(24) for j in range(24) if i != j and site[i] == site[j]
    }

    def pairs(*rules):
        found = np.argwhere(conflict_matrix(parent, rules)).tolist()
        return {tuple(pair) for pair in found}

    def within(limit_A, first, second):
        return {
            (i, j)
            for i, j in map(tuple, np.argwhere(parent.distances_A < limit_A).tolist())
            if site[i] != site[j]
            and ((i in first and j in second) or (j in first and i in second))
        }

    assert pairs() == same_site
    lithium, sodium = set(place["8c/Li"]), set(place["8c/Na"]) | set(place["4b"])
    on_8c, vacancies = lithium | set(place["8c/Na"]), set(place["8c/vacancy"])
    for rule, first, second in [
        (DistanceRule(None, 2.6, ("Na", "Na")), sodium, sodium),
        (DistanceRule(None, 2.6, ("Li", "Na")), lithium, sodium),
        (DistanceRule(None, 2.6), lithium | sodium, lithium | sodium),
        (DistanceRule(("8c", "8c"), 2.6), on_8c, on_8c),
        (DistanceRule(("8c/Li", "8c"), 2.6), lithium, on_8c),
        (DistanceRule(None, 2.6, ("vacancy", "vacancy")), vacancies, vacancies),
    ]:
        expected = within(2.6, first, second)
        assert len(expected) > 0
        assert pairs(rule) == same_site | expected


def test_rule_for_an_absent_species(cubic_llzo):
    with pytest.raises(
        CrystalError, match=r"no site holds 'Na', expected one of \['Li'\]"
    ):
        conflict_matrix(cubic_llzo, [DistanceRule(None, 2.0, ("Li", "Na"))])


def test_overlapping_sites_need_a_rule(write_cif):
    rows = [("Li1", "Li", (0, 0, 0), 0.5), ("Na1", "Na", (0, 0, 0.1), 0.5)]
    parent = read_parent(write_cif(4.0 * np.eye(3), rows), {"Li1": "Li", "Na1": "Na"})
    message = (
        r"sites of 'Li1' and 'Na1' are 0.400 Å apart at \[0.0, 0.0, 0.0\] and no rule"
    )
    with pytest.raises(CrystalError, match=message):
        conflict_matrix(parent, [])
    assert conflict_matrix(parent, [DistanceRule(None, 1.0)]).sum() == 2


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (DistanceRule(("24d", "8a"), 2.0), "'8a' is not a site group"),
        (DistanceRule(("24d", "96h"), 0.0), "24d–96h > 0.0 Å: minimum distance must"),
        (DistanceRule(("24d", "96h"), np.nan), "minimum distance must be positive"),
        (DistanceRule(("24d", "24d"), 3.975), "the crystal has a contact of 3.9751 Å"),
        (DistanceRule(("24d", "24d"), 13.5), "own periodic image is 12.983 Å away"),
    ],
)
def test_refused_rules(cubic_llzo, rule, message):
    with pytest.raises(CrystalError, match=message):
        conflict_matrix(cubic_llzo, [rule])


def test_rule_between_almost_equal_contacts(write_cif):
    # Four sites that are a square within the tolerance of symmetry, but whose two
    # kinds of edge differ by 0.008 Å: a rule in between would break the symmetry.
    points = [(0, 0, 0), (0.5, 0, 0), (0, 0.5, 0), (0.5, 0.5, 0)]
    cell = np.diag([4.0, 4.008, 9.0])
    rows = [(f"Li{n}", "Li", point, 0.5) for n, point in enumerate(points)]
    parent = read_parent(write_cif(cell, rows), {"Li1": "Li"}, symprec_A=0.02)
    assert len(parent.sites) == 4
    with pytest.raises(CrystalError, match="fall on both sides of a minimum"):
        conflict_matrix(parent, [DistanceRule(("Li1", "Li1"), 2.002)])
