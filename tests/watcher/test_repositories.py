"""The repositories of a watcher: looked at when an event tells of a change, and at rest now and then without one."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from router.watcher.events import Watch
from router.watcher.repositories import AGAIN, SETTLED, Repositories
from tests.observe.shops import added, make
from tests.watcher.fakes import Clock


class Told(Watch):
    """File events that a test makes; `tells_all` is the test's to say as well."""

    def __init__(self, on_event: Callable[[], None]) -> None:
        super().__init__(on_event)
        self.event = on_event
        self.tells_all = True

    def start(self) -> None:
        pass

    def follow(self, directories: Iterable[str]) -> bool:
        del directories
        return True


class Watched:
    """One repository, looked at by a clock that stands still; `branches` are those of a look."""

    def __init__(self, shop: Path) -> None:
        self.shop = shop
        self.clock = Clock()
        self.woken = 0
        self.events: Told
        self.repositories = Repositories(self._wake, watch=self._watch, clock=self.clock)

    def _watch(self, on_event: Callable[[], None]) -> Told:
        self.events = Told(on_event)
        return self.events

    def _wake(self) -> None:
        self.woken += 1

    def branches(self, *, whole: bool = False) -> list[str | None]:
        found = self.repositories.look([f"{self.shop}/.git"], whole=whole).repositories
        return [tree.branch for each in found for tree in each.worktrees]

    def settle(self) -> None:
        """Look until nothing is new, and let the time pass after which events are trusted."""
        before = None
        while before != (before := self.branches()):
            pass
        self.clock.now += SETTLED + 0.1
        self.branches()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(make(tmp_path / "shop"))
    with closing(watched.repositories):
        watched.settle()
        yield watched


def test_at_rest_an_event_has_a_look_made_and_wakes_the_loop(watched: Watched) -> None:
    added(watched.shop, "a")
    assert watched.branches() == ["main"]
    watched.events.event()
    assert watched.woken == 1
    assert watched.branches() == ["main", "a"]


def test_what_no_event_tells_is_seen_a_little_later(watched: Watched) -> None:
    added(watched.shop, "a")
    assert watched.branches() == ["main"]
    watched.clock.now += AGAIN
    assert watched.branches() == ["main", "a"]


def test_right_after_a_change_each_look_is_made(watched: Watched) -> None:
    added(watched.shop, "a")
    watched.events.event()
    watched.branches()
    added(watched.shop, "b")
    assert watched.branches() == ["main", "a", "b"]


def test_where_events_do_not_tell_all_each_look_is_made(watched: Watched) -> None:
    watched.events.tells_all = False
    added(watched.shop, "a")
    assert watched.branches() == ["main", "a"]


def test_a_look_at_the_whole_is_made_whatever_events_say(watched: Watched) -> None:
    added(watched.shop, "a")
    assert watched.branches(whole=True) == ["main", "a"]


def test_other_repositories_are_looked_at_at_once(watched: Watched, tmp_path: Path) -> None:
    other = make(tmp_path / "other")
    found = watched.repositories.look([f"{other}/.git"]).repositories
    assert [each.name for each in found] == ["other"]
