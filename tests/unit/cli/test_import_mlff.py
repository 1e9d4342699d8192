"""``confvib import-mlff``: what it writes, says and refuses."""

import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from confvib.cli.import_mlff import import_mlff
from confvib.forcefield.checkpoint import fingerprint, load_model

ARCHIVE = Path(__file__).parents[1] / "forcefield" / "data" / "mlff_checkpoint.tar.xz"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    unpacked = tmp_path_factory.mktemp("mlff")
    shutil.unpack_archive(ARCHIVE, unpacked, filter="data")
    return unpacked / "mlff_checkpoint"


def run(*arguments):
    app = typer.Typer()
    app.command()(import_mlff)
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_it_writes_a_force_field(folder, tmp_path):
    path = tmp_path / "new" / "md.msgpack"
    code, out, err = run(
        folder, "--output", path, "--species", "Li, La,Zr,O", "--role", "md"
    )
    model = load_model(path)
    assert (code, err) == (0, "")
    assert out.startswith(f"{path}: 3,269 parameters, features 8, heads 2, layers 2, ")
    assert out.endswith(
        f"residual_networks interaction\nfingerprint {fingerprint(model)}\n"
    )
    assert (model.species, model.role) == ((3, 8, 40, 57), "md")
    assert (model.shifts_eV[1:] < 0).all()


def test_the_shift_can_be_left_out(folder, tmp_path):
    path = tmp_path / "relative.msgpack"
    assert run(folder, "--output", path, "--no-shift")[0] == 0
    assert not load_model(path).shifts_eV.any()


def test_mistakes_end_with_one_message(folder, tmp_path):
    path = tmp_path / "x.msgpack"
    code, _, err = run(folder, "--output", path, "--species", "Li,Xx")
    assert code == 1
    assert err == (
        "confvib: --species Li,Xx: 'Xx' is no element, expected symbols such as "
        "Li,La,Zr,O\n"
    )
    code, _, err = run(tmp_path, "--output", path)
    assert code == 1
    assert err.startswith("confvib: no hyperparameters.json in ")
    path.write_text("mine")
    code, _, err = run(folder, "--output", path)
    assert code == 1
    assert "exists already" in err
    assert path.read_text() == "mine"
    assert run(folder, "--output", path, "--force")[0] == 0
