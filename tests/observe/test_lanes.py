"""Jobs side by side: what is stuck keeps nobody else waiting, and is never started twice."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from router.observe.lanes import Lanes

LONG = 20.0  # seconds: a failing test ends, a passing one never waits for them


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What a stuck job waits for; the end of the test lets it go."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def lanes() -> Iterator[Lanes[str, int]]:
    lanes: Lanes[str, int] = Lanes(threads=4)
    yield lanes
    lanes.close()


def stuck(release: threading.Event, result: int = 0) -> Callable[[], int]:
    """Return a job that ends when it is released."""

    def job() -> int:
        release.wait(LONG)
        return result

    return job


def test_the_results_of_jobs_that_end_in_time_are_returned(lanes: Lanes[str, int]) -> None:
    assert lanes.run({"a": lambda: 1, "b": lambda: 2}, patience=LONG) == {"a": 1, "b": 2}
    assert lanes.run({}, patience=LONG) == {}


def test_one_that_is_stuck_keeps_nobody_else_waiting(lanes: Lanes[str, int], release: threading.Event) -> None:
    assert lanes.run({"a": stuck(release), "b": lambda: 2}, patience=0.1, for_the_first=LONG) == {"b": 2}
    assert lanes.seconds("a") > 0
    assert not lanes.is_free("a")
    assert lanes.is_free("b")
    assert lanes.run({"a": lambda: 3, "b": lambda: 4}, patience=LONG) == {"b": 4}  # nor is it waited for again


def test_a_key_has_one_job_at_a_time(lanes: Lanes[str, int], release: threading.Event) -> None:
    started = []
    for number in range(3):
        lanes.run({"a": lambda n=number: started.append(n) or stuck(release)()}, patience=0)  # type: ignore[misc]
    release.set()
    while lanes.seconds("a"):
        pass
    assert started == [0]


def test_a_late_result_is_returned_in_the_place_of_a_new_job(release: threading.Event) -> None:
    answered = threading.Event()
    lanes: Lanes[str, int] = Lanes(threads=1, on_late=answered.set)
    assert lanes.run({"a": stuck(release, 1)}, patience=0) == {}
    release.set()
    assert answered.wait(LONG)
    assert lanes.run({"a": lambda: 2}, patience=LONG) == {"a": 1}
    assert lanes.run({"a": lambda: 2}, patience=LONG) == {"a": 2}
    lanes.close()


def test_a_late_result_that_nobody_asks_for_is_dropped(release: threading.Event) -> None:
    answered = threading.Event()
    lanes: Lanes[str, int] = Lanes(threads=2, on_late=answered.set)
    lanes.run({"a": stuck(release, 1)}, patience=0)
    release.set()
    assert answered.wait(LONG)
    assert lanes.run({"b": lambda: 2}, patience=LONG) == {"b": 2}
    assert lanes.run({"a": lambda: 3}, patience=LONG) == {"a": 3}
    lanes.close()


def test_who_is_in_time_calls_nobody() -> None:
    called: list[bool] = []
    lanes: Lanes[str, int] = Lanes(threads=1, on_late=lambda: called.append(True))
    assert lanes.run({"a": lambda: 1}, patience=LONG) == {"a": 1}
    lanes.close()
    assert not called


def test_as_long_as_nobody_has_answered_nobody_is_kept_waiting(lanes: Lanes[str, int]) -> None:
    slow = threading.Event()
    threading.Timer(0.2, slow.set).start()
    assert lanes.run({"a": stuck(slow, 1)}, patience=0, for_the_first=LONG) == {"a": 1}


def test_once_one_has_answered_the_others_have_their_time(lanes: Lanes[str, int], release: threading.Event) -> None:
    assert lanes.run({"a": stuck(release), "b": lambda: 2}, patience=0.1, for_the_first=LONG) == {"b": 2}


def test_there_are_no_more_threads_than_asked_for(release: threading.Event) -> None:
    with ExitStack() as stack:
        lanes: Lanes[int, int] = Lanes(threads=3)
        stack.callback(lanes.close)
        before = set(threading.enumerate())
        lanes.run({number: stuck(release) for number in range(20)}, patience=0.05)
        assert len(set(threading.enumerate()) - before) == 3
        release.set()
        assert len(lanes.run({number: stuck(release) for number in range(100, 120)}, patience=LONG)) == 20


def test_a_job_that_raises_is_logged_and_may_be_started_again(
    lanes: Lanes[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert lanes.run({"a": lambda: 1 // 0}, patience=LONG) == {}
    assert "ZeroDivisionError" in caplog.text
    assert lanes.run({"a": lambda: 1}, patience=LONG) == {"a": 1}


def test_without_room_for_a_thread_a_job_waits_for_the_next_call(
    lanes: Lanes[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)  # a limit of the whole machine cannot be reached safely
        assert lanes.run({"a": lambda: 1}, patience=0) == {}
    assert lanes.run({"b": lambda: 2}, patience=LONG) == {"b": 2}
    while lanes.seconds("a"):
        pass
    assert lanes.run({"a": lambda: 3}, patience=LONG)["a"] in {1, 3}  # it is not stuck for ever


def test_the_threads_end_with_the_lanes() -> None:
    before = set(threading.enumerate())
    lanes: Lanes[int, int] = Lanes(threads=4)
    lanes.run({number: lambda: 1 for number in range(4)}, patience=LONG)
    ours = set(threading.enumerate()) - before
    lanes.close()
    for thread in ours:
        thread.join(LONG)
    assert not any(thread.is_alive() for thread in ours)
