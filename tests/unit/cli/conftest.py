"""The command as a user runs it, on the toy campaign and on c-LLZO."""

import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from confvib.campaign.composition import group_counts
from confvib.cli.app import app
from confvib.cli.loading import load
from confvib.stages.enumerate_configurations import enumerate_configurations
from confvib.stages.job import Progress

ROOT = Path(__file__).parents[3]
BASE = ROOT / "config" / "config.yaml"
TOY = ROOT / "tests" / "toy" / "toy.yaml"


@pytest.fixture(scope="session")
def confvib():
    """Run a command; returns exit code, stdout and stderr."""

    def run(*arguments, overlays=()):
        options = ["--config", str(BASE)]
        options += [word for path in overlays for word in ("--configfile", str(path))]
        command = [*map(str, arguments), *options]
        result = CliRunner().invoke(app, command, catch_exceptions=False)
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.fixture(scope="session")
def toy(confvib):
    """Run a command on the toy campaign."""

    def run(*arguments, overlays=()):
        return confvib(*arguments, overlays=(TOY, *overlays))

    return run


def _enumerate(loaded, set_name, output):
    params = {
        "crystal": loaded.crystal,
        "counts": group_counts(loaded.campaign.sets[set_name]),
        "draw": None,
        "imported": "",
        "seed": None,
        "config_hash": loaded.identities.configurations(set_name),
    }
    progress = Progress("test", io.StringIO())
    enumerate_configurations(
        str(loaded.structure), str(output), set_name, params, progress
    )
    return output


@pytest.fixture(scope="session")
def loaded_toy():
    return load(BASE, [TOY])


@pytest.fixture(scope="session")
def loaded_llzo():
    return load(BASE, [])


@pytest.fixture(scope="session")
def toy_table(loaded_toy, tmp_path_factory):
    output = tmp_path_factory.mktemp("toy") / "6_8.parquet"
    return _enumerate(loaded_toy, "6_8", output)


@pytest.fixture(scope="session")
def llzo_table(loaded_llzo, tmp_path_factory):
    output = tmp_path_factory.mktemp("llzo") / "12_44.parquet"
    return _enumerate(loaded_llzo, "12_44", output)
