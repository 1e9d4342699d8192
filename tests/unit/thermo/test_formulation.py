"""Every section that a docstring of this package names exists in the formulation."""

import re
from pathlib import Path

import confvib.thermo

PACKAGE = Path(confvib.thermo.__file__).parent
PAGE = PACKAGE.parents[2] / "docs" / "formulation.md"


def test_docstrings_point_to_existing_sections():
    sources = "".join(path.read_text("utf-8") for path in PACKAGE.glob("*.py"))
    wanted = set(re.findall(r"formulation\.md#([\w-]+)", sources))
    anchors = set(re.findall(r'<a id="([\w-]+)"></a>', PAGE.read_text("utf-8")))
    assert len(wanted) > 8
    assert wanted <= anchors


def test_the_table_of_contents_is_complete():
    text = PAGE.read_text("utf-8")
    anchors = re.findall(r'<a id="([\w-]+)"></a>\n##', text)
    linked = re.findall(r"\]\(#([\w-]+)\)", text)
    assert linked == anchors
