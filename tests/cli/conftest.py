"""A repository for a test's commands, and what a running watcher would leave there for them to read."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from router import __version__, ps
from router.cli import boundary
from router.store import RunningWatcher, Store
from router.watcher import heartbeat
from router.watcher.publisher import Publisher
from tests.e2e import statuses
from tests.e2e.routers import Said, wait_until

PORT = 8080
Ran = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Workplace:
    """A repository, its state directory, and the environment of the commands that are run in it."""

    repository: Path
    state: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def start(self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None,
              **streams: Any) -> subprocess.Popen[bytes]:  # fmt: skip
        """Start a command as a process of its own, with these streams."""
        environ = {**self.env, **(env or {})}
        command = [sys.executable, "-m", "router", *arguments]
        return subprocess.Popen(command, cwd=cwd or self.repository, env=environ, **streams)

    def shell(self, line: str, *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Ran:
        """Run a line of shell in which `router` is the command."""
        environ = {**self.env, "ROUTER": f"{sys.executable} -m router", **(env or {})}
        return subprocess.run(["sh", "-c", line.replace("router ", "$ROUTER ")], cwd=cwd or self.repository,
                              env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              check=False)  # fmt: skip


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """Be in a repository with one commit on `main`, with a state directory and a temporary directory of its own."""
    repository, state, temporary = tmp_path / "shop", tmp_path / "state", tmp_path / "tmp"
    temporary.mkdir()
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    subprocess.run(["git", "commit", "--quiet", "--allow-empty", "-m", "first"], cwd=repository, check=True)
    own = {"ROUTER_STATE_DIR": str(state), "ROUTER_PORT": str(PORT), "TMPDIR": str(temporary), "NO_COLOR": "1"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))  # which Python asks the environment for only once
    monkeypatch.chdir(repository)
    return Workplace(repository, state, dict(os.environ))


@pytest.fixture
def command(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command in this process, in the repository."""

    def run(*arguments: str) -> Said:
        code = boundary.run(arguments)
        out, err = capsys.readouterr()
        assert code != 3, err
        return Said(code, out, err)

    return run


@dataclass
class FakeWatcher:
    """A watcher as commands see it: a process (this one), its lock, what it published and its heartbeat."""

    store: Store
    pid: int = field(default_factory=os.getpid)

    def publish(
        self, *worktrees: statuses.Json, problems: tuple[statuses.Json, ...] = (), repositories: tuple[str, ...] = ()
    ) -> None:
        """Publish a status of these worktrees."""
        status = statuses.status(*worktrees, problems=problems)
        status["watcher"]["pid"] = self.pid
        status["repositories"] = [{"path": path, "git_dir": path} for path in repositories]
        Publisher(self.store).publish(status)
        self.beat()

    def beat(self) -> None:
        """Give a sign of life."""
        heartbeat.beat(self.store.heartbeat)


@contextmanager
def running(workplace: Workplace, pid: int) -> Iterator[FakeWatcher]:
    """Let a process be the running watcher of the state directory, with the main checkout and one worktree."""
    store = Store(workplace.state)
    store.prepare()
    lock = store.take_lock(RunningWatcher(pid, "2026-11-21T10:00:00Z", __version__, PORT, "embedded"))
    assert lock is not None
    fake = FakeWatcher(store, pid)
    fake.publish(
        statuses.worktree("main", main=True, path=str(workplace.repository)),
        statuses.worktree("feature-x", branch="feature/x", aliases=["shop-feature-x"]),
    )
    yield fake
    os.close(lock)


@pytest.fixture
def watching(workplace: Workplace) -> Iterator[FakeWatcher]:
    """Be the running watcher."""
    with running(workplace, os.getpid()) as fake:
        yield fake


@pytest.fixture
def hung(workplace: Workplace) -> Iterator[FakeWatcher]:
    """Let the running watcher be a process that sleeps, and gave its last sign of life 40 seconds ago."""
    with subprocess.Popen(["sleep", "600"]) as sleeper, ExitStack() as stack:
        stack.callback(sleeper.kill)
        wait_until(lambda: not ps.runnable(sleeper.pid), what="it does not sleep")
        fake = stack.enter_context(running(workplace, sleeper.pid))
        fake.store.heartbeat.write_text(f"2026 {time.monotonic() - 40} {sleeper.pid}\n")
        yield fake
