"""Structure files as they are found: plain, odd, damaged, in folders and archives."""

import io
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write

from confvib.crystal.plain_cif import element_of, read_plain_cif
from confvib.crystal.structure_files import (
    StructureText,
    parse_structure,
    split_structures,
)
from confvib.crystal.structure_sources import (
    count_files,
    read_source,
    source_digest,
)
from confvib.errors import CrystalError

CIF = """\
data_salt
_cell_length_a 4.0(1)
_cell_length_b 5.0
_cell_length_c 6.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 110.5
_symmetry_space_group_name_H-M 'P 1'
loop_
_symmetry_equiv_pos_as_xyz
  'x, y, z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na1+ 0.0 0.25 0.5 1
Cl1 Cl1- 0.5 0.25 -0.1 1.0
"""


def _parse(name, text):
    return [parse_structure(part) for part in split_structures(name, text.encode())]


def test_a_plain_cif_is_read_as_ase_reads_it():
    (found,) = _parse("a.cif", CIF)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = read(io.StringIO(CIF), format="cif")
    np.testing.assert_allclose(found.cell, expected.cell.array, atol=1e-12)
    np.testing.assert_array_equal(found.numbers, [11, 17])
    difference = found.fractional - expected.get_scaled_positions()
    np.testing.assert_allclose(difference, difference.round(), atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'x, y, z'", "'x, y, z'\n  '-x, -y, -z'"),
        ("'P 1'", "'P -1'\n_audit_text\n;\nseveral lines\n;"),
        ("Na1 Na1+ 0.0 0.25", "Na1 Na1+ 0.0\n0.25"),
        ("0.0 0.25 0.5 1", "0.0 0.25 0.5(1) 1"),
        ("Na1 Na1+", "'Na 1' Na1+"),
        ("data_salt", "data_salt\ndata_two"),
        ("4.0(1)", "?"),
        ("beta 90", "beta 9"),
        ("Na1+", "Qq1+"),
    ],
)
def test_what_is_not_plain_is_left_to_the_complete_parser(old, new):
    assert read_plain_cif(CIF) is not None
    assert read_plain_cif(CIF.replace(old, new)) is None


VESTA = """\
#======================================================================
# CRYSTAL DATA
#----------------------------------------------------------------------
data_VESTA_phase_1

_chemical_name_common                  'Na1 Cl1'
_cell_length_a                         4.000000
_cell_length_b                         5.000000
_cell_length_c                         6.000000
_cell_angle_alpha                      90.000000
_cell_angle_beta                       90.000000
_cell_angle_gamma                      90.000000
_space_group_name_H-M_alt              'P 1'
_space_group_IT_number                 1

loop_
_space_group_symop_operation_xyz
   'x, y, z'

loop_
   _atom_site_label
   _atom_site_occupancy
   _atom_site_fract_x
   _atom_site_fract_y
   _atom_site_fract_z
   _atom_site_adp_type
   _atom_site_U_iso_or_equiv
   _atom_site_type_symbol
   Na1        1.0     0.000000     0.000000     0.000000    Uiso  ? Na
   Cl1        1.0     0.500000     0.500000     0.500000    Uiso  ? Cl
"""


def test_cifs_of_common_programs_are_plain():
    stream = io.BytesIO()
    atoms = Atoms("NaCl", scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5)], cell=[4, 5, 6])
    write(stream, atoms, format="cif")
    for text in (stream.getvalue().decode(), VESTA):
        found = read_plain_cif(text)
        assert found is not None
        np.testing.assert_allclose(np.diag(found[0]), [4, 5, 6])
        np.testing.assert_array_equal(found[1], [11, 17])
        np.testing.assert_allclose(found[2], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_symmetry_of_a_cif_is_expanded():
    text = CIF.replace("'x, y, z'", "'x, y, z'\n  '-x, -y, -z'").replace("P 1", "P -1")
    (found,) = _parse("a.cif", text)
    assert sorted(found.numbers.tolist()) == [11, 11, 17, 17]


def test_a_group_without_operations_is_not_taken_for_p1():
    start, rest = CIF.split("loop_\n_symmetry", 1)
    bare = start + "loop_\n_atom_site" + rest.split("loop_\n_atom_site", 1)[1]
    assert read_plain_cif(bare) is not None
    assert read_plain_cif(bare.replace("'P 1'", "'P -1'")) is None
    assert read_plain_cif(bare.replace("_symmetry_space_group_name_H-M 'P 1'", ""))


def test_several_blocks_and_frames_are_several_structures():
    two = "# a set\ndata_global\n_audit_creation_date 2025\n" + CIF
    two += CIF.replace("salt", "other").replace("0.25 0.5 1", "0.35 0.5 1")
    parts = split_structures("set/all.cif", two.encode())
    assert [part.name for part in parts] == ["set/all.cif#0", "set/all.cif#1"]
    found = [parse_structure(part).fractional[0, 1] for part in parts]
    assert found == [0.25, 0.35]
    frames = [
        Atoms("Li2", [(0, 0, z), (1, 1, 1)], cell=[3, 3, 3], pbc=True)
        for z in (0.0, 1.5, 2.0)
    ]
    stream = io.StringIO()
    write(stream, frames, format="extxyz")
    parts = split_structures("run.xyz", stream.getvalue().encode())
    assert [part.name for part in parts] == ["run.xyz#0", "run.xyz#1", "run.xyz#2"]
    assert [parse_structure(part).fractional[0, 2] for part in parts] == pytest.approx(
        [0, 0.5, 2 / 3]
    )


POSCAR = "salt\n1.0\n4 0 0\n0 5 0\n0 0 6\nNa Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("POSCAR_17", POSCAR),
        ("a/CONTCAR", POSCAR),
        ("17.vasp", POSCAR),
        ("17", POSCAR),
        ("17.txt", CIF.replace("110.5", "90")),
    ],
)
def test_name_or_content_tells_the_format(name, text):
    (found,) = _parse(name, text)
    np.testing.assert_allclose(np.diag(found.cell), [4, 5, 6], atol=1e-12)
    np.testing.assert_array_equal(found.numbers, [11, 17])


def test_cartesian_and_scaled_poscar():
    text = POSCAR.replace("1.0", "2.0").replace("Direct", "Cartesian")
    (found,) = _parse("POSCAR", text)
    np.testing.assert_allclose(np.diag(found.cell), [8, 10, 12])
    np.testing.assert_allclose(found.fractional[1], [0.5 / 4, 0.5 / 5, 0.5 / 6])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.cif", " \n", "the file is empty"),
        ("notes.txt", "no structure here", "neither name nor content is that of a CIF"),
        ("a.cif", "data_x\n_cell_length_a 3\n", "the CIF holds no structure"),
        ("a.cif", CIF[:150], "not a readable CIF"),
        (
            "a.cif",
            CIF.replace("0.5 1\n", "0.5 0.5\n"),
            "atom site 1 has occupancy 0.5, "
            "expected 1: a disordered structure is no configuration",
        ),
        ("a.cif", CIF.replace("beta 90", "beta 9"), "not a readable CIF"),
        ("a.cif", CIF.replace("4.0(1)", "0.0"), "no three-dimensional cell"),
        ("a.cif", CIF.replace("0.25 0.5 1", "nan 0.5 1"), "coordinates that are not"),
        ("POSCAR", POSCAR[:40], "not a readable POSCAR"),
        ("POSCAR", POSCAR.replace("0 0 6", "0 0 0"), "no three-dimensional cell"),
        ("a.xyz", "1\nno cell\nLi 0 0 0\n", "no three-dimensional cell"),
        ("a.xyz", "2\ncut\nLi 0 0 0\n", "the frame ends after 1 atoms, expected 2"),
        ("a.extxyz", "what\n", "not a readable extxyz"),
    ],
)
def test_what_cannot_be_read(name, text, message):
    with pytest.raises(CrystalError, match=message):
        _parse(name, text)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_partial_occupancy_of_a_cif_that_is_not_plain():
    text = CIF.replace("'x, y, z'", "'x, y, z'\n  '-x, -y, -z'")
    text = text.replace("-0.1 1.0", "-0.1 0.4")
    with pytest.raises(CrystalError, match=r"atom site 2 has occupancy 0\.4, expected 1"):
        _parse("a.cif", text)


def test_latin_1_is_read():
    content = ("# Å\n" + CIF).encode("latin-1")
    (part,) = split_structures("a.cif", content)
    assert isinstance(part, StructureText)
    assert len(parse_structure(part).numbers) == 2


def test_elements_of_labels():
    found = [element_of(text) for text in ("Li", "Li12", "Li1+", "O2-", "OW", "Cl_a")]
    assert found == [3, 3, 3, 8, 8, 17]
    with pytest.raises(ValueError, match="no element in atom type '1Li'"):
        element_of("1Li")


FILES = {"b.cif": b"second", "a/x.cif": b"first", "c": b""}


def _folder(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "set"


def _zip(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("a")
        for name, content in FILES.items():
            archive.writestr(name, content)
    return path


def _tar(tmp_path, mode):
    path = tmp_path / f"set.tar{'.' * bool(mode)}{mode}"
    with tarfile.open(path, f"w:{mode}") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "", "gz", "xz", "bz2"])
def test_sources_hold_the_same_files(tmp_path, kind):
    make = {"folder": _folder, "zip": _zip}.get(kind, lambda path: _tar(path, kind))
    path = make(tmp_path)
    files = list(read_source(path))
    assert {file.name: file.content for file in files} == FILES
    assert [file.number for file in files] == [0, 1, 2]
    assert count_files(path) == (3 if kind in ("folder", "zip") else None)
    assert len(source_digest(path)) == 64


def test_digest_of_a_folder_is_of_names_and_contents(tmp_path):
    folder = _folder(tmp_path)
    digest = source_digest(folder)
    assert source_digest(_folder(tmp_path / "again")) == digest
    (folder / "c").write_bytes(b"x")
    assert source_digest(folder) != digest
    (folder / "c").write_bytes(b"")
    (folder / "c").rename(folder / "d")
    assert source_digest(folder) != digest


def test_members_that_lead_out_of_the_archive_are_not_read(tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../up.cif", "/etc/root.cif", "a\\..\\..\\b.cif", "fine.cif"):
            archive.writestr(name, "content")
    problems = [file.problem for file in read_source(path)]
    assert problems == ["the name of the member leads out of the archive"] * 3 + [""]


def test_links_in_a_tar_are_not_followed(tmp_path):
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("passwd.cif")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    (file,) = read_source(path)
    assert file.problem == "the member is a link or a device, expected a file"


def test_a_damaged_member_is_one_bad_file(tmp_path):
    path = _zip(tmp_path)
    content = path.read_bytes().replace(b"second", b"sXcond")
    path.write_bytes(content)
    files = {file.name: file.problem for file in read_source(path)}
    assert files["b.cif"].startswith("the member cannot be unpacked: Bad CRC-32")
    assert files["a/x.cif"] == ""


def test_a_dangling_link_is_one_bad_file(tmp_path):
    folder = _folder(tmp_path)
    (folder / "gone.cif").symlink_to(tmp_path / "nowhere")
    problems = {file.name: file.problem for file in read_source(folder)}
    assert problems.pop("gone.cif") == (
        "the file cannot be read: No such file or directory"
    )
    assert set(problems.values()) == {""}
    assert len(source_digest(folder)) == 64


@pytest.mark.parametrize("name", ["broken.zip", "broken.tar.gz", "broken.tar"])
def test_a_damaged_archive_is_an_error(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"this is no archive at all")
    with pytest.raises(CrystalError, match=r"not a readable (zip|tar) archive"):
        list(read_source(path))


@pytest.mark.parametrize("mode", ["", "gz", "xz", "bz2"])
def test_a_truncated_tar_is_an_error(tmp_path, monkeypatch, mode):
    noise = np.random.default_rng(0).bytes(9_000)
    monkeypatch.setitem(FILES, "noise.cif", noise)
    path = _tar(tmp_path, mode)
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(CrystalError, match="not a readable tar archive"):
        list(read_source(path))


def test_a_source_that_does_not_exist(tmp_path):
    for name in ("x", "x.zip", "x.tar"):
        with pytest.raises(CrystalError, match="no such file or folder; expected a"):
            list(read_source(tmp_path / name))
        with pytest.raises(CrystalError, match="no such file or folder; expected a"):
            source_digest(tmp_path / name)
