"""Processes and sockets that listen, for the tests of who is found."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from router.model import Listener

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="sock_diag and /proc are Linux")
SERVER = (
    "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print('port', s.getsockname()[1], flush=True); "
)
WAIT = "import time; time.sleep(600)"  # longer than any test, however busy the machine: it is killed


@dataclass(frozen=True)
class Server:
    """A process that listens: the port it printed, the process that was started, the text after the port."""

    port: int
    process: "subprocess.Popen[str]"
    rest: str


@contextmanager
def started(cwd: Path, *command: str, pass_fds: Sequence[int] = ()) -> Iterator[Server]:
    """Run a command that prints `port N`, in a session of its own that is killed as a whole."""
    process = subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True, pass_fds=pass_fds,
    )  # fmt: skip
    try:
        assert process.stdout
        line = process.stdout.readline()
        match = re.search(r"port (\d+)(.*)", line)
        assert match, line
        yield Server(int(match[1]), process, match[2])
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


@contextmanager
def served(cwd: Path, code: str = "") -> Iterator[Server]:
    """Run a small server in a folder; `code` runs after the port was printed."""
    with started(cwd, sys.executable, "-S", "-c", SERVER + code + "\n" + WAIT) as server:
        yield server


@contextmanager
def bound(address: str, *, v6only: bool | None = None, reuse: bool = False, port: int = 0) -> Iterator[int]:
    """Listen in this process and yield the port."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listening:
        if v6only is not None:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
        if reuse:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listening.bind((address, port))
        except OSError as exc:
            pytest.skip(f"{address} cannot be bound here: {exc}")
        listening.listen()
        yield listening.getsockname()[1]


def folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def at(port: int, found: Sequence[Listener]) -> list[Listener]:
    return [listener for listener in found if listener.port == port]


def own(port: int, found: Sequence[Listener], *, pid: int = os.getpid()) -> list[Listener]:
    """Return the listeners of a process at a port: at another address another process may have the same."""
    return [listener for listener in at(port, found) if listener.pid == pid]


def only(port: int, found: Sequence[Listener]) -> Listener:
    [listener] = at(port, found)
    return listener


def sharing(port: int) -> str:
    """Return a server that shares a port with others."""
    return (
        "import socket; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); "
        f"s.bind(('127.0.0.1', {port})); s.listen(); print('port', s.getsockname()[1], flush=True); "
    )
