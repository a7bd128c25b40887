"""The watcher from its lock to its last word, with everything around it under the test's control."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.caddy.modes import live_socket
from router.document import Document
from router.errors import CaddyError, LostRaceError, StoreError
from router.settings import Settings
from router.store import RunningWatcher, Store
from router.trust.resources import Provider
from router.watcher.beside import Beside
from router.watcher.events import Woken
from router.watcher.live import Live
from router.watcher.loop import Watcher
from router.watcher.orphans import Orphans
from router.watcher.pace import Pace
from router.watcher.publisher import Publisher
from router.watcher.recent import Recent
from router.watcher.resources import Resources
from router.watcher.routing import Routing
from router.watcher.servers import Servers
from router.watcher.signals import Signals
from router.watcher.sleeping import Sleeping
from router.watcher.start_commands import StartCommands
from router.watcher.waking import Waking
from tests.fakes import FakeAdmin, observed, worktree
from tests.watcher.fakes import FakeCaddy, FakeObserver, FakeWake

X, Y = observed(worktree("x")), observed(worktree("x"), worktree("y"))
FAULTS: list[Callable[[], Exception]] = [
    lambda: RuntimeError("a bug"), lambda: OSError(24, "Too many open files"), lambda: StoreError("x", hint=""),
]  # fmt: skip
Step = Callable[["Stage"], object]


class Script(Pace):
    """Does the next step of a test where the loop would wait, and stops the loop after the last one."""

    def __init__(self, stage: "Stage", steps: list[Step]) -> None:
        self.stage = stage
        self.steps = steps

    def wait(self, *, until: Callable[[], bool]) -> None:
        if not self.steps:
            self.stage.signals.stop = True
            return
        self.steps.pop(0)(self.stage)

    def hurry(self) -> None:
        pass

    def looked(self, seconds: float) -> None:
        pass


class Stage:
    """A watcher with all its parts, and what it has said."""

    def __init__(self, directory: Path, *steps: Step) -> None:
        self.store = Store(directory / "state")
        self.store.prepare()
        wake: Any = FakeWake()
        self.signals = Signals(wake)
        self.admin = FakeAdmin()
        self.admin.address = "unix//s/caddy.sock"
        self.observer = FakeObserver(X)
        self.caddy = FakeCaddy(self.admin)
        self.said: list[str] = []
        self.documents: list[Document] = []
        caddy: Any = self.caddy
        self.watcher = Watcher(
            Settings(state_dir=self.store.directory), self.store, signals=self.signals,
            pace=Script(self, list(steps)), observer=self.observer, admin=self.admin, caddy=caddy,
            routing=Routing(self.store, observer=self.observer, admin=self.admin, caddy=caddy),
            beside=Beside(
                Orphans(wake.set, least=0, auto=False, routers=tuple), StartCommands(wake.set),
                Resources(wake.set, Provider(Settings(state_dir=self.store.directory), self.store)),
                Servers(self.store),
                Sleeping(wake.set, Settings(state_dir=self.store.directory), self.store, own=lambda *_: False,
                         routers=tuple),
                Waking(Settings(state_dir=self.store.directory), self.store, environ={}),
                Recent(self.store, lambda *_: False),
            ), served=(Live(live_socket(self.store), {}),), publisher=Publisher(self.store), say=self.said.append,
        )  # fmt: skip

    def run(self, *commons: str) -> "Stage":
        self.watcher.run([Path(common) for common in commons], ready=self.documents.append)
        return self

    @property
    def status(self) -> str:
        return self.store.read(self.store.status_file) or ""


def see(what: Any) -> Step:
    return lambda stage: setattr(stage.observer, "seen", what)


def note(key: str, seen: dict[str, Any], look: Callable[[Stage], Any]) -> Step:
    return lambda stage: seen.setdefault(key, look(stage))


def test_it_serves_what_it_is_to_serve_only_where_it_is_the_watcher(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}
    stage = Stage(tmp_path, note("served", seen, lambda s: s.store.memory().repositories))
    lock = stage.store.take_lock(RunningWatcher(4711, "2026-11-21T10:00:00Z", "0.1.0", 8080, "embedded"))
    assert lock
    with pytest.raises(LostRaceError):
        stage.run("/r/.git")
    assert stage.store.memory().repositories == ()
    os.close(lock)
    stage.run("/r/.git")
    assert seen["served"] == ("/r/.git",)


def test_it_begins_looks_and_ends_and_leaves_nothing_of_its_own(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}
    stage = Stage(
        tmp_path,
        note("watcher", seen, lambda s: s.store.running_watcher()),
        note("beat", seen, lambda s: s.store.heartbeat.exists()),
        see(Y),
        note("status", seen, lambda s: s.status),
    ).run()
    assert seen["watcher"].pid == os.getpid()
    assert seen["beat"]
    assert '"name": "y"' in seen["status"]
    assert [w["name"] for w in stage.documents[0]["worktrees"]] == ["x"]
    assert [line.split(" ")[:2] for line in stage.said] == [["+", "http://y.localhost:8080"]]
    assert stage.caddy.stopped
    assert stage.store.running_watcher() is None
    assert not stage.store.status_file.exists()
    assert not stage.store.heartbeat.exists()


def test_a_second_one_gives_way_and_touches_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    lock = stage.store.take_lock(RunningWatcher(4711, "2026-11-21T10:00:00Z", "0.1.0", 8080, "embedded"))
    assert lock
    with pytest.raises(LostRaceError):
        stage.run()
    assert not stage.caddy.begun
    assert not stage.caddy.stopped
    os.close(lock)


def test_one_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.admin.away = True
    with pytest.raises(CaddyError):
        stage.run()
    assert stage.caddy.stopped
    assert stage.store.running_watcher() is None


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_one_look_raises_the_next_one_comes(tmp_path: Path, fault: Callable[[], Exception]) -> None:
    seen: dict[str, Any] = {}
    stage = Stage(
        tmp_path,
        lambda s: setattr(s.observer, "fails", fault),
        lambda s: None,
        lambda s: setattr(s.observer, "fails", None),
        see(Y),
        note("status", seen, lambda s: s.status),
    ).run()
    assert '"name": "y"' in seen["status"]
    assert len([line for line in stage.said if line.startswith("error: ")]) == 1  # once for as long as it lasts


def test_a_lost_status_file_is_written_again(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}
    Stage(
        tmp_path,
        lambda s: s.store.status_file.unlink(),
        note("status", seen, lambda s: s.store.status_file.exists()),
    ).run()
    assert seen == {"status": True}


def test_a_removed_state_directory_is_made_again(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def remove(stage: Stage) -> None:
        stage.store.directory.rename(tmp_path / "away")

    stage = Stage(tmp_path, remove, lambda s: None, note("status", seen, lambda s: s.status))
    stage.run()
    assert '"name": "x"' in seen["status"]
    assert stage.store.running_watcher() is None


def test_where_another_watcher_has_the_directory_by_now_it_ends_and_leaves_that_alone(tmp_path: Path) -> None:
    locks: list[int] = []

    def replaced(stage: Stage) -> None:
        stage.store.directory.rename(tmp_path / "away")
        stage.store.prepare()
        lock = stage.store.take_lock(RunningWatcher(4711, "2026-11-21T10:00:00Z", "0.1.0", 8080, "embedded"))
        assert lock
        locks.append(lock)
        stage.store.write(stage.store.status_file, "theirs")

    stage = Stage(tmp_path, replaced, lambda s: None, lambda s: pytest.fail("it goes on"))
    stage.run()
    assert stage.caddy.stopped
    assert stage.status == "theirs"
    [lock] = locks
    os.close(lock)


def test_a_wish_to_look_again_during_a_look_is_not_forgotten(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    survey = stage.observer.survey

    def interrupted(*args: Any, **rest: Any) -> Any:
        if len(stage.observer.surveyed) == 1:
            stage.signals.resync = True
        return survey(*args, **rest)

    stage.observer.survey = interrupted  # type: ignore[method-assign]
    stage.watcher._pace = Script(stage, [see(Y), lambda s: None])
    stage.run()
    assert [whole for _, whole in stage.observer.surveyed] == [False, False, True]


def test_signals_set_flags_and_nothing_else() -> None:
    wake: Any = FakeWake()
    signals = Signals(wake)
    with signals.handled():
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signals.take_resync()
        assert not signals.take_resync()
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.stop
        os.kill(os.getpid(), signal.SIGCHLD)
    assert wake.woken == [Woken.CHANGE, Woken.CHANGE, Woken.LOOK]


def test_a_signal_that_is_ignored_at_the_start_stays_ignored() -> None:
    wake: Any = FakeWake()
    signals = Signals(wake)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.handled():
            os.kill(os.getpid(), signal.SIGHUP)
        assert not signals.stop
    finally:
        signal.signal(signal.SIGHUP, before)
