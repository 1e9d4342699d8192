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
