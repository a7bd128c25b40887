"""Which worktrees may sleep, and which goes first while memory is short."""

import pytest

from router.model import SleepRules, WorktreeId
from router.sleep.activity import Activity, Sign
from router.sleep.decision import Candidate, Room, given_up_first, idle_enough, is_short

NOW = 10_000.0
FULL, PLENTY = Room(available=0.1), Room(available=0.9)


def candidate(name: str, *, idle: float, rules: SleepRules, pinned: bool = False) -> Candidate:
    last = Activity(NOW - idle, Sign.CONNECTION, "a new connection")
    return Candidate(WorktreeId("/r/.git", name, 1), rules, last, pinned)


def names(found: tuple[Candidate, ...]) -> list[str]:
    return [each.id.admin for each in found]


def test_those_that_are_idle_long_enough_sleep_the_longest_idle_first() -> None:
    after = SleepRules(after=1800)
    found = [
        candidate("used", idle=1799, rules=after),
        candidate("idle", idle=1800, rules=after),
        candidate("long", idle=9000, rules=after),
        candidate("pinned", idle=9000, rules=after, pinned=True),
        candidate("never", idle=9000, rules=SleepRules(pressure=0.15)),
        candidate("later", idle=9000, rules=SleepRules(after=9001)),
    ]
    assert names(idle_enough(found, now=NOW)) == ["long", "idle"]


def test_while_memory_is_short_the_longest_idle_goes_first_one_at_a_time() -> None:
    short = SleepRules(after=1800, pressure=0.15)
    found = [
        candidate("used", idle=59, rules=short),
        candidate("minute", idle=60, rules=short),
        candidate("long", idle=900, rules=short),
        candidate("pinned", idle=9000, rules=short, pinned=True),
        candidate("asked-for-no-such-thing", idle=9000, rules=SleepRules(after=9001)),
    ]
    first = given_up_first(found, FULL, now=NOW)
    assert first
    assert first.id.admin == "long"
    assert given_up_first(found[:1], FULL, now=NOW) is None
    assert given_up_first(found, PLENTY, now=NOW) is None


def test_half_of_a_shorter_time_is_enough_while_memory_is_short() -> None:
    found = [candidate("x", idle=5, rules=SleepRules(after=10, pressure=0.15))]
    assert given_up_first(found, FULL, now=NOW)
    assert given_up_first(found, FULL, now=NOW - 1) is None


@pytest.mark.parametrize(
    ("room", "short"),
    [
        (Room(0.16), False),
        (Room(0.14), True),
        (Room(0.5, stalled=9.9), False),
        (Room(0.5, stalled=10.0), True),
    ],
)
def test_memory_is_short_where_little_is_available_or_processes_wait_for_it(room: Room, short: bool) -> None:
    assert is_short(SleepRules(pressure=0.15), room) is short
    assert not is_short(SleepRules(after=1), room)
