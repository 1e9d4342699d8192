"""``confvib import-set``: what a set of files holds, lacks, repeats and gets wrong."""

import shutil
import tarfile
import zipfile

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from ase.io import read, write

from confvib.cli import imported_orbits
from confvib.cli.mapped_files import Target, map_source
from confvib.errors import CrystalError
from confvib.stages.enumerate_configurations import enumerate_configurations
from confvib.tables.contracts import CONFIGURATIONS, IMPORTS
from confvib.tables.parquet import file_metadata, read_table
from confvib.tables.provenance import file_sha256


@pytest.fixture(scope="session")
def llzo_cifs(confvib, llzo_table, tmp_path_factory):
    """Thirty of the 4,493 configurations, exported as CIFs."""
    folder = tmp_path_factory.mktemp("cifs") / "set"
    command = ("export", llzo_table, "--format", "cif", "--output", folder)
    assert confvib(*command, "--sample", "30")[0] == 0
    return folder


@pytest.fixture
def toy_files(toy, toy_table, tmp_path):
    """The three configurations of the toy, as POSCARs in a folder of their own."""
    folder = tmp_path / "files"
    command = ("export", toy_table, "--all", "--format", "poscar", "--output", folder)
    assert toy(*command)[0] == 0
    return folder


def _rows(path, **columns):
    rows = read_table(path, IMPORTS).to_pylist()
    return [r for r in rows if all(r[key] == value for key, value in columns.items())]


def test_llzo_rows_are_those_of_the_enumeration(
    confvib, llzo_cifs, llzo_table, loaded_llzo, tmp_path
):
    output = tmp_path / "new" / "found.parquet"
    code, out, err = confvib(
        "import-set", llzo_cifs, "--set", "12_44", "--output", output
    )
    assert code == 0, err
    assert "30 of 4,493 configurations found, 4,463 missing, of which " in out
    assert " of 4,160 classes of equal pair distances found, " in out
    table = read_table(output, CONFIGURATIONS)
    whole = pq.read_table(llzo_table).to_pylist()
    rows = table.to_pylist()
    assert len(rows) == 30
    assert rows == [whole[row["rank"]] for row in rows]
    assert [row["rank"] for row in rows] == sorted(row["rank"] for row in rows)
    assert {f"{row['config_id']}.cif" for row in rows} == {
        path.name for path in llzo_cifs.iterdir()
    }
    imports = tmp_path / "new" / "found.imports.parquet"
    assert all(r["displacement_max_A"] < 1e-6 for r in _rows(imports, status="ok"))
    missing = _rows(imports, status="missing")
    assert len(missing) == 4_463
    known = {row["pair_fingerprint"] for row in rows}
    shared = [row for row in missing if row["pair_fingerprint"] in known]
    assert f"of which {len(shared)} share the pair distances" in out
    assert all(row["reason"].endswith("has the same pair distances") for row in shared)
    assert not (tmp_path / "new" / "found.quarantine").exists()
    metadata = file_metadata(table)
    assert metadata["config_hash"] == loaded_llzo.identities.configurations("12_44")
    assert metadata["note"].startswith("imported from set: 30 of 4,493")
    assert str(llzo_cifs) in metadata["inputs"]


def test_an_import_can_be_the_set_of_a_campaign(
    confvib, llzo_cifs, loaded_llzo, tmp_path
):
    output = tmp_path / "found.parquet"
    confvib("import-set", llzo_cifs, "--set", "12_44", "--output", output)
    used = tmp_path / "used.parquet"

    class Silent:
        def say(self, text):
            assert "warning" not in text

    params = {
        "crystal": loaded_llzo.crystal,
        "counts": {"24d": 12, "96h": 44},
        "draw": None,
        "imported": str(output),
        "seed": None,
        "config_hash": "x",
    }
    enumerate_configurations(
        str(loaded_llzo.structure), str(used), "12_44", params, Silent()
    )
    ids = read_table(used, CONFIGURATIONS)["config_id"].to_pylist()
    assert ids == read_table(output, CONFIGURATIONS)["config_id"].to_pylist()
    # Importing again works while the campaign names the table of the last time.
    overlay = tmp_path / "imported.yaml"
    overlay.write_text(yaml.safe_dump({"sets": {"12_44": {"imported": str(output)}}}))
    again = ("import-set", llzo_cifs, "--set", "12_44", "--output", output, "--force")
    assert confvib(*again, overlays=[overlay])[0] == 0
    exported = ("export", output, "--ids", ids[0], "--format", "cif", "--output")
    assert confvib(*exported, tmp_path / "one", overlays=[overlay])[0] == 0


def test_displaced_shifted_and_shuffled_structures(confvib, llzo_cifs, tmp_path):
    rng = np.random.default_rng(6)
    source = tmp_path / "moved.extxyz"
    frames, names = [], []
    for path in sorted(llzo_cifs.iterdir())[:6]:
        atoms = read(path)
        atoms = atoms[rng.permutation(len(atoms))]
        atoms.positions += rng.uniform(-0.1, 0.1, (len(atoms), 3)) + rng.uniform(0, 9, 3)
        frames.append(atoms)
        names.append(path.stem)
    write(source, frames)
    output = tmp_path / "found.parquet"
    code, out, err = confvib("import-set", source, "--set", "12_44", "--output", output)
    assert code == 0, err
    found = {
        row["source"]: row
        for row in _rows(tmp_path / "found.imports.parquet", status="ok")
    }
    assert list(found) == [f"moved.extxyz#{n}" for n in range(6)]
    assert [row["config_id"] for row in found.values()] == names
    worst = max(row["displacement_max_A"] for row in found.values())
    assert 0.1 < worst < 0.2
    assert f"ions are up to {worst:.3f} Å from their sites, root-mean-square up" in out


FAILURES = {
    "broken.cif": ("unreadable", "the CIF holds no structure"),
    "far.vasp": ("unmapped", "atom 10 (O) is "),
    "lattice.vasp": ("wrong_lattice", "the cell has a = 6.7000 Å, expected 5.6000 Å ("),
    "missing.vasp": ("wrong_composition", "the ions are 5 on 8c, expected 6 on 8c"),
    "notes/readme.txt": (
        "unreadable",
        "neither name nor content is that of a CIF, POSCAR or extxyz file",
    ),
    "shared.vasp": ("collision", "atom 5 (O) and atom 10 (O) are both nearest to 8c at "),
    "unframed.vasp": ("wrong_framework", "no axes and no origin put the framework on "),
}


def _spoil(folder):
    """Write one file for every way of being no configuration."""
    (folder / "broken.cif").write_text("data_x\nloop_\n_atom_site_fract_x\n_cell 1 2\n")
    (folder / "notes").mkdir()
    (folder / "notes" / "readme.txt").write_text("Structures of the paper.")
    first = min(folder.glob("6_8-*"))
    for name in ("far", "lattice", "missing", "shared", "unframed"):
        atoms = read(first)
        oxygen = np.flatnonzero(atoms.numbers == 8)
        if name == "far":
            atoms.positions[oxygen[-1]] += 0.6
        if name == "lattice":
            atoms.set_cell([6.7, 5.6, 5.6], scale_atoms=True)
        if name == "missing":
            del atoms[oxygen[-1]]
        if name == "shared":
            atoms.positions[oxygen[-1]] = atoms.positions[oxygen[0]] + [0, 0, 0.2]
        if name == "unframed":
            atoms.positions[np.flatnonzero(atoms.numbers == 57)[0]] += 0.8
        write(folder / f"{name}.vasp", atoms, format="vasp", direct=True)
    return first


def test_every_failure_is_reported_and_set_aside(toy, toy_files, tmp_path):
    _spoil(toy_files)
    shutil.copy(toy_files / "6_8-00000001.vasp", toy_files / "z_again.vasp")
    (toy_files / "6_8-00000002.vasp").unlink()
    output = tmp_path / "found.parquet"
    command = ("import-set", toy_files, "--set", "6_8", "--output", output)
    code, out, err = toy(*command)
    assert code == 0, err
    imports = tmp_path / "found.imports.parquet"
    fates = {row["source"]: row for row in _rows(imports) if row["source"]}
    assert fates.pop("z_again.vasp")["reason"] == (
        "same configuration as 6_8-00000001.vasp"
    )
    assert [fates.pop(f"6_8-0000000{n}.vasp")["status"] for n in (0, 1)] == ["ok", "ok"]
    assert {name: row["status"] for name, row in fates.items()} == {
        name: status for name, (status, _) in FAILURES.items()
    }
    for name, (_, reason) in FAILURES.items():
        assert reason in fates[name]["reason"]
        assert fates[name]["config_id"] is None
    (missing,) = _rows(imports, status="missing")
    assert missing["config_id"] == "6_8-00000002"
    assert "2 of 3 configurations found, 1 missing, of which 0 share" in out
    lines = [line.split("│") for line in out.splitlines() if line.startswith("│")]
    # A long reason goes on in a line without a number.
    assert {line[1].strip(): int(line[2]) for line in lines if line[1].strip()} == {
        "ok": 2,
        "duplicate": 1,
        "unmapped": 1,
        "collision": 1,
        "wrong_composition": 1,
        "wrong_framework": 1,
        "wrong_lattice": 1,
        "unreadable": 2,
    }
    folder = tmp_path / "found.quarantine"
    copies = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert copies == {"reasons.txt", *FAILURES}
    for name in FAILURES:
        assert (folder / name).read_bytes() == (toy_files / name).read_bytes()
    reasons = (folder / "reasons.txt").read_text().splitlines()
    assert [line.split("\t")[:2] for line in reasons] == [
        [name, status] for name, (status, _) in sorted(FAILURES.items())
    ]


def test_a_rule_that_a_structure_breaks(toy, toy_files, tmp_path):
    overlay = tmp_path / "rule.yaml"
    # Two oxygen ions 2.8 Å apart: nearest neighbours of the sites.
    rule = {"groups": ["8c", "8c"], "min_distance_A": 2.9}
    overlay.write_text(
        yaml.safe_dump(
            {
                "crystal": {"distance_rules": [rule], "formula": "La4O2"},
                "sets": {"6_8": {"counts": {"8c": 2}, "sample": "all", "chunks": 1}},
            }
        )
    )
    source = tmp_path / "one"
    source.mkdir()
    atoms = read(toy_files / "6_8-00000000.vasp")
    oxygen = np.flatnonzero(atoms.numbers == 8)
    pair = min(
        ((a, b) for a in oxygen for b in oxygen if a < b),
        key=lambda ends: atoms.get_distance(*ends, mic=True),
    )
    write(source / "close.vasp", atoms[[*np.flatnonzero(atoms.numbers == 57), *pair]])
    output = tmp_path / "found.parquet"
    command = ("import-set", source, "--set", "6_8", "--output", output)
    code, _, err = toy(*command, overlays=[overlay])
    assert code == 1
    assert err == (
        f"confvib: {source}: none of 1 structures is a configuration of set '6_8'; "
        f"{tmp_path / 'found.imports.parquet'} says why\n"
    )
    (row,) = _rows(tmp_path / "found.imports.parquet", source="close.vasp")
    assert row["status"] == "forbidden"
    assert row["reason"].startswith("atom 5 (O) on 8c at ")
    assert row["reason"].endswith(" are 2.800 Å apart, against the rule 8c–8c > 2.9 Å")


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz", "tar.bz2", "tar"])
def test_archives(toy, toy_files, tmp_path, kind):
    _spoil(toy_files)
    archive = tmp_path / f"set.{kind}"
    files = sorted(path for path in toy_files.rglob("*") if path.is_file())
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for path in files:
                packed.write(path, path.relative_to(toy_files))
            packed.writestr("../../escape.cif", "data_x")
    else:
        with tarfile.open(archive, f"w:{kind[4:]}") as packed:
            for path in files:
                packed.add(path, str(path.relative_to(toy_files)))
            packed.add(files[0], "../../escape.cif")
    output = tmp_path / "out" / "found.parquet"
    code, _, err = toy("import-set", archive, "--set", "6_8", "--output", output)
    assert code == 0, err
    imports = tmp_path / "out" / "found.imports.parquet"
    assert len(_rows(imports)) == len(files) + 1
    (escape,) = _rows(imports, source="../../escape.cif")
    assert escape["status"] == "unreadable"
    assert escape["reason"] == "the name of the member leads out of the archive"
    assert not (tmp_path / "escape.cif").exists()
    folder = tmp_path / "out" / "found.quarantine"
    assert (folder / "notes" / "readme.txt").read_text() == "Structures of the paper."
    assert "../../escape.cif\tunreadable" in (folder / "reasons.txt").read_text()
    digest = file_metadata(read_table(output, CONFIGURATIONS))["inputs"]
    assert file_sha256(archive) in digest


def test_two_processes_find_the_same(loaded_llzo, llzo_cifs):
    counts = {"24d": 12, "96h": 44}
    target = Target(loaded_llzo.parent, counts, loaded_llzo.rules, 0.5)
    done = []
    alone = map_source(llzo_cifs, target, done.append)
    assert sum(done) == 30
    shared = map_source(llzo_cifs, target, done.append, processes=2)
    assert [entry.source for entry in shared] == [entry.source for entry in alone]
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one.mapped.occupancy, other.mapped.occupancy)


def test_a_set_too_large_to_enumerate(toy, toy_files, tmp_path, monkeypatch):
    monkeypatch.setattr(imported_orbits, "MAX_ENUMERATED", 2)
    (toy_files / "6_8-00000000.vasp").unlink()
    output = tmp_path / "found.parquet"
    code, out, err = toy("import-set", toy_files, "--set", "6_8", "--output", output)
    assert code == 0, err
    assert "2 of 3 configurations found; the set is too large to enumerate" in out
    assert _rows(tmp_path / "found.imports.parquet", status="missing") == []
    table = read_table(output, CONFIGURATIONS)
    assert table["rank"].to_pylist() == [0, 1]
    assert file_metadata(table)["note"].endswith(
        "their ranks count the configurations found"
    )


def test_a_drawn_set_can_be_imported(toy, toy_files, tmp_path):
    overlay = tmp_path / "drawn.yaml"
    overlay.write_text(yaml.safe_dump({"sets": {"6_8": {"draw": 2}}}))
    output = tmp_path / "found.parquet"
    command = ("import-set", toy_files, "--set", "6_8", "--output", output)
    code, out, err = toy(*command, overlays=[overlay])
    assert code == 0, err
    assert "3 of 3 configurations found, none missing" in out


def test_outputs_are_not_overwritten(toy, toy_files, tmp_path):
    output = tmp_path / "found.parquet"
    command = ("import-set", toy_files, "--set", "6_8", "--output", output)
    assert toy(*command)[0] == 0
    code, _, err = toy(*command)
    assert code == 1
    assert f"{output} and 1 more: exists already" in err
    assert toy(*command, "--force")[0] == 0


def test_wrong_requests(toy, toy_files, tmp_path, loaded_toy):
    def message(*options, source=toy_files):
        code, out, err = toy("import-set", source, *options)
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        return err

    output = ("--output", tmp_path / "found.parquet")
    assert "--set 9_9: expected one of the campaign's sets ['6_8']" in message(
        "--set", "9_9", *output
    )
    assert "expected a name that ends in .parquet" in message(
        "--set", "6_8", "--output", tmp_path / "found"
    )
    assert "no such file or folder; expected a folder, a structure file, or a" in message(
        "--set", "6_8", *output, source=tmp_path / "nothing.zip"
    )
    assert "tolerance of 9.0 Å, expected more than 0 and less than 1.40 Å" in message(
        "--set", "6_8", *output, "--tolerance-A", "9"
    )
    assert "where the next import would read it; expected a path outside" in message(
        "--set", "6_8", "--output", toy_files / "found.parquet"
    )
    made = loaded_toy.root / "results" / "toy" / "configurations" / "6_8.parquet"
    assert "the workflow writes that table; write to another folder" in message(
        "--set", "6_8", "--output", made
    )
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"PK nothing")
    assert "damaged.zip: not a readable zip archive" in message(
        "--set", "6_8", *output, source=damaged
    )


def test_a_set_that_the_rules_forbid(toy, toy_files, tmp_path):
    overlay = tmp_path / "rule.yaml"
    rule = {"min_distance_A": 3.0}
    overlay.write_text(yaml.safe_dump({"crystal": {"distance_rules": [rule]}}))
    output = tmp_path / "found.parquet"
    command = ("import-set", toy_files, "--set", "6_8", "--output", output)
    code, _, err = toy(*command, overlays=[overlay])
    assert code == 1
    assert "forbid every arrangement of 6 on '8c' ions" in err


def test_an_error_of_the_library_is_not_swallowed(loaded_llzo, tmp_path):
    target = Target(loaded_llzo.parent, {"24d": 12, "96h": 44}, loaded_llzo.rules, 9.0)
    with pytest.raises(CrystalError, match="tolerance of 9"):
        map_source(tmp_path, target, lambda _: None)
