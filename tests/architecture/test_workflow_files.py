"""The workflow's files agree with each other and with the library."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from confvib.campaign.config import Campaign
from confvib.tables.document import markdown

ROOT = Path(__file__).parents[2]
RULES = [
    (path.name, name)
    for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for name in re.findall(r"^rule (\w+):", path.read_text(), re.MULTILINE)
]


def test_one_name_for_rule_script_and_stage():
    names = {name for _, name in RULES}
    assert names == {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}
    for name in names:
        stage = ROOT / f"src/confvib/stages/{name}.py"
        assert f"def {name}(" in stage.read_text(), stage


def test_every_rule_logs_says_what_it_does_and_names_its_environment():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for block in re.split(r"^(?=rule )", path.read_text(), flags=re.MULTILINE)[1:]:
            name = block.split(":", 1)[0]
            for directive in ("message:", "log:", "conda:", "script:"):
                assert directive in block, f"{name} has no {directive}"
            assert "run:" not in block
            assert len(block.splitlines()) <= 60, name


def test_the_exported_schema_is_the_one_of_the_models():
    exported = json.loads((ROOT / "config/config.schema.json").read_text())
    assert exported == Campaign.model_json_schema(), (
        "config/config.schema.json is out of date; run: make schema"
    )


def test_every_key_of_the_schema_says_what_it_means():
    def silent(schema, path=""):
        for name, entry in schema.get("properties", {}).items():
            if "description" not in entry and "$ref" not in str(entry):
                yield f"{path}.{name}"

    schema = Campaign.model_json_schema()
    missing = [key for part in schema["$defs"].values() for key in silent(part)]
    assert missing == []


def test_conda_environments_carry_the_locked_versions():
    lock = (ROOT / "uv.lock").read_text()
    locked = set(
        re.findall(r'^name = "([^"]+)"\nversion = "([^"]+)"', lock, re.MULTILINE)
    )
    for path in (ROOT / "envs").glob("*.yaml"):
        environment = yaml.safe_load(path.read_text())
        for requirement in environment["dependencies"][-1]["pip"]:
            name, version = requirement.split("==")
            assert (name.partition("[")[0], version) in locked, (
                f"{path.name}: {requirement}"
            )


def test_code_of_every_stage_has_a_fingerprint():
    code = (
        "from confvib.campaign.fingerprint import code_fingerprint\n"
        f"names = {sorted(name for _, name in RULES)}\n"
        "prints = {n: code_fingerprint(f'confvib.stages.{n}') for n in names}\n"
        "print(len(set(prints.values())))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(answer.stdout) == len(RULES)


def test_the_data_contracts_are_documented_as_they_are():
    assert (ROOT / "docs/data.md").read_text() == markdown(), "run: make docs"
