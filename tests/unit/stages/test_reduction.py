"""The reduction counts every row, weighs it rightly and says what is missing."""

import io

import numpy as np
import pytest

from confvib.errors import TableError
from confvib.stages.job import Progress
from confvib.stages.reduce_thermodynamics import reduce_thermodynamics
from confvib.stages.reduction_chunks import read_chunks
from confvib.stages.set_facts import set_facts
from confvib.tables.parquet import read_table
from confvib.tables.thermodynamics_contracts import CONVERGENCE, THERMODYNAMICS
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.units import BOLTZMANN_EV_PER_K as KB

T = 300.0


def reduced(campaign, **changes):
    inputs, expected = campaign.write()
    outputs = {
        name: str(campaign.folder / f"{name}.parquet")
        for name in ("thermodynamics", "convergence", "shares")
    }
    reduce_thermodynamics(
        inputs,
        outputs,
        set_name="6_2",
        params={
            "settings": {
                "temperatures_K": [T],
                "bootstrap_samples": 20,
                "min_coverage": 0.98,
            },
            "equivalence": "symmetry",
            "seed": 1,
            "config_hash": "out",
            "expected": expected,
            **changes,
        },
        progress=Progress("test", io.StringIO()),
    )
    rows = read_table(outputs["thermodynamics"], THERMODYNAMICS, "out").to_pylist()
    curves = read_table(outputs["convergence"], CONVERGENCE, "out").to_pylist()
    return {(row["convention"], row["level"]): row for row in rows}, curves


def test_canonical_conf_is_the_weighted_sum_by_hand(campaign):
    rows, _ = reduced(campaign)
    row = rows["canonical", "conf"]
    energy = np.array(list(campaign.energies_eV.values()))
    # Four of six orbits were drawn: each stands for 6/4 of its own multiplicity.
    weight = np.array([8, 4, 4, 2]) * 6 / 4
    boltzmann = weight * np.exp(-(energy - energy.min()) / (KB * T))
    F = energy.min() - KB * T * np.log(boltzmann.sum())
    U = (boltzmann * energy).sum() / boltzmann.sum()
    assert row["log_Z"] == pytest.approx(np.log(boltzmann.sum()), rel=1e-12)
    assert row["G_eV_per_atom"] == pytest.approx(F / 4, rel=1e-13)
    assert row["average_eV_per_atom"] == pytest.approx(U / 4, rel=1e-13)
    assert row["S_meV_per_atom_K"] == pytest.approx(1e3 * (U - F) / T / 4, rel=1e-9)
    assert row["coverage_multiplicity"] == pytest.approx(18 / 21)
    assert (row["n_configurations"], row["n_selected"], row["n_used"]) == (6, 4, 4)
    assert row["status"] == "ok"


def test_rows_of_a_draw_stand_for_the_set_they_were_drawn_from(campaign):
    everything, _ = reduced(campaign)
    campaign.represents = 1e30 / 6
    rows, _ = reduced(campaign)
    before, after = (r["canonical", "conf"] for r in (everything, rows))
    # A uniform draw leaves averages as they are and scales Z.
    assert after["log_Z"] - before["log_Z"] == pytest.approx(np.log(1e30 / 6), rel=1e-12)
    assert after["U_eV_per_atom"] == pytest.approx(before["U_eV_per_atom"], rel=1e-13)
    gained = 1e3 * KB * np.log(1e30 / 6) / 4
    assert after["S_meV_per_atom_K"] - before["S_meV_per_atom_K"] == pytest.approx(gained)
    assert after["n_configurations"] == pytest.approx(1e30)
    assert after["coverage_multiplicity"] == pytest.approx(18 / (21 * 1e30 / 6))


def test_harmonic_level_adds_the_modes_free_energy(campaign):
    rows, _ = reduced(campaign)
    row = rows["canonical", "conf+harmonic"]
    ranks = list(campaign.energies_eV)
    thermo = [
        harmonic_from_modes(campaign.frequencies_THz * (1 + 0.01 * rank), [T])
        for rank in ranks
    ]
    A = np.array(list(campaign.energies_eV.values())) + [
        float(part.free_energy_eV[0]) for part in thermo
    ]
    weight = np.array([8, 4, 4, 2]) * 6 / 4
    F = -KB * T * np.log(np.sum(weight * np.exp(-(A - A.min()) / (KB * T)))) + A.min()
    assert row["G_eV_per_atom"] == pytest.approx(F / 4, rel=1e-13)
    for name in ("canonical", "published"):
        for level in ("conf", "conf+harmonic", "conf+md"):
            one = rows[name, level]
            assert one["G_eV_per_atom"] == pytest.approx(
                one["average_eV_per_atom"] + one["minus_TS_eV_per_atom"], rel=1e-12
            )


def test_published_uses_representatives_and_per_atom_energies(campaign):
    rows, _ = reduced(campaign)
    row = rows["published", "conf"]
    kept = np.array([campaign.energies_eV[rank] for rank in (0, 1, 4)]) / 4
    Z = np.exp(-(kept - kept.min()) / (KB * T)).sum()
    assert row["log_Z"] == pytest.approx(np.log(Z), rel=1e-12)
    assert (row["n_configurations"], row["n_used"]) == (5, 3)
    vibrating = rows["published", "conf+md"]
    u = np.array([campaign.energies_eV[rank] + 0.1 for rank in (0, 1, 4)]) / 4 - 0.28
    p = np.exp(-(u - u.min()) / (KB * T))
    assert vibrating["average_eV_per_atom"] == pytest.approx((p * u).sum() / p.sum())


def test_a_failed_row_is_counted_and_makes_the_table_incomplete(campaign):
    campaign.harmonic_status = {1: "imaginary_modes", 2: "nan"}
    rows, _ = reduced(campaign)
    row = rows["canonical", "conf+harmonic"]
    assert (row["n_used"], row["n_failed"]) == (2, 2)
    assert row["status"] == "incomplete"
    assert row["reason"] == (
        "2 of 4 selected configurations entered, below min_coverage 0.98: "
        "1 imaginary_modes, 1 nan; one configuration carries 52% of the weight: the set "
        "is too sparse for this temperature, and its averages are those of that "
        "configuration"
    )
    assert rows["canonical", "conf"]["status"] == "ok"


def test_a_level_without_rows_says_so(campaign):
    campaign.harmonic_status = dict.fromkeys(campaign.energies_eV, "imaginary_modes")
    rows, _ = reduced(campaign)
    row = rows["canonical", "conf+harmonic"]
    assert row["status"] == "failed"
    assert row["reason"] == "no usable row: 4 imaginary_modes"
    assert row["G_eV_per_atom"] is None


def test_noisy_runs_are_refused_by_the_gate(campaign):
    rows, _ = reduced(campaign)
    assert rows["canonical", "conf+md"]["noise_gate"] == "passed"
    campaign.energies_eV = {**campaign.energies_eV, 90: -10.0}
    campaign.multiplicity = (*campaign.multiplicity, *[1] * 85)
    campaign.fingerprints = (*campaign.fingerprints, *(f"f{k}" for k in range(85)))
    rows, _ = reduced(campaign)
    row = rows["canonical", "conf+md"]
    assert (row["noise_gate"], row["status"]) == ("refused", "noise_gate")


def test_ions_off_their_sites_are_said(campaign):
    campaign.n_moved = {2: 3}
    rows, _ = reduced(campaign)
    assert rows["canonical", "conf"]["n_left_basin"] == 1
    assert "in 1 of 4 configurations ions left" in rows["canonical", "conf"]["reason"]
    assert rows["published", "conf"]["n_left_basin"] == 0


def test_runs_that_left_their_basin_are_said(campaign):
    campaign.left_basin = {0, 1}
    rows, _ = reduced(campaign)
    row = rows["canonical", "conf+md"]
    assert (row["n_left_basin"], row["status"]) == (2, "left_basin")
    assert rows["canonical", "conf"]["n_left_basin"] == 0


def test_starts_that_fell_into_one_minimum_are_counted_and_stay(campaign):
    campaign.energies_eV |= {2: -10.0204}  # 0.4 meV below rank 1
    before, _ = reduced(campaign)
    campaign.arrangement = {1: "shared", 2: "shared"}
    rows, _ = reduced(campaign)
    for level in ("conf", "conf+harmonic", "conf+md"):
        row = rows["canonical", level]
        assert row["n_shared_minimum"] == 1
        assert (row["n_used"], row["status"]) == (4, "shared_minimum")
        assert row["reason"] == (
            "1 of 4 configurations fell into the minimum of another one, which is "
            "counted more than once"
        )
        assert row["G_eV_per_atom"] == before["canonical", level]["G_eV_per_atom"]
        # Of the two only rank 1 represents its pair class.
        assert rows["published", level]["n_shared_minimum"] == 0
    campaign.energies_eV |= {2: -10.03}
    rows, _ = reduced(campaign)
    assert rows["canonical", "conf"]["n_shared_minimum"] == 0


def test_no_reduction_knows_the_entropy_of_2pt(campaign):
    chunk = next(read_chunks(*campaign.write()))
    columns = chunk.dynamics[T].column_names
    assert "entropy_M_eV_per_K" in columns
    assert not {"entropy_2PT_eV_per_K", "fluidity_by_element"} & set(columns)


def test_pair_classes_carry_their_whole_multiplicity(campaign):
    campaign.energies_eV = {0: -10.0, 1: -10.0, 3: -10.0, 4: -10.0, 5: -10.0}
    inputs, expected = campaign.write()
    facts = set_facts(
        inputs["configurations"], expected["configurations"], "pair_distances"
    )["6_2"]
    assert list(facts.class_multiplicity.values()) == [8, 8, 2, 2, 1]
    assert (facts.n_orbits, facts.n_microstates) == (5, 21)
    rows, _ = reduced(campaign, equivalence="pair_distances")
    # Equal energies: the entropy is that of all 21 arrangements.
    found = rows["canonical", "conf"]
    assert found["S_meV_per_atom_K"] == pytest.approx(1e3 * KB * np.log(21) / 4)
    assert found["S_ideal_meV_per_atom_K"] == pytest.approx(1e3 * KB * np.log(21) / 4)


def test_convergence_ends_at_the_table(campaign):
    rows, curves = reduced(campaign)
    for (convention, level), row in rows.items():
        last = [
            curve
            for curve in curves
            if (curve["convention"], curve["level"]) == (convention, level)
        ][-1]
        assert last["rank"] == row["n_used"]
        assert last["G_eV_per_atom"] == pytest.approx(row["G_eV_per_atom"], rel=1e-12)
        assert last["minus_TS_eV_per_atom"] == pytest.approx(
            row["minus_TS_eV_per_atom"], rel=1e-9
        )


def test_a_foreign_table_is_refused(campaign):
    inputs, expected = campaign.write()
    with pytest.raises(TableError, match="made from configuration 'hash', but"):
        next(read_chunks(inputs, expected | {"relaxed": ["other"]}))
