"""Engines from settings: the right one, a stable level of theory, clear refusals."""

import jax
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from confvib.errors import LabelError
from confvib.reference.engine import RelaxationTask
from confvib.reference.factory import make_engine
from confvib.reference.ionic import IonicSettings, ionic_energy_fn

EMT_SETTINGS = {"engine": "ase", "ase": {"calculator": "ase.calculators.emt.EMT"}}


def first_energy_eV(engine, atoms):
    return engine.relaxation_frames(atoms, RelaxationTask(100.0, 1)).frames[0].energy_eV


def test_ionic_engine_computes_the_ionic_potential(lithium_oxide):
    engine = make_engine({"engine": "ionic", "ionic": {"cutoff_A": 5.0}})
    settings = IonicSettings(cutoff_A=5.0)
    numbers, cell = lithium_oxide.numbers, lithium_oxide.cell.array
    energy_of = jax.jit(ionic_energy_fn(numbers, cell, settings=settings))
    assert first_energy_eV(engine, lithium_oxide) == pytest.approx(
        float(energy_of(lithium_oxide.positions)), rel=1e-14
    )
    assert engine.level_of_theory == settings.level_of_theory
    assert make_engine({"engine": "ionic"}).level_of_theory != engine.level_of_theory


def test_ase_engine_imports_its_calculator():
    atoms = bulk("Cu")
    atoms.calc = EMT()
    engine = make_engine(EMT_SETTINGS)
    assert first_energy_eV(engine, atoms) == atoms.get_potential_energy()


def test_level_of_theory_follows_the_arguments():
    def level(kwargs):
        section = {"calculator": "ase.calculators.emt.EMT", "kwargs": kwargs}
        return make_engine({"engine": "ase", "ase": section}).level_of_theory

    assert level({}) == make_engine(EMT_SETTINGS).level_of_theory
    assert level({"asap_cutoff": True}) != level({"asap_cutoff": False})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "gulp"}, "engine is 'gulp', expected 'ionic' or 'ase' here"),
        (
            {"engine": "ionic", "ionic": {"cutof_A": 5.0}},
            (
                "ionic has unknown settings cutof_A; it knows cutoff_A, ewald_tolerance, "
                "switch_width_A"
            ),
        ),
        (
            {"engine": "ase", "ase": {"calculator": "EMT"}},
            (
                "ase.calculator is 'EMT', expected a dotted path such as "
                "'ase.calculators.emt.EMT'"
            ),
        ),
        (
            {"engine": "ase", "ase": {"calculator": "no_such_package.Calc"}},
            (
                "ase.calculator no_such_package.Calc does not import: No module named "
                "'no_such_package'"
            ),
        ),
        (
            {"engine": "ase", "ase": {"calculator": "ase.calculators.emt.NoSuch"}},
            (
                "ase.calculator ase.calculators.emt.NoSuch does not import: module "
                "'ase.calculators.emt' has no attribute 'NoSuch'"
            ),
        ),
        (
            {"engine": "ase", "ase": {"calculator": "ase.atoms.Atoms"}},
            (
                "ase.calculator ase.atoms.Atoms is <class 'ase.atoms.Atoms'>, expected "
                "an ASE calculator"
            ),
        ),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(LabelError) as error:
        make_engine(settings)
    assert str(error.value) == message


def test_wrong_arguments_are_refused_before_the_first_label():
    section = {
        "calculator": "ase.calculators.lj.LennardJones",
        "kwargs": {"restart": {1, 2}},
    }
    with pytest.raises(LabelError, match=r"LennardJones with kwargs .* cannot be made"):
        make_engine({"engine": "ase", "ase": section})
