"""A code fingerprint follows imports and ignores prose."""

import pytest

from confvib.campaign import fingerprint


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "confvib"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "stage.py").write_text(
        "from confvib.law import f\n\n\ndef run():\n    return f(1)\n"
    )
    (root / "law.py").write_text('def f(x):\n    """Say it."""\n    return 2 * x\n')
    (root / "other.py").write_text("y = 1\n")
    monkeypatch.setattr(fingerprint, "_SOURCE", tmp_path)
    return root


def value():
    fingerprint._file_of.cache_clear()
    fingerprint._normalised.cache_clear()
    return fingerprint.code_fingerprint("confvib.stage")


@pytest.fixture(autouse=True)
def fresh_caches():
    yield
    fingerprint._file_of.cache_clear()
    fingerprint._normalised.cache_clear()


def test_an_imported_module_counts(package):
    before = value()
    (package / "law.py").write_text("def f(x):\n    return 3 * x\n")
    assert value() != before


def test_comments_docstrings_and_other_modules_do_not(package):
    before = value()
    (package / "law.py").write_text(
        '# why\ndef f(x):\n    """Say it differently."""\n\n    return 2 * x\n'
    )
    (package / "other.py").write_text("y = 2\n")
    assert value() == before
