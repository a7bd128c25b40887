"""What a command does with a watcher: real processes that hold the lock and answer as a watcher does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from router import __version__
from router.document import Document
from router.errors import AlreadyRunningError, PortTakenError, RouterError, WatcherEndedError
from router.settings import Settings
from router.store import RunningWatcher, Store
from router.watcher import client, launch, shutdown
from router.watcher.patience import Patience

WATCHER = """
import json, os, signal, sys
from pathlib import Path
from router.store import RunningWatcher, Store
from router.watcher import heartbeat

store, behaviour = Store(Path(sys.argv[1])), sys.argv[2]
stop = []

def publish(*_):
    git_dirs = [] if behaviour == "deaf" else list(store.memory().repositories)
    document = {"watcher": {"pid": os.getpid(), "running": True}, "problems": [], "worktrees": json.loads(sys.argv[3]),
                "repositories": [{"git_dir": path} for path in git_dirs]}
    store.write(store.status_file, json.dumps(document))
    heartbeat.beat(store.heartbeat)

def leave(*_):
    os._exit(0)

signal.signal(signal.SIGUSR1, leave if behaviour == "leaves" else publish)
signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else leave)
lock = store.take_lock(RunningWatcher(os.getpid(), "2026-11-21T10:00:00Z", sys.argv[4], 8080, "embedded"))
assert lock
publish()
print("ready", flush=True)
while True:
    signal.pause()
"""
Run = Callable[..., subprocess.Popen[bytes]]


class Short(Patience):
    """Patience for a test: none."""

    def exhausted(self) -> bool:
        return True


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "state")
    store.prepare()
    return store


@pytest.fixture
def settings(store: Store) -> Settings:
    return Settings(state_dir=store.directory)


@pytest.fixture
def run(store: Store) -> Iterator[Run]:
    """Start a process that is the watcher of the state directory, as far as anybody can see."""
    started: list[subprocess.Popen[bytes]] = []

    def start(behaviour: str = "answers", *worktrees: Any, version: str = __version__) -> subprocess.Popen[bytes]:
        arguments = [store.directory, behaviour, json.dumps(worktrees), version]
        process = subprocess.Popen([sys.executable, "-c", WATCHER, *arguments], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def watcher(store: Store) -> RunningWatcher:
    found = store.running_watcher()
    assert found
    return found


def nothing() -> Document | None:
    pytest.fail("nothing is to be started")


def test_the_status_is_the_watchers_own(settings: Settings, store: Store, run: Run, tmp_path: Path) -> None:
    process = run()
    document = client.status(settings, store, cwd=tmp_path)
    assert document["watcher"]["pid"] == process.pid
    assert document["problems"] == []


def test_a_lost_status_is_waited_for(
    settings: Settings, store: Store, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_SETTLING", 60.0)  # however slow the machine is
    process = run()
    store.status_file.write_text("{")
    os.kill(process.pid, signal.SIGUSR1)
    assert client.status(settings, store, cwd=tmp_path)["watcher"]["pid"] == process.pid


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"watcher": {"pid": 1}}', '{"watcher": 3}', "[" * 100_000])
def test_a_status_of_somebody_else_is_none(store: Store, run: Run, text: str) -> None:
    process = run()
    store.status_file.write_text(text)
    assert client.published(store, process.pid) is None


def test_the_worktree_of_a_directory_is_the_deepest_around_it(
    settings: Settings, store: Store, run: Run, tmp_path: Path
) -> None:
    inner = tmp_path / "shop" / "inner"
    (inner / "src").mkdir(parents=True)
    run("answers", {"name": "main", "path": str(tmp_path / "shop")}, {"name": "x", "path": str(inner)})
    assert client.here(settings, store, cwd=inner / "src")[1] == "x"
    assert client.here(settings, store, cwd=tmp_path / "shop")[1] == "main"
    assert client.here(settings, store, cwd=tmp_path)[1] is None


def test_a_running_watcher_is_joined(settings: Settings, store: Store, run: Run) -> None:
    run()
    for new in (True, False):
        document, told = client.up(settings, store, [Path("/r/.git")], take_over=False, start=nothing)
        assert document
        assert [each["git_dir"] for each in document["repositories"]] == ["/r/.git"]
        assert told is new


def test_one_of_another_version_is_not_joined(settings: Settings, store: Store, run: Run) -> None:
    run(version="0.0.1")
    with pytest.raises(AlreadyRunningError, match=r"version 0\.0\.1"):
        client.up(settings, store, [], take_over=False, start=nothing)


def test_one_that_runs_takes_nothing_over(settings: Settings, store: Store, run: Run) -> None:
    run()
    with pytest.raises(AlreadyRunningError, match="at the start"):
        client.up(settings, store, [], take_over=True, start=nothing)


def test_one_that_ends_while_it_is_joined_is_followed_by_a_new_one(settings: Settings, store: Store, run: Run) -> None:
    process = run("leaves")
    with pytest.raises(WatcherEndedError):
        client.join(settings, store, watcher(store), [Path("/r/.git")], take_over=False)
    process.wait()
    run("leaves")
    started: Document = {"watcher": {"pid": 1}}
    answer = client.up(settings, store, [Path("/s/.git")], take_over=False, start=lambda: started)
    assert answer == (started, None)


def test_whoever_finds_the_port_taken_joins_the_watcher_that_appears(
    settings: Settings, store: Store, run: Run
) -> None:
    def late() -> Document | None:
        run()
        raise PortTakenError("port 8080 is taken by caddy", hint="")

    document, new = client.up(settings, store, [Path("/r/.git")], take_over=False, start=late)
    assert document
    assert new


def test_a_port_of_somebody_elses_stays_an_error(settings: Settings, store: Store) -> None:
    def taken() -> Document | None:
        raise PortTakenError("port 8080 is taken by nginx", hint="")

    with pytest.raises(PortTakenError):
        client.up(settings, store, [], take_over=False, start=taken)


def test_repositories_are_no_longer_served(settings: Settings, store: Store, run: Run) -> None:
    run()
    client.up(settings, store, [Path("/r/.git"), Path("/s/.git")], take_over=False, start=nothing)
    client.leave(store, [Path("/r/.git")])
    assert store.memory().repositories == ("/s/.git",)


@pytest.mark.parametrize("number", [None, signal.SIGSTOP])
def test_a_watcher_is_ended_stopped_or_not(
    settings: Settings, store: Store, run: Run, number: signal.Signals | None
) -> None:
    process = run()
    store.remember(store.memory())
    if number:
        os.kill(process.pid, number)
    assert shutdown.stop(settings, store)
    assert process.wait(60) == 0
    assert not shutdown.stop(settings, store)


def test_one_that_does_not_end_is_killed(settings: Settings, store: Store, run: Run) -> None:
    process = run("stubborn")
    assert shutdown.stop(settings, store, patience=Short)
    assert process.wait(60) == -signal.SIGKILL


def test_a_watcher_that_follows_the_one_that_is_ended_keeps_what_it_serves(
    settings: Settings, store: Store, run: Run
) -> None:
    ended = run()
    following: list[subprocess.Popen[bytes]] = []

    def followed(pid: int) -> Patience:
        ended.wait()
        following.append(run())
        store.start_serving([Path("/r/.git")])
        return Patience(pid)

    assert shutdown.stop(settings, store, patience=followed)
    assert watcher(store).pid == following[0].pid
    assert store.memory().repositories == ("/r/.git",)


def test_what_could_not_be_started_apart_is_an_error_with_what_it_said(store: Store) -> None:
    with pytest.raises(RouterError, match="is not inside a git repository"):
        launch.detach(store, [str(store.directory)], say=print)
    assert list(store.logs.iterdir()) == []


def test_patterns_stand_for_directories(tmp_path: Path) -> None:
    for name in ("project-1", "project-2", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "project-3").write_text("")
    found = client.directories([tmp_path / "project-*", tmp_path / "none-*"])
    assert found == [tmp_path / "project-1", tmp_path / "project-2", tmp_path / "none-*"]


def test_the_wait_for_a_hung_watcher_ends_with_what_is_wrong(
    settings: Settings, store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = run("deaf")
    monkeypatch.setattr(client, "Patience", Short)
    with pytest.raises(RouterError, match="does not answer"):
        client.join(settings, store, watcher(store), [Path("/r/.git")], take_over=False)
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)  # it may be about to write its own heartbeat
    store.heartbeat.write_text(f"2026-11-21T10:00:00.000+00:00 {time.monotonic() - 60:016.3f} {process.pid:010d}\n")
    with pytest.raises(RouterError, match="no sign of life"):
        client.join(settings, store, watcher(store), [Path("/r/.git")], take_over=False)
