"""A finished toy campaign, and a way to ask the workflow what it would do."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests/toy/toy.yaml"
SNAKEMAKE = Path(sys.executable).parent / "snakemake"


class Workflow:
    """The real Snakefile, run in a folder of its own."""

    def __init__(self, folder, overlay=TOY, profile=ROOT / "profiles/local"):
        self.folder = folder
        self.overlay = overlay
        self.profile = profile

    def command(self, *arguments, changes=None):
        """Return the command line; ``changes`` overlay the configuration."""
        overlays = [self.overlay] if self.overlay else []
        if changes:
            path = self.folder / "changes.yaml"
            path.write_text(yaml.safe_dump(changes))
            overlays.append(path)
        words = [
            SNAKEMAKE,
            *("--snakefile", ROOT / "Snakefile"),
            *("--directory", self.folder),
            *("--profile", self.profile),
            *arguments,
            *(["--configfile", *overlays] if overlays else []),
        ]
        return list(map(str, words))

    def run(self, *arguments, changes=None, check=True):
        answer = subprocess.run(
            self.command(*arguments, changes=changes),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if check:
            assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer

    def plan(self, changes=None, *targets):
        """Return {rule: number of jobs} of a dry run."""
        answer = self.run(*targets, "--dry-run", changes=changes)
        text = answer.stdout + answer.stderr
        stats = re.search(
            r"^job +count\n-+ +-+\n(.*?)\ntotal", text, re.DOTALL | re.MULTILINE
        )
        if stats is None:
            assert "Nothing to be done" in text, text
            return {}
        rows = (line.split() for line in stats.group(1).splitlines())
        return {name: int(count) for name, count in rows}


@pytest.fixture(scope="session")
def workflow():
    """The class, since test modules cannot import this file."""
    return Workflow


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    workflow = Workflow(tmp_path_factory.mktemp("toy"))
    workflow.run("--cores", "2")
    return workflow
