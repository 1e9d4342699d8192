"""``confvib count`` and how every command reads its configuration."""

import json

import pytest
import yaml
from snakemake.utils import update_config

from confvib.campaign.composition import group_counts
from confvib.cli.console import readable
from confvib.cli.loading import merge

LLZO = {
    8: (80_019_456, 835_190),
    9: (86_900_736, 905_216),
    10: (35_417_088, 369_436),
    11: (6_344_640, 66_090),
    12: (426_024, 4_493),
    13: (1_056, 11),
}


def test_llzo_table(confvib):
    code, out, _ = confvib("count")
    assert code == 0
    assert out.startswith(
        "c-LLZO (Li7La3Zr2O12), Ia-3d (230), 96 operations on the sites; rules: "
        "24d–96h > 2.0 Å, 96h–96h > 1.0 Å; equivalence: symmetry; "
    )
    lines = [line.replace("│", " ").split() for line in out.splitlines() if "│" in line]
    assert lines == [
        *(
            [str(n), str(56 - n), f"{raw:,}", f"{orbits:,}", *name]
            for (n, (raw, orbits)), name in zip(
                LLZO.items(), ([], [], [], ["11_45"], ["12_44"], []), strict=True
            )
        ),
        ["total", "209,109,000", "2,180,436"],
    ]
    assert "Classes of equal pair distances are known only once a set is enum" in out


def test_llzo_json(confvib):
    code, out, _ = confvib("count", "--json")
    report = json.loads(out)
    assert code == 0
    assert {
        row["counts"]["24d"]: (row["raw_count"], row["n_inequivalent"])
        for row in report["ratios"]
    } == LLZO
    assert [row["sets"] for row in report["ratios"][3:5]] == [["11_45"], ["12_44"]]
    assert report["raw_count"] == 209_109_000
    assert report["n_inequivalent"] == 2_180_436
    assert (report["space_group"], report["n_operations"]) == ("Ia-3d", 96)
    assert report["infeasible_sets"] == []


def test_any_composition_is_exact_where_it_is_large(confvib):
    report = json.loads(confvib("count", "--any-composition", "--json")[1])
    ratios = {tuple(row["counts"].values()): row for row in report["ratios"]}
    # Each of the 48 octahedra holds one ion at one of two ends, or none.
    assert ratios[0, 48]["raw_count"] == 2**48
    assert sum(r["raw_count"] for k, r in ratios.items() if k[0] == 0) == 3**48
    assert (11, 45) in ratios
    assert (14, 42) not in ratios


def test_toy(toy):
    report = json.loads(toy("count", "--json")[1])
    assert report["ratios"] == [
        {"counts": {"8c": 6}, "raw_count": 28, "n_inequivalent": 3, "sets": ["6_8"]}
    ]
    everything = json.loads(toy("count", "--json", "--any-composition")[1])
    assert [row["n_inequivalent"] for row in everything["ratios"]] == [
        *(1, 1, 3, 3, 6, 3, 3, 1, 1)
    ]


@pytest.fixture
def overlay(tmp_path):
    def write(content, name="overlay.yaml"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


def test_several_species_and_vacancies(toy, overlay):
    species = ["O", "F", "vacancy"]
    path = overlay(
        {
            "crystal": {"site_groups": {"8c": species}, "formula": "La4O5F"},
            "sets": {"6_8": {"counts": {"8c": {"O": 5, "F": 1, "vacancy": 2}}}},
            "labels": {"engine": "ionic"},
        }
    )
    code, out, err = toy("count", "--json", overlays=[path])
    assert code == 0, err
    (row,) = json.loads(out)["ratios"]
    assert row["counts"] == {"8c/O": 5, "8c/F": 1, "8c/vacancy": 2}
    # 8 places for F times 21 pairs of the other seven.
    assert row["raw_count"] == 8 * 21
    assert row["sets"] == ["6_8"]


def test_a_set_that_the_rules_forbid_is_named(toy, overlay):
    path = overlay({"crystal": {"distance_rules": [{"min_distance_A": 3.0}]}})
    code, out, _ = toy("count", overlays=[path])
    assert code == 0
    assert "set 6_8: the rules forbid every arrangement" in out
    assert "No occupancy obeys the rules and the composition." in out


def test_merging_is_what_snakemake_does(overlay):
    base = {"a": {"b": 1, "c": {"d": 2}}, "e": [1, 2], "f": {"g": 3}, "h": None}
    top = {"a": {"c": {"d": 5, "x": None}}, "e": [3], "f": 7, "h": {"i": {"j": 1}}}
    expected = {"a": {"b": 1, "c": {"d": 2}}, "e": [1, 2], "f": {"g": 3}, "h": {}}
    merged = merge(base, top)
    update_config(expected, top)
    assert merged == expected
    assert base["a"]["c"] == {"d": 2}


def test_the_set_is_the_campaigns(loaded_toy):
    assert group_counts(loaded_toy.campaign.sets["6_8"]) == {"8c": 6}
    assert loaded_toy.structure.is_file()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (426_024, "426,024"),
        (9_999_999_999_999, "9,999,999,999,999"),
        (3**48, "7.98e+22"),
        (10**400, "1.00e+400"),
    ],
)
def test_counts_are_readable(number, text):
    assert readable(number) == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a list", "holds a list, expected sections such as 'crystal:'"),
        ("a: [1", "not readable as YAML: while parsing a flow sequence"),
        ({"crystal": {"formla": "x"}}, "unknown key; did you mean 'formula'?"),
        ({"crystal": {"structure": "x.cif"}}, "crystal.structure = 'x.cif': no such"),
        ({"sets": {"6_8": {"counts": {"8c": 5}}}}, "5 O in the cell; crystal.formula"),
    ],
)
def test_a_mistake_is_one_message_and_no_traceback(toy, overlay, content, message):
    code, out, err = toy("count", overlays=[overlay(content)])
    assert code == 1
    assert out == ""
    assert err.startswith("confvib: ")
    assert message in err
    assert "Traceback" not in err


def test_a_missing_configuration(toy, tmp_path):
    code, _, err = toy("count", overlays=[tmp_path / "x.yaml"])
    assert (code, err) == (1, f"confvib: {tmp_path}/x.yaml: no such configuration file\n")
