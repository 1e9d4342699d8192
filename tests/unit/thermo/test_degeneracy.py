"""Rows that fell into one minimum are counted, in any order."""

import itertools

import numpy as np

from confvib.thermo.degeneracy import NO_NAME, SAME_MINIMUM_EV, n_shared_minima

KEYS = {"a": 7, "b": 2**63, None: int(NO_NAME)}


def n_shared(names, energies):
    return n_shared_minima(
        np.array([KEYS[name] for name in names], dtype=np.uint64), energies
    )


def test_name_and_energy_must_agree():
    near, far = -10 + 0.9 * SAME_MINIMUM_EV, -10 + 1.1 * SAME_MINIMUM_EV
    assert n_shared(["a", "a"], np.array([-10, near])) == 1
    assert n_shared(["a", "a"], np.array([-10, far])) == 0
    assert n_shared(["a", "b"], np.array([-10.0, -10.0])) == 0
    assert n_shared([None, None], np.array([-10.0, -10.0])) == 0
    assert n_shared([], np.array([])) == 0


def test_each_minimum_stays_once_whatever_the_order():
    names = ["a", "b", "a", None, "a", "b"]
    energies = np.array([-10.0, -9.0, -10.0004, -10.0, -8.0, -9.0001])
    for order in itertools.permutations(range(6)):
        rows = list(order)
        assert n_shared([names[row] for row in rows], energies[rows]) == 2
