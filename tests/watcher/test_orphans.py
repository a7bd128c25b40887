"""The look for what is left of worktrees: only while one has just gone, and ended only where the user said so."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from router import ps
from router.model import Repository, WorktreeId
from router.processes import left_over
from router.processes.left_over import LeftOver
from router.remembered import GoneWorktree, Memory
from router.watcher.orphans import Orphans
from tests.fakes import repository, worktree
from tests.processes.scenes import Started, gone, started, wait_until


@pytest.fixture
def real() -> Iterator[Started]:
    with started() as made:
        yield made


def lost(path: Path, *, age: float = 0.0) -> GoneWorktree:
    """Return what is remembered of a worktree that is gone for some seconds."""
    identity = WorktreeId(str(path.parent / "shop/.git"), path.name, 1)
    return GoneWorktree(identity, str(path), "shop", path.name, (path.name,), time.time() - age)


def left(real: Started, place: Path, **options: Any) -> int:
    """Start a server in a directory and remove that; return its pid."""
    place.mkdir()
    pid, _ = real.server(place, **options)
    place.rmdir()
    return pid


class Looks:
    """Counts the looks, and when the loop is woken."""

    def __init__(self) -> None:
        self.count = 0
        self.woken = threading.Event()

    def find(self, memory: Memory, *, least: int) -> LeftOver:
        self.count += 1
        return left_over.find(memory, least=least)


@contextmanager
def watching(looks: Looks, *, auto: bool = False, interval: float = 60.0, grace: float = 0.0, recent: float = 60.0,
             find: Callable[..., Any] | None = None) -> Iterator[Orphans]:  # fmt: skip
    made = Orphans(looks.woken.set, least=1 << 40, auto=auto, routers=tuple, interval=interval, grace=grace,
                   recent=recent, find=find or looks.find)  # fmt: skip
    made.start()
    try:
        yield made
    finally:
        made.close()


def test_it_looks_once_a_worktree_is_gone_and_wakes_the_loop_for_what_it_finds(tmp_path: Path, real: Started) -> None:
    pid = left(real, tmp_path / "x")
    looks = Looks()
    with watching(looks) as found:
        found.about(Memory(), ())
        found.about(Memory(), (repository(worktree("x")),))
        found.about(Memory(gone=(lost(tmp_path / "x"),)), ())
        assert looks.woken.wait(20)
        assert [each.process.pid for each in found.found.processes] == [pid]
        assert looks.count == 1
        found.about(Memory(gone=(lost(tmp_path / "x"),)), ())  # nothing new
        found.about(Memory(gone=(lost(tmp_path / "x"), lost(tmp_path / "y"))), ())
        wait_until(lambda: looks.count == 2)


def test_a_directory_that_is_missing_is_reason_to_look_though_git_still_lists_it(tmp_path: Path) -> None:
    looks = Looks()
    missing: Repository = repository(worktree("x", path=str(tmp_path / "x"), present=False))
    with watching(looks) as found:
        found.about(Memory(), (missing,))
        wait_until(lambda: looks.count == 1)


def test_it_looks_again_while_something_is_left_and_not_for_what_went_long_ago(tmp_path: Path, real: Started) -> None:
    pid = left(real, tmp_path / "x")
    looks = Looks()
    with watching(looks, interval=0.05, recent=60.0) as found:
        found.about(Memory(gone=(lost(tmp_path / "x", age=3600),)), ())
        wait_until(lambda: looks.count >= 3)
        real.end()
        wait_until(lambda: found.found == LeftOver())
        assert gone(pid)
        settled = wait_until(lambda: _settled(looks))
        found.about(Memory(gone=(lost(tmp_path / "y"),)), ())  # the next one is reason again
        wait_until(lambda: looks.count > settled)


def _settled(looks: Looks) -> int:
    before = looks.count
    time.sleep(0.5)  # ten times the interval
    return before if looks.count == before else 0


def test_what_has_ended_is_shown_no_more_though_no_look_is_due(tmp_path: Path, real: Started) -> None:
    left(real, tmp_path / "x")
    looks = Looks()
    with watching(looks, interval=600.0) as found:
        found.about(Memory(gone=(lost(tmp_path / "x"),)), ())
        wait_until(lambda: found.found)
        looks.woken.clear()
        real.end()
        wait_until(lambda: found.found == LeftOver())
        assert looks.woken.wait(20)
        assert looks.count == 1


def test_it_ends_what_is_left_by_itself_only_where_that_is_wanted(tmp_path: Path, real: Started) -> None:
    pid, other = left(real, tmp_path / "x"), left(real, tmp_path / "y")
    with watching(Looks(), interval=0.05) as found:
        found.about(Memory(gone=(lost(tmp_path / "y"),)), ())
        wait_until(lambda: found.found)
    with watching(Looks(), auto=True, interval=0.05, grace=0.3) as found:
        begun = time.monotonic()
        found.about(Memory(gone=(lost(tmp_path / "x", age=900),)), ())
        wait_until(lambda: gone(pid))
        assert time.monotonic() - begun >= 0.3
        wait_until(lambda: found.found == LeftOver())
    assert ps.identify(other)


def test_a_shell_or_an_agent_is_shown_and_stays(tmp_path: Path, real: Started) -> None:
    agent = left(real, tmp_path / "x", name="claude")
    looks = Looks()
    with watching(looks, auto=True, interval=0.05) as found:
        found.about(Memory(gone=(lost(tmp_path / "x"),)), ())
        wait_until(lambda: looks.count > 3)
        assert [each.process.role for each in found.found.processes] == ["agent"]
    assert ps.identify(agent)


def test_a_look_that_fails_is_not_the_last_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    looks = Looks()

    def fails(memory: Memory, *, least: int) -> LeftOver:
        looks.count += 1
        raise RuntimeError("a bug")

    with watching(looks, interval=0.05, find=fails) as found:
        found.about(Memory(gone=(lost(tmp_path / "x"),)), ())
        wait_until(lambda: looks.count >= 2)
    assert "looking for what is left of worktrees failed" in caplog.text
