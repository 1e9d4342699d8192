"""Where a calculation goes on, from files alone."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from confvib.dft.contcar import read_contcar
from confvib.dft.inputs import dynamics_inputs, relaxation_inputs
from confvib.dft.parse import read_output
from confvib.dft.potcars import read_potcars
from confvib.dft.segments import go_on, set_aside
from confvib.errors import LabelError
from confvib.reference.engine import DynamicsTask, RelaxationTask

NVE = DynamicsTask(300.0, 300.0, n_steps=5, timestep_fs=2.0, seed=4)
RELAXATION = RelaxationTask(fmax_eV_per_A=0.05, max_steps=5)


@pytest.fixture
def potcars(settings, library):
    return read_potcars(settings)


@pytest.fixture
def dynamics(cell, settings, potcars):
    return dynamics_inputs(cell, NVE, settings, potcars)


@pytest.fixture
def relaxation(cell, settings, potcars):
    strict = replace(settings, ediffg=-1e-6)
    return relaxation_inputs(cell, RELAXATION, strict, potcars)


@pytest.fixture
def vasp(settings, tmp_path, monkeypatch):
    """Run VASP itself, in a folder and killed in an ionic step if told so."""
    import shlex
    import subprocess

    folder = tmp_path / "run"
    folder.mkdir()

    def compute(inputs, *, killed_at=None):
        inputs.write(folder)
        fault = {"FAKE_VASP": f"kill:{killed_at}"} if killed_at else {}
        with (folder / "vasp.out").open("w") as out:
            subprocess.run(
                shlex.split(settings.command),
                cwd=folder,
                stdout=out,
                env=os.environ | fault,
                check=not killed_at,
            )
        return folder

    return compute


@pytest.fixture
def read(cell, dynamics):
    """Read frames as the engine does."""

    def frames(path, corrections):
        xml = path / "vasprun.xml"
        return read_output(xml, cell, dynamics.order, corrections).frames

    return frames


def cut_in_two(path, where):
    text = path.read_text()
    path.write_text(text[: text.index(where) + len(where)])


def test_what_is_left_of_dynamics(vasp, dynamics, read):
    folder = vasp(dynamics, killed_at=4)
    state = go_on(folder, dynamics, read)
    assert len(state.frames) == 3
    assert state.left.incar["NSW"] == 6 - 3
    assert state.left.poscar == (folder / "segment-001" / "CONTCAR").read_text()
    assert (folder / "segment-001" / "vasprun.xml").is_file()
    assert not (folder / "vasprun.xml").exists()


def test_going_on_from_the_same_files_twice_changes_nothing(vasp, dynamics, read):
    folder = vasp(dynamics, killed_at=4)
    first, again = (go_on(folder, dynamics, read) for _ in range(2))
    assert (first.left.poscar, first.left.incar) == (again.left.poscar, again.left.incar)
    assert [path.name for path in folder.glob("segment-*")] == ["segment-001"]


def test_a_frame_that_will_be_computed_again_is_left_to_it(vasp, dynamics, read):
    folder = vasp(dynamics, killed_at=3)
    contcar = (folder / "CONTCAR").read_text()
    later = vasp(dynamics, killed_at=4)
    # As if the kill had come between vasprun.xml and CONTCAR.
    (later / "CONTCAR").write_text(contcar)
    state = go_on(folder, dynamics, read)
    assert len(state.frames) == 2
    assert state.left.incar["NSW"] == 6 - 2
    assert state.left.poscar == contcar


@pytest.mark.parametrize("n_kept", [0, 1])
def test_dynamics_without_a_whole_contcar_go_back(vasp, dynamics, read, caplog, n_kept):
    left = dynamics
    if n_kept:
        vasp(dynamics, killed_at=3)
        left = go_on(vasp(dynamics, killed_at=3), dynamics, read).left
    folder = vasp(left, killed_at=3)
    whole = (folder / "CONTCAR").read_text()
    (folder / "CONTCAR").write_text(whole[: len(whole) // 3])
    state = go_on(folder, dynamics, read)
    assert len(state.frames) == 2 * n_kept
    assert state.left.poscar == left.poscar
    assert state.left.incar["NSW"] == 6 - 2 * n_kept
    start = "ionic step 3" if n_kept else "its start"
    assert f"begins anew at {start}" in caplog.text
    assert (folder / "discarded-001" / "OUTCAR").is_file()


def test_a_relaxation_without_a_contcar_goes_on_from_its_last_step(
    vasp, relaxation, read
):
    folder = vasp(relaxation, killed_at=4)
    last = read(folder, "")[-1]
    (folder / "CONTCAR").write_text("")
    state = go_on(folder, relaxation, read)
    assert len(state.frames) == 2
    assert state.left.incar["NSW"] == 5 - 2
    state.left.write(folder)
    shutil.copy(folder / "POSCAR", folder / "CONTCAR")
    geometry = read_contcar(folder / "CONTCAR", relaxation)
    scaled = last.positions[relaxation.order] @ np.linalg.inv(last.cell)
    np.testing.assert_allclose(geometry.scaled % 1, scaled % 1, atol=1e-7)


def test_a_vasprun_cut_in_the_middle_keeps_its_complete_steps(vasp, dynamics, read):
    folder = vasp(dynamics, killed_at=5)
    path = folder / "vasprun.xml"
    parts = path.read_text().split("<calculation>")
    path.write_text("<calculation>".join(parts[:3]) + "<calculation>\n<scstep><i na")
    assert len(go_on(folder, dynamics, read).frames) == 2


def test_a_calculation_that_was_complete_when_its_job_died(vasp, dynamics, read):
    folder = vasp(dynamics)
    (folder / "CONTCAR").write_text("")
    state = go_on(folder, dynamics, read)
    assert state.left is None
    assert len(state.frames) == 6


def test_a_relaxation_that_had_converged_when_its_job_died(
    vasp, cell, settings, potcars, read
):
    task = RelaxationTask(fmax_eV_per_A=0.5, max_steps=40)
    inputs = relaxation_inputs(cell, task, replace(settings, ediffg=None), potcars)
    state = go_on(vasp(inputs), inputs, read)
    assert state.left is None
    assert state.relaxed
    largest = np.linalg.norm(state.frames[-1].forces_eV_per_A, axis=1).max()
    assert largest < 0.5


def test_a_relaxation_out_of_steps_is_over(vasp, relaxation, read):
    state = go_on(vasp(relaxation), relaxation, read)
    assert state.left is None
    assert not state.relaxed
    assert len(state.frames) == 5


def test_setting_aside_may_itself_be_killed(vasp, dynamics, read):
    folder = vasp(dynamics, killed_at=4)
    wanted = {path.name for path in folder.iterdir()} - {"WAVECAR", "CHGCAR", "POTCAR"}
    half = folder / "segment-unfinished"
    half.mkdir()
    for name in ("vasprun.xml", "CONTCAR"):
        (folder / name).rename(half / name)
    state = go_on(folder, dynamics, read)
    assert len(state.frames) == 3
    assert {path.name for path in (folder / "segment-001").iterdir()} == wanted


def test_a_wave_function_that_was_being_written_is_removed(vasp, dynamics):
    folder = vasp(dynamics)
    set_aside(folder)
    assert (folder / "WAVECAR").is_file()
    folder = vasp(dynamics, killed_at=2)
    set_aside(folder)
    assert not (folder / "WAVECAR").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: "", "is absent or ends in the middle of a line"),
        (lambda text: text[:-3], "ends in the middle of a line"),
        (lambda text: "".join(text.splitlines(True)[:6]), "is incomplete"),
        (lambda text: "".join(text.splitlines(True)[:12]), "is incomplete"),
        (lambda text: "".join(text.splitlines(True)[:16]), "velocities of shape"),
        (lambda text: "".join(text.splitlines(True)[:20]), "is incomplete|velocities"),
        (lambda text: "".join(text.splitlines(True)[:-2]), "is incomplete"),
        (lambda text: text.replace("Li   O", "Na   O"), "lists atoms .'Na'"),
        (lambda text: text.replace("1.00000000000000", "1.10000000000000"), "lattice"),
        (
            lambda text: text.replace(text.splitlines()[-1].split()[-1], "NaN"),
            "not finite",
        ),
    ],
)
def test_a_contcar_that_is_not_whole(vasp, dynamics, damage, message):
    path = vasp(dynamics, killed_at=3) / "CONTCAR"
    assert read_contcar(path, dynamics).scaled.shape == (8, 3)
    path.write_text(damage(path.read_text()))
    with pytest.raises(LabelError, match=message):
        read_contcar(path, dynamics)


def test_collisions_go_on_with_the_random_numbers_of_vasp(
    vasp, cell, settings, potcars, read
):
    task = replace(NVE, collision_probability=0.5)
    inputs = dynamics_inputs(cell, task, settings, potcars)
    folder = vasp(inputs, killed_at=4)
    state = go_on(folder, inputs, read)
    assert state.left.incar["RANDOM_SEED"] == [4, 3, 0]
    # Where VASP writes the state before the first step, too.
    report = folder / "segment-001" / "REPORT"
    report.write_text("  RANDOM_SEED =   4   0   0\n" + report.read_text())
    assert go_on(folder, inputs, read).left.incar["RANDOM_SEED"] == [4, 3, 0]
    report.unlink()
    assert go_on(folder, inputs, read).left.incar["RANDOM_SEED"] == [7, 0, 0]
