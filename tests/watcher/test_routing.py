"""One pass after the other: when one is due, and what is remembered where that cannot be written."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.errors import CaddyError, StoreError
from router.remembered import Memory
from router.store import Store
from router.watcher.reconcile import Sync
from router.watcher.routing import Routing
from tests.fakes import FakeAdmin, observed, worktree
from tests.watcher.fakes import FakeCaddy, FakeObserver

X, Y = observed(worktree("x")), observed(worktree("x"), worktree("y"))


class FullDisk(Store):
    """A state directory that can be read, and written only while it is not `full`."""

    full = False

    @contextlib.contextmanager
    def changing(self) -> Iterator[Memory]:
        if self.full:
            raise StoreError("the state directory cannot be written: No space left on device", hint="make room")
        with super().changing() as memory:
            yield memory


class Parts:
    """A routing with everything that it is made of."""

    def __init__(self, directory: Path) -> None:
        self.store = FullDisk(directory / "state")
        self.store.prepare()
        self.admin = FakeAdmin()
        self.observer = FakeObserver(X)
        self.caddy = FakeCaddy(self.admin)
        made: Any = self.caddy
        self.routing = Routing(self.store, observer=self.observer, admin=self.admin, caddy=made)

    def labels(self) -> list[str]:
        return [route.name for route in self.routing.state.table.routes]

    def remembered(self) -> list[str]:
        return sorted(each.label for each in self.store.memory().worktrees)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    parts = Parts(tmp_path)
    parts.routing.begin()
    return parts


def test_the_first_pass_loads_remembers_and_leaves_the_text(parts: Parts) -> None:
    assert parts.labels() == parts.remembered() == ["x"]
    assert parts.store.caddyfile.read_text() == parts.admin.loads[0]


def test_without_a_first_load_it_cannot_begin(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.admin.away = True
    with pytest.raises(CaddyError, match="does not answer"):
        parts.routing.begin()


def test_where_nothing_has_changed_no_pass_is_made(parts: Parts) -> None:
    for _ in range(3):
        parts.routing.step(resync=False)
    assert len(parts.observer.surveyed) == 1


def test_a_change_makes_a_pass(parts: Parts) -> None:
    parts.observer.seen = Y
    parts.routing.step(resync=False)
    assert parts.labels() == parts.remembered() == ["x", "y"]


def test_who_asks_for_it_gets_a_whole_look_though_nothing_seems_to_have_changed(parts: Parts) -> None:
    parts.routing.step(resync=True)
    assert [whole for _, whole in parts.observer.surveyed] == [False, True]


def test_what_could_not_be_loaded_is_tried_at_each_step(parts: Parts) -> None:
    parts.admin.away = True
    parts.observer.seen = Y
    for _ in range(3):
        parts.routing.step(resync=False)
    assert parts.labels() == ["x"]
    parts.admin.away = False
    parts.routing.step(resync=False)
    assert parts.labels() == ["x", "y"]


def test_a_caddy_that_does_not_answer_is_asked_once_in_a_step_which_may_take_long(parts: Parts) -> None:
    parts.admin.away = True
    parts.observer.seen = Y
    asked = parts.admin.asked
    parts.routing.step(resync=True)
    assert parts.admin.asked == asked + 1
    parts.admin.away = False
    parts.routing.step(resync=False)
    assert [whole for _, whole in parts.observer.surveyed] == [False, True]
    assert parts.labels() == ["x", "y"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_caddy_that_is_back_is_given_only_what_it_did_not_keep(parts: Parts, kept: bool) -> None:
    parts.admin.away = True
    parts.routing.step(resync=True)
    parts.observer.seen = Y
    parts.routing.step(resync=False)
    parts.observer.seen = X
    parts.admin.away = False
    parts.admin.serves = parts.admin.loads[-1] if kept else ""
    parts.routing.step(resync=False)
    assert parts.routing.state.in_sync
    assert len(parts.admin.loads) == (1 if kept else 2)


def test_a_caddy_that_was_started_again_is_given_everything(parts: Parts) -> None:
    parts.caddy.restart = True
    parts.routing.keep_caddy()
    assert parts.routing.state.sync is Sync.EMPTY
    parts.routing.step(resync=False)
    assert parts.admin.loads[0] == parts.admin.loads[1]
    assert parts.routing.state.in_sync


def test_while_caddy_is_away_that_is_the_problem(parts: Parts) -> None:
    parts.caddy.away = CaddyError("Caddy ended", hint="see the log")
    with pytest.raises(CaddyError):
        parts.routing.keep_caddy()
    assert [problem.kind for problem in parts.routing.problems()] == ["caddy-down"]


def test_more_loads_than_allowed_wait_and_the_last_state_wins(parts: Parts) -> None:
    for turn in range(100):
        parts.observer.seen = (Y, X)[turn % 2]
        parts.routing.step(resync=False)
    assert 20 <= len(parts.admin.loads) < 60
    parts.observer.seen = Y
    parts.routing._allowance.spend(-10)  # as time passes
    parts.routing.step(resync=False)
    assert parts.labels() == ["x", "y"]


def test_what_a_command_gave_out_stands(parts: Parts) -> None:
    memory = parts.store.memory()
    [kept] = memory.worktrees
    services = {**kept.services, "web": replace(kept.services["web"], assigned=12345, env_port=12345)}
    parts.store.remember(Memory((), (replace(kept, services=services),)))
    parts.routing.step(resync=True)
    [kept] = parts.store.memory().worktrees
    assert kept.services["web"].assigned == 12345


def test_the_list_of_repositories_is_the_commands_to_change(parts: Parts) -> None:
    parts.store.remember(replace(parts.store.memory(), repositories=("/r/.git", "/s/.git")))
    parts.routing.step(resync=True)
    assert parts.observer.surveyed[-1][0] == ("/r/.git", "/s/.git")
    assert parts.store.memory().repositories == ("/r/.git", "/s/.git")


@pytest.mark.parametrize("spoil", [lambda p: p.unlink(), lambda p: p.write_text("{")])
def test_a_lost_memory_is_written_again_with_its_repositories(parts: Parts, spoil: Any) -> None:
    parts.store.remember(replace(parts.store.memory(), repositories=("/r/.git",)))
    parts.routing.step(resync=True)
    spoil(parts.store.memory_file)
    parts.routing.step(resync=True)
    assert parts.store.memory().repositories == ("/r/.git",)
    assert parts.remembered() == ["x"]


def test_a_full_disk_is_a_problem_and_the_routes_go_on(parts: Parts) -> None:
    parts.store.full = True
    parts.observer.seen = Y
    parts.routing.step(resync=False)
    assert parts.labels() == ["x", "y"]
    assert parts.remembered() == ["x"]
    [problem] = parts.routing.problems()
    assert (problem.kind, "No space left" in problem.message) == ("state-lost", True)


def test_what_was_given_out_with_a_full_disk_stands_and_is_written_when_there_is_room(parts: Parts) -> None:
    parts.store.full = True
    parts.observer.seen = Y
    parts.routing.step(resync=False)
    ports = {s.port for r in parts.routing.state.table.routes for s in r.services}
    parts.routing.step(resync=True)
    assert {s.port for r in parts.routing.state.table.routes for s in r.services} == ports
    parts.store.full = False
    parts.routing._retry._next = 0.0
    parts.routing.step(resync=False)
    assert parts.remembered() == ["x", "y"]
    assert parts.routing.problems() == ()
    assert len(parts.observer.surveyed) == 3  # to write is no reason to look


def test_what_caddy_refused_with_a_full_disk_is_tried_again_when_there_is_room(parts: Parts) -> None:
    parts.store.full = True
    parts.admin.refuses = 'y "y"'
    parts.observer.seen = Y
    parts.routing.step(resync=False)
    assert [problem.kind for problem in parts.routing.problems()] == ["load-refused", "state-lost"]
    parts.admin.refuses, parts.store.full = "\0", False
    parts.routing._retry._next = 0.0
    for _ in range(2):
        parts.routing.step(resync=False)
    assert parts.labels() == ["x", "y"]


def test_what_git_is_still_making_is_no_reason_for_a_pass(parts: Parts) -> None:
    parts.observer.seen = observed(worktree("x"), replace(worktree("y"), made=False))
    parts.routing.step(resync=False)
    assert len(parts.observer.surveyed) == 1
    parts.observer.seen = Y
    parts.routing.step(resync=False)
    assert parts.labels() == ["x", "y"]
