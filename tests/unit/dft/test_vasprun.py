"""The stream reader against what VASP printed elsewhere and against ASE's reader."""

import gzip
import io
import re
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read

from confvib.dft.folders import find_runs
from confvib.dft.imported import read_frames, read_run
from confvib.dft.vasprun import VasprunStream
from confvib.errors import LabelError
from confvib.units import BOLTZMANN_EV_PER_K

DATA = Path(__file__).parents[2] / "data" / "vasp"
REAL = sorted(path.name for path in DATA.iterdir() if path.is_dir())


def run_in(folder, spool):
    (file,) = [each for each in find_runs([folder]) if not each.problem]
    run = read_run(file, spool)
    frames = []
    if run.frames:
        for batch in read_frames(run.frames):
            frames += batch.to_pylist()
    return run, frames


def printed(outcar):
    """Return positions, forces and energies of an OUTCAR, step by step."""
    text = outcar.read_text()
    tables = re.findall(r"TOTAL-FORCE.*?\n -+\n(.*?)\n -+\n", text, re.DOTALL)
    rows = [
        np.array([line.split() for line in table.splitlines()], dtype=float)
        for table in tables
    ]
    return rows, [float(e) for e in re.findall(r"TOTEN\s*=\s*(\S+) eV", text)]


@pytest.mark.parametrize("name", ["FeO-5.3.5", "Si-6.4.2"])
def test_frames_are_what_the_run_printed_in_outcar(name, tmp_path):
    run, frames = run_in(DATA / name, tmp_path / "frames")
    rows, energies_eV = printed(DATA / name / "OUTCAR")
    assert (run.status, run.task, run.counts) == ("ok", "relaxation", {"ok": 3})
    assert len(frames) == len(rows) == 3
    for frame, row, energy_eV in zip(frames, rows, energies_eV, strict=True):
        assert frame["energy_eV"] == pytest.approx(energy_eV, abs=1e-8)
        forces = np.reshape(frame["forces_eV_per_A"], (-1, 3))
        assert np.abs(forces - row[:, 3:]).max() < 1.1e-6
        # OUTCAR moves atoms by lattice vectors; the cell is the frame's own.
        apart = np.reshape(frame["positions"], (-1, 3)) - row[:, :3]
        shifts = apart @ np.linalg.inv(np.reshape(frame["cell"], (3, 3)))
        assert np.abs(shifts - shifts.round()).max() < 1e-5
    volumes = [np.linalg.det(np.reshape(frame["cell"], (3, 3))) for frame in frames]
    assert len(set(np.round(volumes, 3))) == 3


@pytest.mark.parametrize("name", REAL)
def test_frames_are_those_of_ases_reader(name, tmp_path):
    _, frames = run_in(DATA / name, tmp_path / "frames")
    (path,) = (DATA / name).glob("vasprun*")
    opener = gzip.open if path.suffix == ".gz" else open
    plain = tmp_path / "vasprun.xml"
    with opener(path, "rb") as stream:
        plain.write_bytes(stream.read())
    others = read(plain, index=":", format="vasp-xml")
    assert len(frames) == len(others)
    for frame, other in zip(frames, others, strict=True):
        assert frame["numbers"] == other.numbers.tolist()
        assert np.allclose(np.reshape(frame["cell"], (3, 3)), other.cell, atol=1e-7)
        apart = np.reshape(frame["positions"], (-1, 3)) - other.positions
        assert np.abs(apart).max() < 1e-6
        forces = np.reshape(frame["forces_eV_per_A"], (-1, 3))
        assert np.allclose(forces, other.get_forces(apply_constraint=False), atol=1e-8)
        free_eV = other.calc.results["free_energy"]
        assert frame["energy_eV"] == pytest.approx(free_eV, abs=1e-8)


def test_dynamics_has_a_temperature_and_a_relaxation_none(tmp_path):
    run, frames = run_in(DATA / "Si64-6.3.2", tmp_path / "frames")
    assert (run.task, run.target_K) == ("nvt", 2000.0)
    with gzip.open(DATA / "Si64-6.3.2" / "vasprun.xml.gz", "rt") as stream:
        kinetic_eV = re.findall(r'name="kinetic">\s*(\S+)', stream.read())
    expected = [2 * float(e) / (3 * 63 * BOLTZMANN_EV_PER_K) for e in kinetic_eV]
    assert [frame["temperature_K"] for frame in frames] == pytest.approx(expected)
    assert 1500 < frames[0]["temperature_K"] < 2500
    _, frames = run_in(DATA / "FeO-5.3.5", tmp_path / "frames")
    assert {frame["temperature_K"] for frame in frames} == {None}


def test_frames_without_electronic_convergence_are_marked(tmp_path):
    run, frames = run_in(DATA / "VO2-5.2.11", tmp_path / "frames")
    assert run.counts == {"unconverged": 2}
    assert [frame["status"] for frame in frames] == ["unconverged"] * 2
    assert not any(frame["converged"] for frame in frames)


def test_a_run_cut_anywhere_keeps_its_complete_steps(tmp_path):
    text = (DATA / "FeO-5.3.5" / "vasprun.xml").read_bytes()
    ends = [found.end() for found in re.finditer(b"</calculation>", text)]
    begin = text.index(b"<calculation>")
    for size in range(1000, len(text) - 14, 997):
        folder = tmp_path / str(size)
        folder.mkdir()
        (folder / "vasprun.xml").write_bytes(text[:size])
        run, frames = run_in(folder, tmp_path / "frames")
        n_complete = sum(end <= size for end in ends)
        assert len(frames) == n_complete
        if n_complete:
            assert run.status == "cut"
            assert run.reason.startswith(f"cut after {n_complete} ionic step")
        else:
            assert run.status in ("unreadable", "no_frames")
            said = "ends before its first ionic step"
            assert size > begin or said in run.reason


def test_a_compressed_file_that_is_cut_keeps_its_complete_steps(tmp_path):
    packed = (DATA / "Si64-6.3.2" / "vasprun.xml.gz").read_bytes()
    (tmp_path / "vasprun.xml.gz").write_bytes(packed[: len(packed) * 7 // 10])
    run, frames = run_in(tmp_path, tmp_path / "frames")
    assert run.status == "cut"
    assert run.counts == {"ok": len(frames)}
    assert 1 <= len(frames) < 3


def test_numbers_that_overflow_are_marked(vasp_run, tmp_path):
    atoms = bulk("Si") * (2, 1, 1)
    path = vasp_run(tmp_path / "vasprun.xml", [atoms, atoms, atoms])
    text = path.read_text()
    first = re.search(r'name="forces" >\n<v> +(\S+)', text)
    text = text[: first.start(1)] + "********" + text[first.end(1) :]
    path.write_text(text)
    run, frames = run_in(tmp_path, tmp_path / "frames")
    assert run.counts == {"overflow": 1, "ok": 2}
    assert frames[0]["reason"] == "VASP printed a number as stars"
    assert np.isnan(frames[0]["forces_eV_per_A"][0])
    assert [frame["status"] for frame in frames] == ["overflow", "ok", "ok"]


def test_steps_of_a_learned_force_field_are_counted_and_left_out(vasp_run, tmp_path):
    frames = [bulk("Si"), bulk("Si", a=5.5)]
    path = vasp_run(tmp_path / "vasprun.xml", frames)
    text = path.read_text()
    inside = re.search(r"<structure>.*?</energy>\n</calc", text, re.DOTALL)[0][:-6]
    first = text.index("</calculation>") + len("</calculation>")
    path.write_text(text[:first] + 7 * inside + text[first:])
    run, frames = run_in(tmp_path, tmp_path / "frames")
    assert (run.n_predicted, run.counts) == (7, {"ok": 2})


def test_a_batch_is_bounded_and_no_frame_is_lost(vasp_run, vasp_label, tmp_path):
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(60):
        atoms = bulk("Si", cubic=True) * (5, 5, 5)
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        frames.append(atoms)
    vasp_run(tmp_path / "vasprun.xml", frames)
    (file,) = find_runs([tmp_path])
    run = read_run(file, tmp_path / "frames")
    batches = list(read_frames(run.frames))
    assert [batch.num_rows for batch in batches] == [50, 10]
    energies_eV = np.concatenate([batch["energy_eV"] for batch in batches])
    assert energies_eV == pytest.approx([vasp_label(a)[0] for a in frames], abs=1e-7)
    numbers = np.concatenate([batch["frame"] for batch in batches])
    assert numbers.tolist() == list(range(60))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "the file ends before its first ionic step"),
        (b"not XML", "the file ends before its first ionic step (Start tag expected"),
        (b"<modeling></modeling>", "it lacks generator, incar, kpoints"),
    ],
)
def test_what_is_no_vasprun_is_said(content, found):
    with pytest.raises(LabelError, match=re.escape(found)):
        VasprunStream(io.BytesIO(content))


def test_symbols_must_be_elements(vasp_run, tmp_path):
    path = vasp_run(tmp_path / "vasprun.xml", [bulk("Si")])
    path.write_text(path.read_text().replace("<c>Si</c>", "<c>Q </c>"))
    run, _ = run_in(tmp_path, tmp_path / "frames")
    assert run.status == "unreadable"
    assert run.reason == "atoms are called 'Q', expected chemical symbols"


TASKS = [
    ({"NSW": 0, "IBRION": -1}, ("single_point", None)),
    ({"NSW": 1, "IBRION": 2}, ("single_point", None)),
    ({"IBRION": 1}, ("relaxation", None)),
    ({"IBRION": 6}, ("displacements", None)),
    ({"IBRION": 0, "SMASS": -3.0, "TEBEG": 300.0}, ("nve", 300.0)),
    ({"IBRION": 0, "SMASS": -1.0, "TEBEG": 10.0, "TEEND": 900.0}, ("heating", None)),
    ({"IBRION": 0, "SMASS": 0.5, "TEBEG": 300.0, "TEEND": 300.0}, ("nvt", 300.0)),
    (
        {"IBRION": 0, "MDALGO": 1, "ANDERSEN_PROB": 0.0, "TEBEG": 500.0},
        ("nve", 500.0),
    ),
    (
        {"IBRION": 0, "MDALGO": 1, "ANDERSEN_PROB": 0.1, "TEBEG": 500.0},
        ("nvt", 500.0),
    ),
    ({"IBRION": 0, "MDALGO": 3, "ISIF": 3, "TEBEG": 500.0}, ("npt", 500.0)),
    ({"IBRION": 44}, ("other", None)),
]


@pytest.mark.parametrize(("incar", "expected"), TASKS)
def test_tasks_are_told_from_the_keys_of_the_run(vasp_run, tmp_path, incar, expected):
    vasp_run(tmp_path / "vasprun.xml", [bulk("Si")], incar=incar)
    run, _ = run_in(tmp_path, tmp_path / "frames")
    assert (run.task, run.target_K) == expected
