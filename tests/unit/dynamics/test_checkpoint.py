"""What is on disk is the last finished save, whole, or nothing."""

import itertools
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from confvib.dynamics import checkpoint as module
from confvib.dynamics.checkpoint import Checkpoint

SAVER = """
import sys
import numpy as np
from confvib.dynamics.checkpoint import Checkpoint

checkpoint = Checkpoint(__import__("pathlib").Path(sys.argv[1]), "key", 0.0)
saved = checkpoint.load()
n = 0 if saved is None else int(saved.state["n"])
print(n, flush=True)
while True:
    n += 1
    checkpoint.save({"n": np.array(n), "x": np.full(999, n)}, {"rows": np.full(7, n)})
"""


@pytest.fixture
def made(tmp_path):
    def make(key="key", interval_s=1e9):
        return Checkpoint(tmp_path / "saves", key, interval_s)

    return make


def save(checkpoint, n):
    state = {"n": np.array(n), "x": np.full(3, n, np.float32)}
    checkpoint.save(state, {"rows": np.full((2, n), n)})


def save_all(checkpoint, n_saves):
    for n in range(1, n_saves + 1):
        save(checkpoint, n)


def assert_holds(checkpoint, n):
    saved = checkpoint.load()
    if n == 0:
        assert saved is None
        return
    assert set(saved.state) == {"n", "x"}
    assert saved.state["n"] == n
    assert saved.state["x"].dtype == np.float32
    found = [part["rows"] for part in saved.parts]
    for rows, k in zip(found, range(1, n + 1), strict=True):
        np.testing.assert_array_equal(rows, np.full((2, k), k))


def files(checkpoint):
    return sorted(path for path in checkpoint.folder.rglob("*") if path.is_file())


def test_a_save_replaces_the_state_and_adds_a_part(made):
    assert_holds(made(), 0)
    for n in range(1, 4):
        attempt = made()
        assert_holds(attempt, n - 1)
        save(attempt, n)
    assert_holds(made(), 3)
    names = [path.name for path in files(made())]
    assert names == ["part-000000", "part-000001", "part-000002", "state"]


def test_a_save_may_add_nothing(made):
    first = made()
    first.save({"n": np.array(1)})
    first.save({"n": np.array(2)})
    saved = made().load()
    assert saved.state["n"] == 2
    assert saved.parts == []


def test_bits_survive(made):
    odd = np.array([0x7FC00001, 0x80000000, 0x00000001, 0xFF800000], np.uint32)
    made().save({"x": odd.view(np.float32), "flag": np.array(True)})
    state = made().load().state
    np.testing.assert_array_equal(state["x"].view(np.uint32), odd)
    assert state["flag"].dtype == bool


def test_saves_of_another_key_are_removed_and_nothing_else(made):
    save(made("old"), 1)
    stranger = made().folder / "notes.txt"
    stranger.write_text("mine")
    assert_holds(made("new"), 0)
    assert files(made()) == [stranger]
    made().remove()
    assert stranger.read_text() == "mine"


def test_any_changed_byte_is_noticed(made):
    first = made()
    save(first, 1)
    for path in files(first):
        whole = path.read_bytes()
        for index in range(0, len(whole), 5):
            path.write_bytes(
                whole[:index] + bytes([whole[index] ^ 16]) + whole[index + 1 :]
            )
            assert first._read() is None, (path.name, index)
        path.write_bytes(whole)
        assert first._read() is not None


@pytest.mark.parametrize("name", ["state", "part-000000", "part-000001"])
@pytest.mark.parametrize("length", [None, 0, 20, 32, 100])
def test_missing_and_cut_files_are_noticed_and_cleared(made, name, length):
    first = made()
    save(first, 1)
    save(first, 2)
    path = next(path for path in files(first) if path.name == name)
    if length is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:length])
    again = made()
    assert_holds(again, 0)
    assert files(again) == []
    save(again, 1)
    assert_holds(made(), 1)


def test_who_saves_without_reading_starts_anew(made):
    save(made(), 1)
    save(made(), 1)
    assert_holds(made(), 1)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fatal", range(4))
def test_a_crash_at_any_write_leaves_the_save_before_it(made, monkeypatch, after, fatal):
    write, count = module.write_atomically, itertools.count()

    def crash(path, content):
        last = next(count) == fatal
        if last and not after:
            (path.parent / f".{path.name}.half").write_bytes(b"torn")
        else:
            write(path, content)
        if last:
            raise KeyboardInterrupt

    first = made()
    with monkeypatch.context() as patched:
        patched.setattr(module, "write_atomically", crash)
        with pytest.raises(KeyboardInterrupt):
            save_all(first, 3)
    # Two writes a save, the state last.
    n_saved = (fatal + after) // 2
    again = made()
    assert_holds(again, n_saved)
    assert len(files(again)) == (n_saved + 1 if n_saved else 0)
    save(again, n_saved + 1)
    assert_holds(made(), n_saved + 1)


def test_is_due_after_the_interval(made):
    patient, hasty = made(), made(interval_s=0.0)
    assert hasty.due()
    assert not patient.due()
    soon = made(interval_s=0.05)
    assert not soon.due()
    time.sleep(0.06)
    assert soon.due()
    save(soon, 1)
    assert not soon.due()


def test_removal_leaves_nothing(made):
    first = made()
    save(first, 1)
    first.remove()
    assert not first.folder.exists()
    first.remove()
    save(first, 1)
    assert_holds(made(), 1)


def test_a_narrowed_key_tells_inputs_apart(made):
    x = np.arange(4.0)
    variants = [
        (),
        (x,),
        (x.astype(np.float32),),
        (x.reshape(2, 2),),
        (x + 1e-15,),
        ("a", "bc"),
        ("ab", "c"),
        (1, 1.0),
        (1.0, 1),
    ]
    keys = [made().narrowed(*inputs).key for inputs in variants]
    keys += [made("other").narrowed().key]
    assert len(set(keys)) == len(keys)
    assert made().narrowed(x[::2]).key == made().narrowed(x[::2].copy()).key


@pytest.mark.slow
def test_kills_at_random_moments_leave_whole_saves(tmp_path):
    rng, reached = np.random.default_rng(1), 0
    for _ in range(50):
        saver = subprocess.Popen(
            [sys.executable, "-c", SAVER, tmp_path], stdout=subprocess.PIPE, text=True
        )
        started_at = int(saver.stdout.readline())
        time.sleep(rng.uniform(0, 0.05))
        saver.kill()
        assert saver.wait() == -signal.SIGKILL
        saver.stdout.close()
        # It goes on from where the last one was seen to stand.
        assert started_at == reached
        saved = Checkpoint(tmp_path, "key", 0.0)._read()
        if saved is not None:
            reached = int(saved.state["n"])
            np.testing.assert_array_equal(saved.state["x"], np.full(999, reached))
            rows = np.array([part["rows"] for part in saved.parts])
            expected = np.arange(1, reached + 1)[:, None] * np.ones(7, int)
            np.testing.assert_array_equal(rows, expected)
    assert reached > 50
