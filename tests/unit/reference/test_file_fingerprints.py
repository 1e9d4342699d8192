"""Weights and PAW sets are part of a level of theory by their content."""

import hashlib

import pytest

from confvib.errors import LabelError
from confvib.reference.factory import make_engine
from confvib.reference.file_fingerprints import file_fingerprints


def level(files):
    section = {"calculator": "ase.calculators.lj.LennardJones", "files": files}
    return make_engine({"engine": "ase", "ase": section}).level_of_theory


def test_files_are_known_by_their_content_wherever_a_package_lies(tmp_path, monkeypatch):
    found = []
    for folder in ("here", "there"):
        package = tmp_path / folder / "some_weights"
        (package / "v1").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "v1" / "a.pt").write_bytes(b"first")
        (package / "v1" / "b.pt").write_bytes(b"second")
        with monkeypatch.context() as path:
            path.syspath_prepend(package.parent)
            found.append(file_fingerprints(["some_weights/v1/*.pt"]))
    assert found[0] == found[1]
    assert set(found[0].values()) == {
        hashlib.sha256(content).hexdigest() for content in (b"first", b"second")
    }


def test_other_weights_are_another_level_of_theory(tmp_path):
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"one")
    before = level([str(weights)])
    weights.write_bytes(b"two")
    after = level([str(weights)])
    weights.write_bytes(b"one")
    assert before == level([str(weights)]) != after
    assert level([]) not in (before, after)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("ase/no_such_folder/*.pt", "no file matches 'ase/no_such_folder/*.pt' in /"),
        ("no_such_package/a.pt", "'no_such_package/a.pt' begins with no importable"),
        ("ase", "'ase' begins with no importable package, expected an absolute path"),
        ("../weights.pt", "'../weights.pt' begins with no importable package"),
        ("/no_such_folder/a.pt", "no file matches '/no_such_folder/a.pt' in /"),
    ],
)
def test_files_that_are_missing_are_refused(pattern, message):
    with pytest.raises(LabelError) as error:
        level([pattern])
    assert message in str(error.value)
