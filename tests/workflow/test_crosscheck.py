"""The cross-check is a target of its own, on the toy campaign from its relaxed cells."""

import pytest

from confvib.tables.crosscheck_contracts import (
    AGREEMENT,
    CODES,
    FREE_ENERGIES,
    METHODS,
    NOISE_GATE,
)
from confvib.tables.parquet import read_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def crosscheck(toy):
    toy.run("crosscheck")
    folder = toy.folder / "results/toy/crosscheck"
    schemas = {
        "free_energies": FREE_ENERGIES,
        "codes": CODES,
        "noise_gate": NOISE_GATE,
        "agreement": AGREEMENT,
    }
    return {
        name: read_table(folder / f"{name}.parquet", schema).to_pylist()
        for name, schema in schemas.items()
    }


def test_four_methods_give_one_free_energy(crosscheck):
    rows = crosscheck["free_energies"]
    assert [row["method"] for row in rows] == [*METHODS, *METHODS]
    assert {row["status"] for row in rows} == {"ok"}
    for one in (rows[:4], rows[4:]):
        _, _, from_hessian, from_einstein = one
        apart = from_hessian["free_energy_eV"] - from_einstein["free_energy_eV"]
        error = (from_hessian["stderr_eV"] ** 2 + from_einstein["stderr_eV"] ** 2) ** 0.5
        assert abs(apart) < 4 * error
        assert error / 10 < 1e-3  # eV per atom
    for row in crosscheck["agreement"]:
        if row["other"] == "hessian":
            assert abs(row["difference_meV_per_atom"]) < 15


def test_other_codes_agree(crosscheck):
    for row in crosscheck["codes"]:
        assert row["phonopy_frequency_difference_THz"] < 1e-4
        assert max(map(abs, row["phonopy_F_difference_eV"])) < 1e-5
    for row in crosscheck["free_energies"]:
        if row["method"] == "vacf":
            assert row["spectrum_area_ratio"] == pytest.approx(1, abs=1e-3)
            assert row["spectrum_difference"] < 5e-3


def test_the_gate_passes_what_is_precise(crosscheck):
    passed = {row["method"]: row["passed"] for row in crosscheck["noise_gate"]}
    assert passed["ti_hessian"]
    assert passed["frenkel_ladd"]


def test_nothing_is_left_to_do(toy, crosscheck):
    assert crosscheck
    figures = toy.folder / "results/toy/figures"
    for name in ("crosscheck.svg", "crosscheck.html", "crosscheck.txt"):
        assert (figures / name).stat().st_size > 0
    assert toy.plan(None, "crosscheck") == {}
    assert toy.plan({"crosscheck": {"configurations": 1}}, "crosscheck") == {
        "tabulate_crosscheck": 1,
        "plot_crosscheck": 1,
        "render_crosscheck": 1,
        "crosscheck": 1,
    }


def test_a_campaign_without_the_section_says_so(workflow, tmp_path):
    answer = workflow(tmp_path).run(
        "crosscheck", changes={"crosscheck": None}, check=False
    )
    assert answer.returncode == 1
    assert "the configuration has no section 'crosscheck'" in answer.stderr
