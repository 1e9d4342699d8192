"""Who may import whom, and how fast the Snakefile's imports are."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "src/confvib").rglob("*.py"))


def test_layers_hold():
    answer = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout


def test_reading_the_configuration_imports_neither_jax_nor_pymatgen():
    # Every job of a cluster run reads the Snakefile again on its node.
    code = (
        "import sys, yaml; from pathlib import Path\n"
        "from confvib.campaign.config import load_campaign\n"
        "import confvib.campaign.identity, confvib.campaign.fingerprint\n"
        "load_campaign(yaml.safe_load(Path('config/config.yaml').read_text()), Path())\n"
        "heavy = ('jax', 'pymatgen', 'pandas', 'matplotlib')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_the_commands_start_without_jax():
    code = "import sys, confvib.cli.app; print('jax' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_is_short_and_says_what_it_is(path):
    text = path.read_text()
    assert text.startswith(('"""', 'r"""')), "no module docstring"
    assert len(text.splitlines()) <= 300
    assert path.stem not in {"utils", "helpers", "misc"}


def test_tests_are_short():
    long = [
        path.name
        for path in (ROOT / "tests").rglob("*.py")
        if len(path.read_text().splitlines()) > 400
    ]
    assert long == []
