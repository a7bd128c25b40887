"""When the watcher looks next, and how often it may load."""

from typing import Any

import pytest

from router.watcher.events import Woken
from router.watcher.pace import BURST, FAST, LOADS, LOADS_PER_SECOND, PROMPT, QUIET, SHARE, SLOW, Allowance, Pace, Timer
from tests.watcher.fakes import Clock, FakeWake

NOT, LOOK, CHANGE = Woken


def paced(*answers: Woken, clock: Clock | None = None) -> tuple[Pace, FakeWake]:
    wake: Any = FakeWake(*answers)
    return Pace(wake, clock=clock or Clock()), wake


def rest(pace: Pace, times: int = 1) -> None:
    for _ in range(times):
        pace.wait(until=lambda: False)


def test_at_rest_the_pauses_grow_to_the_longest() -> None:
    pace, wake = paced()
    rest(pace, 20)
    assert wake.waits[0] == FAST
    assert wake.waits == sorted(wake.waits)
    assert wake.waits[-1] == SLOW


def test_after_a_change_the_next_look_comes_soon() -> None:
    pace, wake = paced()
    rest(pace, 20)
    pace.hurry()
    rest(pace)
    assert wake.waits[-1] == FAST


def test_an_answer_has_one_look_and_leaves_the_pace_as_it_is() -> None:
    pace, wake = paced(*[NOT] * 20, LOOK)
    rest(pace, 22)
    assert wake.waits[-3:] == [SLOW, PROMPT, SLOW]


def test_the_first_event_after_a_time_of_quiet_is_looked_at_at_once() -> None:
    clock = Clock()
    pace, wake = paced(CHANGE, NOT, CHANGE, NOT, clock=clock)
    rest(pace)
    clock.now += BURST
    rest(pace)
    assert wake.waits == [FAST, PROMPT, FAST, PROMPT]


def test_the_events_of_one_call_are_one_and_those_that_follow_have_a_look_of_their_own() -> None:
    clock = Clock()
    pace, wake = paced(*[CHANGE] * 1000, clock=clock)

    def until() -> bool:
        clock.now += QUIET / 2
        return False

    pace.wait(until=until)
    assert wake.waits == [FAST, PROMPT]


def test_what_goes_on_after_it_is_waited_out_until_it_is_quiet() -> None:
    pace, wake = paced(CHANGE, NOT, CHANGE, CHANGE, CHANGE, NOT)
    rest(pace, 2)
    assert wake.waits == [FAST, PROMPT, FAST, QUIET, QUIET, QUIET]


def test_a_burst_that_goes_on_is_looked_at_all_the_same() -> None:
    clock = Clock()
    pace, wake = paced(CHANGE, NOT, *[CHANGE] * 1000, clock=clock)
    rest(pace)
    ends = iter([False, False, True])

    def until() -> bool:
        clock.now += BURST / 3 if not next(ends, False) else BURST
        return False

    pace.wait(until=until)
    assert len(wake.waits) < 6


def test_who_is_told_to_stop_does_not_wait_for_the_end_of_a_burst() -> None:
    pace, wake = paced(*[CHANGE] * 10)
    pace.wait(until=lambda: True)
    assert wake.waits == [FAST]


def test_looks_that_cost_much_are_made_less_often() -> None:
    pace, wake = paced()
    pace.looked(0.5)
    rest(pace, 20)
    assert wake.waits[-1] == SHARE * 0.5


def test_a_timer_is_due_at_once_and_then_at_its_interval() -> None:
    clock = Clock()
    timer = Timer(10, clock=clock)
    assert timer.due()
    assert not timer.due()
    clock.now += 9.9
    assert not timer.due()
    clock.now += 0.1
    assert timer.due()


def test_a_timer_can_begin_again() -> None:
    clock = Clock()
    timer = Timer(10, clock=clock)
    clock.now += 9
    timer.restart()
    clock.now += 9
    assert not timer.due()


@pytest.mark.parametrize("seconds", [10, 100])
def test_loads_follow_each_other_at_once_and_then_a_few_a_second(seconds: int) -> None:
    clock = Clock()
    allowance = Allowance(clock=clock)
    loads = 0
    for _ in range(seconds * 50):  # a file that changes fifty times a second
        if allowance.left():
            allowance.spend(1)
            loads += 1
        clock.now += 0.02
    assert LOADS + LOADS_PER_SECOND * (seconds - 1) <= loads <= LOADS + LOADS_PER_SECOND * seconds + 1


def test_a_pass_that_loaded_nothing_costs_nothing() -> None:
    allowance = Allowance(1, per_second=0.0, clock=Clock())
    for _ in range(5):
        assert allowance.left()
        allowance.spend(0)
    allowance.spend(1)
    assert not allowance.left()
