from dataclasses import replace

import pytest
from custodian.vasp.handlers import VaspErrorHandler
from pymatgen.io.vasp.inputs import Incar

from confvib.dft.handlers import REMARKS, REPAIRED_ALWAYS, REPAIRED_IN_RELAXATION
from confvib.dft.level import level_of_theory, refusal
from confvib.dft.potcars import read_potcars

INCAR = Incar({"ENCUT": 500, "EDIFF": 1e-5, "ALGO": "Fast", "ISMEAR": 0, "SIGMA": 0.05})


@pytest.fixture
def level(settings, library):
    def hash_of(**changes):
        changed = replace(settings, **changes)
        return level_of_theory(changed, read_potcars(changed))

    return hash_of


def setting(**keys):
    return {"dict": "INCAR", "action": {"_set": keys}}


def test_level_forgets_how_the_ground_state_is_found(level, settings):
    same = dict(settings.incar) | {"ENCUT": "500.", "ALGO": "All", "NCORE": 8, "POTIM": 1}
    assert level(incar=same) == level()
    assert level(command="srun vasp_gam", ediffg=-0.01, poll_s=1.0) == level()
    assert level().startswith("vasp-")
    assert len(level()) == len("vasp-") + 16


@pytest.mark.parametrize(
    "key", ["ENCUT", "GGA", "METAGGA", "ISPIN", "ISMEAR", "SIGMA", "PREC", "LREAL", "XYZ"]
)
def test_level_remembers_physics_and_keys_it_does_not_know(level, settings, key):
    assert level(incar=dict(settings.incar) | {key: 2}) != level()


def test_level_remembers_kpoints_version_and_potcars(level, library):
    original = level()
    assert level(kpoints=(2, 1, 1)) != original
    assert level(version="6.4.2") != original
    path = library / "POTCAR.Li_sv_GW"
    path.write_text(path.read_text().replace("1.0 2.0 3.0", "1.0 2.0 3.1"))
    assert level() != original


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (setting(ENCUT=400), "changed ENCUT from 500.0 to 400"),
        (setting(GGA="Ps"), "changed GGA from None to Ps"),
        (setting(METAGGA="Scan"), "changed METAGGA from None to Scan"),
        (setting(ISPIN=2), "changed ISPIN from None to 2"),
        (
            setting(ISMEAR=1, SIGMA=0.2),
            "changed ISMEAR from 0 to 1; changed SIGMA from 0.05 to 0.2",
        ),
        (setting(PREC="Accurate"), "changed PREC from None to Accurate"),
        (setting(LREAL=False), "changed LREAL from None to False"),
        (setting(EDIFF=1e-3), "changed EDIFF from 1e-05 to 0.001"),
        (setting(ICHARG=11), "changed ICHARG from None to 11"),
        (setting(KSPACING=0.3), "changed KSPACING from None to 0.3"),
        (setting(LDAUU=[4.0]), "changed LDAUU from None to [4.0]"),
        (setting(LASPH=True), "changed LASPH from None to True"),
        (setting(MAGMOM=[1.0]), "changed MAGMOM from None to [1.0]"),
        (setting(NSW=5), "changed NSW from None to 5"),
        (setting(ISIF=3), "changed ISIF from None to 3"),
        (setting(TEBEG=5), "changed TEBEG from None to 5"),
        (
            {"dict": "INCAR", "action": {"_unset": {"SIGMA": 1}}},
            "changed SIGMA from 0.05 to None",
        ),
        (
            {"dict": "KPOINTS", "action": {"_set": {"generation_style": "Monkhorst"}}},
            "rewrote KPOINTS",
        ),
        ({"dict": "POSCAR", "action": {"_set": {"structure": {}}}}, "rewrote POSCAR"),
        (
            {"file": "POTCAR", "action": {"_file_delete": {"mode": "actual"}}},
            "altered POTCAR by {'_file_delete': {'mode': 'actual'}}",
        ),
    ],
)
def test_repairs_that_change_the_label_are_named(action, words):
    assert refusal(action, INCAR, restartable=True) == words
    assert refusal(action, INCAR, restartable=False) == words


@pytest.mark.parametrize(
    "action",
    [
        setting(ALGO="Normal"),
        setting(Algo="Normal", AMIN=0.01, BMIX=3.0, ICHARG=2),
        setting(NBANDS=400),
        setting(ISYM=0, SYMPREC=1e-6),
        setting(EDIFF=1e-6, NELMIN=8),
        {"file": "WAVECAR", "action": {"_file_delete": {"mode": "actual"}}},
    ],
)
def test_repairs_of_the_minimiser_are_let_through(action):
    assert refusal(action, INCAR, restartable=True) == ""
    assert refusal(action, INCAR, restartable=False) == ""


def test_only_a_relaxation_may_go_on_from_its_last_geometry():
    restart = {"file": "CONTCAR", "action": {"_file_copy": {"dest": "POSCAR"}}}
    assert refusal(restart, INCAR, restartable=True) == ""
    assert refusal(restart, INCAR, restartable=False) == (
        "started the dynamics again from CONTCAR"
    )
    assert refusal(setting(POTIM=0.25), INCAR, restartable=True) == ""
    assert refusal(setting(POTIM=0.25), INCAR, restartable=False) == (
        "changed POTIM from None to 0.25"
    )


def test_every_named_error_is_one_custodian_knows():
    named = REPAIRED_ALWAYS | REPAIRED_IN_RELAXATION | REMARKS
    assert named <= set(VaspErrorHandler.error_msgs)
    assert not REPAIRED_ALWAYS & REPAIRED_IN_RELAXATION
