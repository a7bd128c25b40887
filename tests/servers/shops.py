"""A repository with a worktree whose servers are started: real commands, ended after the test."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from router import ps
from router.env import worktree_env
from router.env.worktree_env import CommandEnvironment
from router.servers import commands, log, records, start
from router.servers.records import Server
from router.servers.start import Begun
from router.servers.waiting import Outcome, wait
from router.settings import Settings
from router.store import Store
from router.trust import records as allowed
from router.trust.wanted import wanted
from tests.processes.scenes import wait_until

LISTEN = (
    "import os, socket; s = socket.create_server(('127.0.0.1', int(os.environ['PORT']))); print('up', flush=True)\n"
)
WAIT = "import time; time.sleep(600)\n"
ANSWER = """
while True:
    c = s.accept()[0]
    c.recv(4096)
    c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    c.close()
"""
"""What a server does that a watcher shows as up however long it looks: one that only listens gives no answer."""


@dataclass
class Shop:
    """A repository, its worktree, and what is remembered of both."""

    path: Path
    tree: Path
    settings: Settings
    store: Store

    def settle(self, text: str, *, allow: bool = True) -> None:
        """Write the router.toml of the main checkout, and allow what it has done."""
        (self.path / "router.toml").write_text(text)
        if allow:
            allowed.allow(self.store, self.path / ".git", wanted(self.path, hosts=()).statements)

    def runs(self, code: str, *, service: str = "web") -> str:
        """Have a service started by Python with this code, which stands in the worktree; return the line."""
        (self.tree / f"{service}.py").write_text(code)
        line = f"{sys.executable} -S {service}.py"
        self.settle(f"[services.{service}]\nrun = '{line}'\n")
        return line

    def environment(self, environ: Mapping[str, str] | None = None) -> CommandEnvironment:
        """Return the environment of the worktree for a command."""
        given = environ if environ is not None else os.environ
        return worktree_env.command_environment(self.settings, self.store, cwd=self.tree, environ=given, fix=True)

    def begin(self, service: str = "web", *, environ: Mapping[str, str] | None = None) -> Begun:
        """Begin the server of a service as `router start` does."""
        own = self.environment(environ)
        found = commands.commands(own.current, self.settings, self.store, service=service)
        return start.begin(own, service, found[service], store=self.store)

    def up(self, code: str, **options: float) -> Server:
        """Start a server with this code, and wait until it listens."""
        self.runs(code)
        outcome, server = wait(self.begin().directory, **options)  # type: ignore[arg-type]
        assert outcome is Outcome.UP, server and log.last_lines(log.path(server.directory))
        assert server
        return server

    def ended(self, code: str) -> Server:
        """Start a server with this code, and wait until it has ended."""
        self.runs(code)
        directory = self.begin().directory
        return wait_until(lambda: (found := records.at(directory)) and not found.runs and found)  # type: ignore[return-value]

    def end(self) -> None:
        """End every server, and wait until the process beside each has ended too."""
        end_started(self.store)


def end_started(store: Store) -> None:
    """End every server that was started with a state directory, and the processes beside them."""
    for each in records.every(store):
        own = ps.session(each.record.server.pid) if each.runs else ()
        for pid in (*own, *keepers(each.directory)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(each.runs for each in records.every(store)), what="servers end")
    wait_until(lambda: not keepers(store.directory), what="the processes beside them end")


def keepers(directory: Path) -> list[int]:
    """Return the pids of the processes beside servers whose directory is this one, or below it."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if any(word.endswith(b"/keeper.py") for word in words) and os.fsencode(directory) in b"".join(words):
                found.append(pid)
    return found


def at_once(*jobs: object) -> list[object]:
    """Run functions at the same moment; return what each gave."""
    barrier, given = threading.Barrier(len(jobs)), list[object]()

    def run(job: object) -> None:
        barrier.wait()
        given.append(job())  # type: ignore[operator]

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def git(place: Path, *arguments: str | Path) -> None:
    """Run git there."""
    subprocess.run(["git", *map(str, arguments)], cwd=place, check=True, capture_output=True)
