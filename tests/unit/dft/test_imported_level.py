"""Runs are of one level exactly when what defines their energies is the same."""

from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk

from confvib.dft.folders import find_runs
from confvib.dft.imported import read_run
from confvib.dft.imported_level import (
    campaign_differences,
    campaign_level,
    differences,
    level_hash,
)
from confvib.dft.potcars import read_potcars
from confvib.dft.settings import VaspSettings

DATA = Path(__file__).parents[2] / "data" / "vasp"


def level_in(folder, spool):
    (file,) = [each for each in find_runs([folder]) if not each.problem]
    return read_run(file, spool).level


@pytest.fixture
def level(vasp_run, tmp_path):
    """Return the level of a run with some keys."""

    def of(atoms=None, **options):
        folder = tmp_path / "run"
        vasp_run(folder / "vasprun.xml", [atoms or bulk("Si")], **options)
        return level_in(folder, tmp_path / "frames")

    return of


SAME = [
    {"incar": {"ISPIN": 1, "PREC": "normal", "LREAL": False, "METAGGA": "None"}},
    {"incar": {"GGA": "PE ! as the POTCAR"}},
    {"incar": {"ALGO": "All", "NCORE": 8, "NELM": 200, "ISYM": 0, "LWAVE": False}},
    {"incar": {"IBRION": 0, "MDALGO": 2, "SMASS": 0.5, "TEBEG": 300.0, "POTIM": 2.0}},
    {"incar": {"IBRION": 0, "MDALGO": 1, "ANDERSEN_PROB": 0.1, "RANDOM_SEED": 7}},
    {"incar": {"ML_LMLFF": True, "ML_RCUT1": 8.0}},
    {"incar": {"MAGMOM": [1.0, 1.0]}},
    {"style": "Monkhorst-Pack"},
]


@pytest.mark.parametrize("options", SAME, ids=str)
def test_what_changes_no_energy_changes_no_level(level, options):
    assert differences([level(), level(**options)]) == []
    assert level_hash(level()) == level_hash(level(**options))


OTHER = [
    ({"incar": {"ENCUT": 520.0}}, "ENCUT 500 / 520"),
    ({"incar": {"EDIFF": 1e-6}}, "EDIFF 0.0001 / 1e-06"),
    ({"incar": {"PREC": "Accurate"}}, "PREC NORMAL / ACCURATE"),
    ({"incar": {"LREAL": "Auto"}}, "LREAL F / AUTO"),
    ({"incar": {"GGA": "PS"}}, "GGA PE / PS"),
    ({"incar": {"METAGGA": "R2scan"}}, "METAGGA -- / R2SCAN"),
    ({"incar": {"IVDW": 12}}, "IVDW 0 / 12"),
    ({"correction_eV": -0.7}, "IVDW 0 / unknown"),
    ({"incar": {"NELECT": 9.0}}, "NELECT unset / 9"),
    ({"incar": {"A_NEW_KEY": 3}}, "A_NEW_KEY unset / 3"),
    ({"mesh": "2 2 2"}, "k-points 1 1 1 / 2 2 2"),
    (
        {"mesh": "2 2 3", "style": "Monkhorst-Pack"},
        "k-points 1 1 1 / 2 2 3 shifted by 0.5 0.5 0",
    ),
    ({"version": "5.4.4"}, "VASP 6.3.2 / 5.4.4"),
    ({"incar": {"IBRION": 0, "MDALGO": 21}}, "MDALGO unset / 21"),
]


@pytest.mark.parametrize(("options", "said"), OTHER, ids=[said for _, said in OTHER])
def test_what_changes_energies_changes_the_level(level, options, said):
    assert differences([level(), level(**options)]) == [said]
    assert level_hash(level()) != level_hash(level(**options))


def test_a_correction_that_the_run_names_is_not_unknown(level):
    named = level(incar={"IVDW": 12}, correction_eV=-0.7)
    assert named["IVDW"] == "12"


def test_lists_follow_the_elements_not_their_order(level):
    ab = Atoms("FeO", [[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True)
    ba = ab[[1, 0]]
    keys = {"LDAU": True, "LDAUL": [2.0, -1.0], "LDAUU": [4.0, 0.0], "ISPIN": 2}
    turned = keys | {"LDAUL": [-1.0, 2.0], "LDAUU": [0.0, 4.0]}
    one = level(ab, incar=keys | {"MAGMOM": [5.0, 0.6]})
    other = level(ba, incar=turned | {"MAGMOM": [0.6, 5.0]})
    assert one["LDAUU"] == "Fe 4, O 0"
    assert one["MAGMOM"] == "Fe 5, O 0.6"
    assert differences([one, other]) == []
    assert differences([one, level(ab, incar=turned | {"MAGMOM": [5.0, 0.6]})])


def test_levels_of_real_runs(tmp_path):
    si64 = level_in(DATA / "Si64-6.3.2", tmp_path / "frames")
    assert {"PREC": "LOW", "LREAL": "AUTO", "SIGMA": "0.1", "ISMEAR": "0"}.items() <= (
        si64.items()
    )
    # No ENCUT was set: VASP took that of the POTCAR.
    assert si64["ENCUT"] == "184.009"
    assert si64["POTCAR of Si"] == "PAW_PBE Si 05Jan2001"
    assert (si64["k-points"], si64["VASP"], si64["GGA"]) == ("1 1 1", "6.3.2", "PE")
    feo = level_in(DATA / "FeO-5.3.5", tmp_path / "frames")
    assert feo["LDAUU"] == "Fe 4, O 0"
    assert feo["MAGMOM"] == "Fe -5, Fe 5, O 0.6"
    # VASP 5.3 added 3.5 eV of dispersion and reports no key of it.
    assert level_in(DATA / "CsCl-5.3.5", tmp_path / "frames")["IVDW"] == "unknown"
    assert feo["IVDW"] == "0"


INCAR = {"ENCUT": 184.009, "PREC": "Low", "LREAL": "Auto", "ISMEAR": 0, "SIGMA": "0.1"}


def settings(**changes):
    values = {
        "command": "vasp",
        "incar": INCAR,
        "potcar_symbols": {"Si": "Si", "O": "O"},
        "potcar_functional": "PBE_54",
        "kpoints": [1, 1, 1],
    }
    return VaspSettings.from_mapping(values | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"version": "6.3.2"}, []),
        ({"version": "6.4.2"}, ["VASP 6.3.2 / 6.4.2"]),
        ({"incar": INCAR | {"GGA": "Pe", "ISPIN": 1, "EDIFF": 1e-4}}, []),
        ({"incar": INCAR | {"EDIFF": "1E-5"}}, ["EDIFF 0.0001 / 1e-05"]),
        ({"incar": INCAR | {"LASPH": ".TRUE."}}, ["LASPH F / T"]),
        ({"kpoints": [2, 2, 2]}, ["k-points 1 1 1 / 2 2 2"]),
    ],
)
def test_a_finished_run_is_compared_with_a_campaign(
    potcar_library, tmp_path, changes, said
):
    asked = settings(**changes)
    wanted = campaign_level(asked, read_potcars(asked))
    found = level_in(DATA / "Si64-6.3.2", tmp_path / "frames")
    assert campaign_differences(found, wanted) == said


def test_another_pseudopotential_is_a_difference(potcar_library, tmp_path):
    path = potcar_library / "POT_GGA_PAW_PBE_54" / "POTCAR.Si"
    path.write_text(path.read_text().replace("05Jan2001", "08Apr2002"))
    asked = settings()
    found = level_in(DATA / "Si64-6.3.2", tmp_path / "frames")
    assert campaign_differences(found, campaign_level(asked, read_potcars(asked))) == [
        "POTCAR of Si PAW_PBE Si 05Jan2001 / PAW_PBE Si 08Apr2002"
    ]
