"""Which files are finished runs, wherever they lie."""

import bz2
import gzip
import lzma
import tarfile
import zipfile

import pytest
from ase.build import bulk

from confvib.dft.folders import find_runs
from confvib.dft.imported import read_run
from confvib.errors import LabelError


def names(*paths):
    return [run.name for run in find_runs(paths)]


@pytest.fixture
def tree(tmp_path, vasp_run):
    """Runs plain, compressed and in segments; one folder without; other files."""
    root = tmp_path / "runs"
    text = vasp_run(root / "a" / "vasprun.xml", [bulk("Si")]).read_bytes()
    for name, pack in (("gz", gzip), ("bz2", bz2), ("xz", lzma)):
        (root / name).mkdir()
        (root / name / f"vasprun.xml.{name}").write_bytes(pack.compress(text))
    (root / "b" / "deep").mkdir(parents=True)
    for n in (10, 2, 1):
        (root / "b" / "deep" / f"vasprun.{n}.xml").write_bytes(text)
    (root / "c").mkdir()
    (root / "c" / "vasprun.xml.relax1").write_bytes(text)
    (root / "c" / "vasprun.xml.relax2.gz").write_bytes(gzip.compress(text))
    (root / "d").mkdir()
    (root / "d" / "OUTCAR.gz").write_bytes(b"")
    for other in ("POSCAR", "notes.xml", ".vasprun.xml.swp", "vasprun.txt"):
        (root / "a" / other).write_bytes(b"")
    return root


FOUND = [
    "a/vasprun.xml",
    "b/deep/vasprun.1.xml",
    "b/deep/vasprun.2.xml",
    "b/deep/vasprun.10.xml",
    "bz2/vasprun.xml.bz2",
    "c/vasprun.xml.relax1",
    "c/vasprun.xml.relax2.gz",
    "d/OUTCAR.gz",
    "gz/vasprun.xml.gz",
    "xz/vasprun.xml.xz",
]


def test_a_folder_is_searched_whole_and_in_order(tree):
    assert names(tree) == FOUND
    assert names(tree / "a" / "vasprun.xml") == ["vasprun.xml"]
    assert names(tree / "a", tree / "gz") == ["a/vasprun.xml", "gz/vasprun.xml.gz"]


def test_a_folder_with_an_outcar_alone_is_a_problem(tree):
    (run,) = find_runs([tree / "d"])
    status, reason = run.problem
    assert status == "no_vasprun"
    assert reason.startswith("the folder holds OUTCAR")


def test_a_compressed_copy_of_a_file_beside_it_is_not_read_twice(tree):
    text = (tree / "a" / "vasprun.xml").read_bytes()
    (tree / "a" / "vasprun.xml.gz").write_bytes(gzip.compress(text))
    plain, copy = find_runs([tree / "a"])
    assert plain.problem is None
    assert copy.problem == ("duplicate", "the same file as vasprun.xml, compressed")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_archives_hold_the_same_runs_as_their_folder(tree, tmp_path, kind):
    path = tmp_path / f"runs.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in tree.rglob("*"):
                archive.write(file, file.relative_to(tree))
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
            for file in sorted(tree.iterdir()):
                archive.add(file, file.name)
    found = {run.name: run for run in find_runs([path])}
    assert sorted(found) == sorted(FOUND)
    for name, run in found.items():
        read = read_run(run, tmp_path / "frames")
        assert read.status == ("no_vasprun" if name == "d/OUTCAR.gz" else "ok"), name


def test_a_stream_of_several_compressed_members_is_read_whole(tree, tmp_path):
    text = (tree / "a" / "vasprun.xml").read_bytes()
    parts = gzip.compress(text[:700]) + gzip.compress(text[700:])
    (tree / "gz" / "vasprun.xml.gz").write_bytes(parts)
    (run,) = find_runs([tree / "gz"])
    with run.open() as stream:
        assert b"".join(iter(lambda: stream.read(100), b"")) == text


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(LabelError, match="nowhere: no such file or folder; expected a"):
        names(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["runs.zip", "runs.tar.gz"])
def test_a_damaged_archive_is_an_error(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(LabelError, match=r"not a readable (zip|tar) archive"):
        names(tmp_path / name)
