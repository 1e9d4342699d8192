"""Names of arrangements: blind to setting, order and split sites, and to nothing else."""

import numpy as np
import pytest

from confvib.crystal.arrangement import ArrangementNames
from confvib.crystal.canonical import canonical_orbits
from confvib.crystal.parent import ParentCrystal, SiteGroup

SPLIT_A = 1.0


def drawn(conflicts, n_ions, seed):
    """Put ions on sites at random, none in conflict with another."""
    free, sites = np.ones(len(conflicts), bool), []
    for site in np.random.default_rng(seed).permutation(len(conflicts)):
        if free[site] and len(sites) < n_ions:
            sites.append(site)
            free &= ~conflicts[site]
    return np.array(sites)


@pytest.fixture(scope="module")
def names(cubic_llzo):
    return ArrangementNames.of(cubic_llzo, SPLIT_A)


@pytest.fixture(scope="module")
def arrangements(cubic_llzo):
    too_close = cubic_llzo.distances_A < 1.2
    return [drawn(too_close, 40, seed) for seed in range(30)]


def test_no_operation_and_no_order_changes_a_name(cubic_llzo, names, arrangements):
    rng = np.random.default_rng(0)
    for sites in arrangements[:3]:
        expected = names.name(sites)
        assert len(bytes.fromhex(expected)) == 8
        for image in cubic_llzo.permutations[::3]:
            assert names.name(rng.permutation(image[sites])) == expected


def test_arrangements_that_no_operation_relates_have_two_names(
    cubic_llzo, names, arrangements
):
    images = cubic_llzo.permutations
    rows = [*arrangements, *(images[7 + n][s] for n, s in enumerate(arrangements))]
    found = [names.name(sites) for sites in rows]
    # Enumeration's canonical form, of occupations by whole positions.
    whole = np.stack([names.alike[sites].any(axis=0) for sites in rows])
    orbits = canonical_orbits(cubic_llzo, whole).orbit_of
    assert len(set(found)) == len(set(orbits.tolist())) == 30
    assert len(set(zip(found, orbits.tolist(), strict=True))) == 30


def test_the_halves_of_a_split_site_are_one_position(cubic_llzo, names, arrangements):
    sites = arrangements[0]
    distances = cubic_llzo.distances_A
    pairs = [
        (place, int(np.flatnonzero((d > 0) & (d < SPLIT_A))[0]))
        for place, d in enumerate(distances[sites])
        if ((d > 0) & (d < SPLIT_A)).any()
    ]
    assert len(pairs) > 10
    for place, half in pairs:
        other = sites.copy()
        other[place] = half
        assert names.name(other) == names.name(sites)
    strict = ArrangementNames.of(cubic_llzo, 0.5)
    assert strict.name(other) != strict.name(sites)
    # Both halves at once is no arrangement.
    place, half = pairs[0]
    assert names.name(np.append(sites, half)) is None
    assert strict.name(np.append(sites, half)) is not None
    assert strict.name(np.append(sites, sites[0])) is None


def test_a_site_knows_which_species_it_holds():
    """Four sites on a ring, each for Li or Na: places 0-3 and 4-7."""
    angle = np.arange(4) * np.pi / 2
    ring = 0.5 + 0.3 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    sites = np.concatenate([ring, ring])
    turn = np.array([1, 2, 3, 0])
    turns = [np.arange(4), turn, turn[turn], turn[turn[turn]]]
    parent = ParentCrystal(
        cell=10 * np.eye(3),
        framework_numbers=np.array([], int),
        framework_fractional=np.empty((0, 3)),
        sites=sites,
        groups=(
            SiteGroup("a/Li", "Li", np.arange(4), "a"),
            SiteGroup("a/Na", "Na", np.arange(4, 8), "a"),
        ),
        permutations=np.array([np.concatenate([t, 4 + t]) for t in turns]),
        space_group=("P4", 75),
        distances_A=10 * np.linalg.norm(sites[:, None] - sites[None], axis=2),
    )
    names = ArrangementNames.of(parent, SPLIT_A)

    def name(*places):
        return names.name(np.array(places))

    assert name(0, 5) == name(3, 4) == name(6, 1)
    # Li beside Na in the other sense, opposite, and with the species exchanged.
    assert len({name(0, 5), name(0, 7), name(0, 6), name(0, 1), name(4, 5)}) == 5
    assert name(0, 4) is None
