"""Tables of two phases to differences: signs, errors, objections, crossings."""

import io
import time
from pathlib import Path

import pytest

from confvib.errors import TableError
from confvib.stages.compare_phases import compare_phases
from confvib.stages.job import Progress
from confvib.tables.parquet import read_table, write_table
from confvib.tables.phase_contracts import PHASE_CROSSINGS, PHASE_STABILITY
from confvib.tables.provenance import collect
from confvib.tables.thermodynamics_contracts import THERMODYNAMICS
from confvib.units import BOLTZMANN_EV_PER_K

TOY = Path(__file__).parents[2] / "toy"
CRYSTAL = {
    "site_groups": {"8c": "O"},
    "symmetry_tolerance_A": 0.01,
    "supercell": [1, 1, 1],
}
CURVE = {300: 0.010, 900: -0.010}
N_ATOMS = 4 + 6  # La4 O6 in the cell of tests/toy/La2O3.cif


def row(convention, level, temperature_K, G, stderr=None, **other):
    return {
        **dict.fromkeys(column.name for column in THERMODYNAMICS.columns),
        "set": "6_8",
        "equivalence": "symmetry",
        "convention": convention,
        "level": level,
        "temperature_K": float(temperature_K),
        "average_eV_per_atom": G + 0.25,
        "minus_TS_eV_per_atom": -0.25,
        "S_meV_per_atom_K": 250 / temperature_K,
        "G_eV_per_atom": G,
        "G_stderr_eV_per_atom": stderr,
        "n_configurations": 3.0,
        "status": "ok",
        "reason": "",
    } | other


def alone(convention, level, temperature_K, G, **other):
    """A row of a phase with one configuration."""
    same = {"set": "ordered", "n_configurations": 1.0, "average_eV_per_atom": G}
    same |= {"minus_TS_eV_per_atom": 0.0, "S_meV_per_atom_K": 0.0}
    return row(convention, level, temperature_K, G, **same, **other)


def compare(tmp_path, ours, theirs, hashes=("a", "b"), reported=()):
    for name, rows, config_hash in (("ours", ours, "a"), ("theirs", theirs, "b")):
        write_table(
            tmp_path / f"{name}.parquet",
            THERMODYNAMICS,
            rows,
            collect(config_hash, started=time.monotonic()),
        )
    log = io.StringIO()
    compare_phases(
        inputs={
            "campaign": str(tmp_path / "ours.parquet"),
            "phases": [str(tmp_path / "theirs.parquet")],
            "structures": [str(TOY / "La2O3.cif")],
        },
        stability=str(tmp_path / "stability.parquet"),
        crossing=str(tmp_path / "crossings.parquet"),
        params={
            "phases": [
                {
                    "phase": "beta",
                    "crystal": CRYSTAL,
                    "counts": {"8c": 6},
                    "force_fields": dict.fromkeys(
                        ("conf", "conf+harmonic", "conf+md"), "own"
                    ),
                    "reported": list(reported),
                }
            ],
            "atoms_per_formula": 5,
            "expected": {"campaign": hashes[0], "phases": [hashes[1]]},
            "config_hash": "c",
        },
        progress=Progress("compare_phases", log),
    )
    tables = (
        read_table(tmp_path / "stability.parquet", PHASE_STABILITY, "c"),
        read_table(tmp_path / "crossings.parquet", PHASE_CROSSINGS, "c"),
    )
    return *(table.to_pylist() for table in tables), log.getvalue()


def test_the_difference_is_campaign_minus_phase_with_its_parts(tmp_path):
    ours = [row("canonical", "conf", T, -8.0 + dG, 0.003) for T, dG in CURVE.items()]
    theirs = [
        row("canonical", "conf", T, -8.0, 0.004, set="other", average_eV_per_atom=-7.8)
        for T in CURVE
    ]
    rows, turns, said = compare(tmp_path, ours, theirs)
    first = rows[0]
    assert first["delta_G_meV_per_atom"] == pytest.approx(10.0)
    assert first["delta_G_stderr_meV_per_atom"] == pytest.approx(5.0)
    assert first["delta_G_eV_per_formula"] == pytest.approx(0.05)
    assert first["delta_average_meV_per_atom"] == pytest.approx(60.0)
    assert first["delta_minus_TS_meV_per_atom"] == pytest.approx(0.0)
    assert (first["set"], first["phase_set"]) == ("6_8", "other")
    assert first["reported_meV_per_atom"] is None
    (turn,) = turns
    assert turn["status"] == "ok"
    assert turn["temperature_K"] == pytest.approx(600.0)
    assert turn["temperature_stderr_K"] == pytest.approx(5.0 / (1 / 30))
    assert turn["slope_meV_per_atom_K"] == pytest.approx(-1 / 30)
    assert turn["stable_below"] == "phase"
    assert "beta, canonical, conf: equally stable at 600 ± 150 K" in said


def test_a_single_configuration_has_the_error_of_its_run_alone(tmp_path):
    levels = ("conf", "conf+harmonic", "conf+md")
    ours = [
        row(convention, level, 300, -8.0, 0.003)
        for convention in ("canonical", "published")
        for level in levels
    ]
    theirs = [
        alone(
            convention,
            level,
            300,
            -8.1,
            noise_sigma_over_kT=2.0
            if (convention, level) == ("canonical", "conf+md")
            else None,
        )
        for convention in ("canonical", "published")
        for level in levels
    ]
    rows, turns, _ = compare(tmp_path, ours, theirs)
    errors = {
        (each["convention"], each["level"], each["phase_level"]): each[
            "phase_G_stderr_eV_per_atom"
        ]
        for each in rows
    }
    noise = 2.0 * BOLTZMANN_EV_PER_K * 300 / N_ATOMS
    assert errors == {
        ("canonical", "conf", "conf"): 0.0,
        ("canonical", "conf+harmonic", "conf+harmonic"): 0.0,
        ("canonical", "conf+md", "conf+md"): pytest.approx(noise),
        ("published", "conf", "conf"): 0.0,
        ("published", "conf+harmonic", "conf+harmonic"): 0.0,
        ("published", "conf+md", "conf+md"): None,
        # The paper also set G_conf against F_vib.
        ("published", "conf", "conf+md"): None,
    }
    assert {turn["status"] for turn in turns} == {"too_few"}


def test_objections_to_either_row_stay(tmp_path):
    ours = [
        row("canonical", "conf", 300, -8.0, 0.1, status="incomplete", reason="few"),
        row("canonical", "conf", 900, -8.0, 0.1),
    ]
    theirs = [
        alone("canonical", "conf", 300, -8.1, status="left_basin", reason="ions left"),
        alone("canonical", "conf", 900, -7.9),
    ]
    rows, (turn,), _ = compare(tmp_path, ours, theirs)
    assert rows[0]["status"] == "incomplete"
    assert rows[0]["reason"] == "campaign: few; beta: ions left"
    assert (rows[1]["status"], rows[1]["reason"]) == ("ok", "")
    assert turn["status"] == "objections"
    assert turn["reason"] == "rows of the curve are incomplete"


def test_a_failed_level_has_no_difference_and_says_why(tmp_path):
    failed = {"G_eV_per_atom": None, "status": "failed", "reason": "no usable row"}
    ours = [row("canonical", "conf", T, -8.0, 0.1) for T in (300, 600, 900)]
    theirs = [alone("canonical", "conf", T, -8.1) for T in (300, 600)]
    theirs.append(alone("canonical", "conf", 900, -8.1) | failed)
    rows, (turn,), _ = compare(tmp_path, ours, theirs)
    assert rows[2]["delta_G_meV_per_atom"] is None
    assert rows[2]["reason"] == "beta: no usable row"
    assert (turn["n_points"], turn["temperature_K"]) == (2, None)
    assert turn["status"] == "no_crossing"
    assert turn["reason"] == "beta is the stable one from 300 to 600 K"


def test_reported_values_stand_beside_the_published_convention(tmp_path):
    ours = [row(each, "conf", 300, -8.0) for each in ("canonical", "published")]
    theirs = [
        alone(each, level, 300, -8.1)
        for each in ("canonical", "published")
        for level in ("conf", "conf+md")
    ]
    about = {"level": "conf", "phase_level": "conf+md", "meV_per_atom": 147.0}
    reported = [{**about, "temperature_K": T} for T in (300.0, 1500.0)]
    rows, _, _ = compare(tmp_path, ours, theirs, reported=reported)
    shown = [each for each in rows if each["reported_meV_per_atom"] is not None]
    assert [each["temperature_K"] for each in shown] == [300.0, 1500.0]
    assert {each["convention"] for each in shown} == {"published"}
    assert shown[0]["delta_G_meV_per_atom"] == pytest.approx(100.0)
    assert shown[1]["delta_G_meV_per_atom"] is None
    assert shown[1]["reason"] == "the campaign has no conf at 1500 K"


def test_a_table_of_another_configuration_is_refused(tmp_path):
    ours, theirs = ([row("canonical", "conf", 300, -8.0)] for _ in range(2))
    with pytest.raises(TableError, match="made from configuration 'b'"):
        compare(tmp_path, ours, theirs, hashes=("a", "x"))
