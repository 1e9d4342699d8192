"""``confvib export``: which rows, into which files, and what is refused."""

import tarfile
import zipfile

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from ase.io import read

from confvib.crystal.configuration import configuration_atoms, unpack_occupancy
from confvib.crystal.sampling import campaign_order
from confvib.tables.contracts import CONFIGURATIONS, METRICS, RELAXED
from confvib.tables.parquet import write_table
from confvib.tables.provenance import Provenance, collect, file_sha256

IDS = ["6_8-00000000", "6_8-00000001", "6_8-00000002"]


def test_all_rows_into_a_folder(toy, toy_table, tmp_path):
    folder = tmp_path / "new" / "cifs"
    code, out, err = toy(
        "export", toy_table, "--all", "--format", "cif", "--output", folder
    )
    assert (code, out, err) == (0, f"{folder}: 3 of 3 rows as cif\n", "")
    assert sorted(path.name for path in folder.iterdir()) == [f"{n}.cif" for n in IDS]
    text = (folder / f"{IDS[1]}.cif").read_text()
    assert text.startswith("# config_id 6_8-00000001\n# set 6_8\n# multiplicity ")
    assert f"\ndata_{IDS[1]}\n" in text


def test_the_files_hold_the_hash_of_the_table(toy, toy_table, tmp_path, loaded_toy):
    toy("export", toy_table, "--all", "--format", "poscar", "--output", tmp_path / "p")
    first = (tmp_path / "p" / f"{IDS[0]}.vasp").read_text().splitlines()[0]
    table = pq.read_table(toy_table)
    assert first == (
        f"config_id={IDS[0]} set=6_8 multiplicity={table['multiplicity'][0]} "
        "equivalence=symmetry campaign=toy "
        f"config_hash={loaded_toy.identities.configurations('6_8')}"
    )


@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz"])
def test_archives_are_the_same_on_every_run(toy, toy_table, tmp_path, name):
    digests = []
    for run in ("a", "b"):
        path = tmp_path / run / name
        command = ("export", toy_table, "--all", "--format", "poscar", "--output", path)
        assert toy(*command)[0] == 0
        digests.append(file_sha256(path))
    assert digests[0] == digests[1]
    if name.endswith("zip"):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    else:
        with tarfile.open(path) as archive:
            names = archive.getnames()
    assert names == [f"{n}.vasp" for n in IDS]


def test_one_extxyz_holds_all_frames(toy, toy_table, tmp_path, loaded_toy):
    path = tmp_path / "all.extxyz"
    toy("export", toy_table, "--all", "--format", "extxyz", "--output", path)
    frames = read(path, index=":")
    assert [frame.info["config_id"] for frame in frames] == IDS
    table = pq.read_table(toy_table)
    occupancy = unpack_occupancy(table["occupancy"].to_pylist(), 8)
    for frame, bits in zip(frames, occupancy, strict=True):
        atoms = configuration_atoms(loaded_toy.parent, bits)
        np.testing.assert_allclose(frame.positions, atoms.positions, atol=1e-8)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (["--ids", f"{IDS[2]},{IDS[0]}"], [IDS[2], IDS[0]]),
        (["--ranks", "1:3"], IDS[1:]),
        (["--ranks", ":1"], IDS[:1]),
        (["--ranks", "2:"], IDS[2:]),
        # The campaign's own seed gives the campaign's own sample.
        (["--sample", "2"], [IDS[n] for n in campaign_order(3, 2, 7)]),
        (["--sample", "2", "--seed", "1"], [IDS[n] for n in campaign_order(3, 2, 1)]),
    ],
)
def test_rows_are_chosen(toy, toy_table, tmp_path, choice, expected):
    path = tmp_path / "chosen.xyz"
    code, _, err = toy(
        "export", toy_table, *choice, "--format", "extxyz", "--output", path
    )
    assert code == 0, err
    assert [frame.info["config_id"] for frame in read(path, index=":")] == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--ids", "a,b,c,d,e"],
            "has no a, b, c and 2 more; it holds 3 configurations "
            f"from {IDS[0]} to {IDS[2]}",
        ),
        (["--ranks", "7:9"], "has no rank in 7:9; its ranks are 0 to 2"),
        (["--ranks", "seven"], "--ranks seven: expected the first rank and the one"),
        (["--sample", "4"], "sample of 4 configurations, expected 1 to 3"),
        (["--sample", "0"], "sample of 0 configurations, expected 1 to 3"),
        ([], "expected exactly one of --ids, --ranks, --sample and --all"),
        (["--all", "--sample", "2"], "expected exactly one of --ids, --ranks,"),
    ],
)
def test_wrong_choices(toy, toy_table, tmp_path, options, message):
    output = tmp_path / "out"
    code, out, err = toy(
        "export", toy_table, *options, "--format", "cif", "--output", output
    )
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert message in err
    assert not output.exists()


def test_nothing_is_overwritten_without_force(toy, toy_table, tmp_path):
    command = ("export", toy_table, "--all", "--format", "cif", "--output", tmp_path)
    assert toy(*command)[0] == 0
    target = tmp_path / f"{IDS[0]}.cif"
    target.write_text("mine")
    code, _, err = toy(*command)
    assert code == 1
    assert err == (
        f"confvib: {target} and 2 more: exists already; expected a new path, or --force "
        "to overwrite\n"
    )
    assert target.read_text() == "mine"
    assert toy(*command, "--force")[0] == 0
    assert target.read_text().startswith("# config_id")


def test_only_extxyz_holds_several_structures(toy, toy_table, tmp_path):
    command = ("export", toy_table, "--all", "--format", "cif", "--output")
    code, _, err = toy(*command, tmp_path / "a.xyz")
    assert code == 1
    assert "only extxyz holds several structures in one file; expected a folder" in err


def test_a_table_of_another_crystal_is_refused(toy, toy_table, tmp_path):
    overlay = tmp_path / "other.yaml"
    overlay.write_text(yaml.safe_dump({"crystal": {"symmetry_tolerance_A": 0.02}}))
    output = tmp_path / "out"
    command = ("export", toy_table, "--all", "--format", "cif", "--output", output)
    code, _, err = toy(*command, overlays=[overlay])
    assert code == 1
    assert "but set '6_8' of this campaign is " in err
    assert "give the configuration that the table was made with" in err


def test_a_table_of_another_campaign_is_refused(confvib, toy_table, tmp_path):
    command = ("export", toy_table, "--all", "--format", "cif", "--output", tmp_path)
    code, _, err = confvib(*command)
    assert code == 1
    assert "holds set '6_8', expected one of the campaign's sets ['12_44'," in err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.parquet", "no such file; expected a configurations/"),
        ("text.parquet", "not a readable Parquet file"),
        ("metrics.parquet", "has schema 'metrics/3', expected 'configurations/"),
        ("empty.parquet", "has no rows"),
    ],
)
def test_other_files_are_refused(toy, tmp_path, name, message):
    (tmp_path / "text.parquet").write_text("hello")
    write_table(tmp_path / "metrics.parquet", METRICS, [], Provenance("x"))
    write_table(tmp_path / "empty.parquet", CONFIGURATIONS, [], Provenance("x"))
    code, _, err = toy(
        *("export", tmp_path / name, "--all", "--format", "cif"),
        *("--output", tmp_path / "out"),
    )
    assert code == 1
    assert message in err
    assert err.count("\n") == 1


@pytest.fixture
def relaxed(loaded_toy, toy_table, tmp_path):
    """Write a relaxed table: the second row is displaced, the third has failed."""

    def make(config_hash, inputs=()):
        rows = []
        table = pq.read_table(toy_table).to_pylist()
        for rank, row in enumerate(table):
            bits = unpack_occupancy([row["occupancy"]], 8)[0]
            atoms = configuration_atoms(loaded_toy.parent, bits)
            atoms.positions += 0.01 * rank
            values = dict.fromkeys(column.name for column in RELAXED.columns)
            values |= {key: row[key] for key in values.keys() & row.keys()}
            values |= {
                "n_atoms": len(atoms),
                "numbers": atoms.numbers.tolist(),
                "positions": atoms.positions.ravel().tolist(),
                "energy_eV": -1.5,
            }
            if rank == 2:
                values |= {"positions": [np.nan] * 30, "status": "diverged"}
            rows.append(values)
        path = tmp_path / "relaxed.parquet"
        provenance = collect(config_hash, started=0.0, inputs=inputs)
        write_table(path, RELAXED, rows, provenance)
        return path

    return make


def test_relaxed_cells(toy, relaxed, loaded_toy, tmp_path):
    table = relaxed(loaded_toy.identities.relaxed("6_8", "0000"))
    path = tmp_path / "relaxed.extxyz"
    command = ("export", table, "--format", "extxyz", "--output", path)
    code, out, err = toy(*command, "--all")
    assert (code, out) == (0, f"{path}: 2 of 3 rows as extxyz\n")
    assert err == (
        f"confvib: 1 of 3 rows have no positions, first {IDS[2]} (diverged); they are "
        "left out\n"
    )
    frames = read(path, index=":")
    assert [frame.info["config_id"] for frame in frames] == IDS[:2]
    assert frames[1].info["energy_eV"] == -1.5
    positions = pq.read_table(table)["positions"][1].as_py()
    np.testing.assert_allclose(frames[1].positions.ravel(), positions, atol=1e-8)
    np.testing.assert_allclose(frames[1].cell.array, loaded_toy.parent.cell)
    code, _, err = toy(*command, "--force", "--ids", IDS[2])
    assert code == 1
    assert err.endswith(f"1 of 1 rows have no positions, first {IDS[2]} (diverged)\n")


def test_relaxed_cells_outlive_a_change_of_the_settings(
    toy, relaxed, loaded_toy, tmp_path
):
    command = ("--all", "--format", "cif", "--output")
    table = relaxed("changed", [loaded_toy.structure])
    assert toy("export", table, *command, tmp_path / "a")[0] == 0
    table = relaxed("changed")
    code, _, err = toy("export", table, *command, tmp_path / "b")
    assert code == 1
    assert "made from configuration 'changed', but set '6_8' of this campaign" in err
