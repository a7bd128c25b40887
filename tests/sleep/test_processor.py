"""Whether a server works: by the processor time of its processes from one look to the next."""

from router.ps import ProcessId
from router.sleep.processor import Processor

ONE, TWO = ProcessId(1, 1, "boot"), ProcessId(2, 1, "boot")


def looked(*samples: tuple[float, dict[ProcessId, float]], within: float = 1800.0) -> float | None:
    """Return when a worktree was last seen to work, after looks at these times."""
    processor: Processor[str] = Processor()
    for now, times in samples:
        found = processor.look({"x": times}, within={"x": within}, now=now)
    return found.get("x")


def test_what_was_used_before_the_first_look_does_not_count() -> None:
    assert looked((0, {ONE: 500.0})) is None
    assert looked((0, {ONE: 500.0}), (20, {ONE: 500.1})) is None


def test_a_server_that_only_waits_does_not_work() -> None:
    assert looked(*((second, {ONE: second * 0.02}) for second in range(0, 3600, 20))) is None


def test_a_build_counts_until_its_last_look_and_not_for_the_minute_after_it() -> None:
    build = [(0.0, {ONE: 0.0}), (20.0, {ONE: 18.0}), (40.0, {ONE: 19.5})]
    rest = [(60.0, {ONE: 19.6}), (80.0, {ONE: 19.7}), (900.0, {ONE: 20.0})]
    assert looked(*build, *rest) == 40


def test_a_process_that_is_new_counts_whole_and_one_that_is_gone_takes_nothing_back() -> None:
    assert looked((0, {ONE: 300.0}), (20, {TWO: 10.0})) == 20
    assert looked((0, {ONE: 300.0, TWO: 1.0}), (20, {TWO: 1.1})) is None


def test_a_short_time_takes_as_large_a_part_of_it() -> None:
    assert looked((0, {ONE: 0.0}), (1, {ONE: 0.5}), within=3.0) == 1
    assert looked((0, {ONE: 0.0}), (1, {ONE: 0.5})) is None


def test_a_group_that_is_no_longer_asked_about_begins_anew() -> None:
    processor: Processor[str] = Processor()
    processor.look({"x": {ONE: 0.0}}, within={"x": 60}, now=0)
    assert processor.look({"x": {ONE: 60.0}}, within={"x": 60}, now=60) == {"x": 60}
    assert processor.look({}, within={}, now=70) == {}
    assert processor.look({"x": {ONE: 90.0}}, within={"x": 60}, now=80) == {}
