import math

import pytest

from confvib.dft.deadline import Deadline, Order, Patience
from confvib.dft.overseer import StopWatch, _StepTimes

PATIENCE = Patience(margin_s=300.0, grace_s=20.0)
NOT_ASKED = -math.inf


@pytest.mark.parametrize(
    ("left_s", "asked_s", "step_s", "order"),
    [
        (math.inf, NOT_ASKED, 1e6, Order.GO_ON),
        (1301.0, NOT_ASKED, 500.0, Order.GO_ON),
        (1299.0, NOT_ASKED, 500.0, Order.END_AFTER_STEP),
        (299.0, NOT_ASKED, 0.0, Order.END_AFTER_STEP),
        (149.0, NOT_ASKED, 500.0, Order.END_AT_ONCE),
        (49.0, NOT_ASKED, 500.0, Order.TERMINATE),
        (math.inf, 0.0, 9.0, Order.END_AFTER_STEP),
        (math.inf, 0.0, 11.0, Order.END_AT_ONCE),
        (math.inf, 21.0, 1.0, Order.TERMINATE),
    ],
)
def test_orders(left_s, asked_s, step_s, order):
    assert PATIENCE.order(left_s, asked_s, step_s) == order


@pytest.mark.parametrize("step_s", [0.0, 3.0, 40.0, 1000.0])
def test_orders_only_grow_as_time_passes(step_s):
    ahead = [PATIENCE.order(left, NOT_ASKED, step_s) for left in range(4000, 0, -1)]
    asked = [PATIENCE.order(math.inf, since, step_s) for since in range(60)]
    assert ahead == sorted(ahead)
    assert asked == sorted(asked)
    assert (ahead[-1], asked[-1]) == (Order.TERMINATE, Order.TERMINATE)


def test_step_times_are_read_as_outcar_grows(tmp_path):
    outcar = tmp_path / "OUTCAR"
    times = _StepTimes(outcar)
    assert times.longest_s() < 1.0
    line = "     LOOP+:  cpu time {0:9.4f}: real time {0:9.4f}\n"
    outcar.write_text("      LOOP:  cpu time 99.0: real time 99.0\n" + line.format(7.5))
    assert times.longest_s() == 7.5
    with outcar.open("a") as file:
        file.write(line.format(12.25)[:-9])
    assert times.longest_s() == 7.5
    with outcar.open("a") as file:
        file.write(line.format(12.25)[-9:] + 20 * line.format(3.0))
    # One slow step long ago says little of the next.
    assert times.longest_s() == 3.0


def test_the_geometry_before_an_abort_is_saved(tmp_path):
    line = "     LOOP+:  cpu time    5.0: real time    5.0\n"
    (tmp_path / "OUTCAR").write_text(line)
    (tmp_path / "CONTCAR").write_text("converged\n")
    watch = StopWatch(tmp_path, Deadline(lambda: True), Patience(300.0, 9.0))
    assert watch.look() == Order.END_AT_ONCE
    assert (tmp_path / "CONTCAR.before-abort").read_text() == "converged\n"
    assert (tmp_path / "STOPCAR").read_text() == "LABORT = .TRUE.\n"
    (tmp_path / "CONTCAR").write_text("not converged\n")
    assert watch.look() == Order.END_AT_ONCE
    assert (tmp_path / "CONTCAR.before-abort").read_text() == "converged\n"
