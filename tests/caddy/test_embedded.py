"""The Caddy that the router runs itself, with a program that only looks like one; the real one is in e2e."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from router import ps
from router.caddy import record
from router.caddy.embedded import Embedded, binary
from router.caddy.record import CaddyRecord
from router.errors import PortTakenError
from tests.e2e.routers import free_port

VERSION = "v2.11.7"


def embedded(directory: Path, port: int = 8080) -> Embedded:
    directory.mkdir(exist_ok=True)
    return Embedded(
        directory=directory, admin="unix//a", socket_path=directory / "caddy.sock", log_file=directory / "log",
        port=port, version=VERSION,
    )  # fmt: skip


@contextlib.contextmanager
def left_behind(
    directory: Path, port: int = 8080, version: str = VERSION, *, sock: bool = True
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the Caddy of a watcher that was killed, recorded, with its admin socket."""
    program = directory.parent / "caddy"
    if not program.exists():
        shutil.copy("/bin/sleep", program)
    directory.mkdir(exist_ok=True)
    with subprocess.Popen([program, "60"], env={"HOME": str(record.home(directory))}) as process:
        identity = ps.identify(process.pid)
        assert identity
        record.write(directory, CaddyRecord(identity, port, ("fd/3",), version))
        if sock:
            (directory / "caddy.sock").touch()
        yield process
        process.kill()


def test_the_binary_is_that_of_this_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "caddy").write_text("#!/bin/sh\n")
    (tmp_path / "caddy").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binary() != tmp_path / "caddy"
    assert os.access(binary(), os.X_OK)


def test_the_caddy_of_a_watcher_that_was_killed_is_adopted(tmp_path: Path) -> None:
    caddy = embedded(tmp_path / "state")
    with left_behind(tmp_path / "state") as process:
        assert caddy.adopt()
        assert (caddy.pid, caddy.bind, caddy.adopted, caddy.alive()) == (process.pid, ("fd/3",), True, True)


@pytest.mark.parametrize("other", [{"port": 8081}, {"version": "v2.10.0"}, {"sock": False}])
def test_one_that_cannot_be_used_is_ended(tmp_path: Path, other: dict[str, object]) -> None:
    caddy = embedded(tmp_path / "state")
    with left_behind(tmp_path / "state", **other) as process:  # type: ignore[arg-type]
        assert not caddy.adopt()
        assert ps.identify(process.pid) is None


def test_a_second_one_that_nobody_wrote_down_is_ended(tmp_path: Path) -> None:
    caddy = embedded(tmp_path / "state")
    with left_behind(tmp_path / "state") as forgotten, left_behind(tmp_path / "state") as process:
        assert caddy.adopt()
        assert caddy.pid == process.pid
        assert ps.identify(forgotten.pid) is None
        assert process.poll() is None


def test_a_lost_record_is_written_again(tmp_path: Path) -> None:
    caddy = embedded(tmp_path / "state")
    with left_behind(tmp_path / "state"):
        assert caddy.adopt()
        before = record.read(tmp_path / "state")
        assert not caddy.note()
        for spoil in (os.unlink, lambda path: Path(path).write_text("{")):
            spoil(tmp_path / "state" / "caddy.json")
            assert caddy.note()
            assert record.read(tmp_path / "state") == before


def test_a_stopped_caddy_is_continued(tmp_path: Path) -> None:
    caddy = embedded(tmp_path / "state")
    with left_behind(tmp_path / "state") as process:
        assert caddy.adopt()
        identity = ps.identify(process.pid)
        assert identity
        assert not caddy.wake()
        os.kill(process.pid, signal.SIGSTOP)
        _wait(lambda: ps.stopped(identity))
        assert caddy.wake()
        _wait(lambda: not ps.stopped(identity))


def test_the_port_of_a_caddy_that_was_killed_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    holds = socket.create_server(("127.0.0.1", port))
    caddy = embedded(tmp_path / "state", port)
    with holds, pytest.raises(PortTakenError):
        caddy.listen()
    holds = socket.create_server(("127.0.0.1", port))
    with left_behind(tmp_path / "state", port, "v2.10.0"):
        assert not caddy.adopt()
        threading.Timer(0.1, holds.close).start()
        caddy.listen()
    caddy.close()


def _wait(done: "object") -> None:
    deadline = time.monotonic() + 60
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)
