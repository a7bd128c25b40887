"""The Caddy that the router runs itself, as far as no Caddy is needed for it; the rest is in e2e."""

import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from router import proc
from router.caddy import embedded
from router.caddy.embedded import CaddyRecord, Embedded, binary, end_recorded, listening_sockets, recorded
from router.errors import CaddyError, PortTakenError, SettingsError

RUNNING = CaddyRecord(os.getpid(), 0.0, 8080, ("fd/3",), "v2.11.7")


@contextlib.contextmanager
def taken(address: str = "127.0.0.1") -> Iterator[int]:
    """Listen on a port of one address and give the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as sock:
        yield int(sock.getsockname()[1])


def test_the_binary_is_that_of_this_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "caddy").write_text("#!/bin/sh\n")
    (tmp_path / "caddy").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binary() != tmp_path / "caddy"
    assert os.access(binary(), os.X_OK)


def test_the_sockets_listen_on_the_loopback_alone() -> None:
    with taken() as port:
        pass
    sockets = listening_sockets(port)
    try:
        assert [sock.getsockname()[:2] for sock in sockets] == [("127.0.0.1", port), ("::1", port)][: len(sockets)]
        with socket.create_connection(("127.0.0.1", port)):
            pass
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_port_that_is_taken_is_told_with_the_way_to_another(address: str) -> None:
    with taken(address) as port, pytest.raises(PortTakenError, match=f"port {port} is taken") as caught:
        listening_sockets(port)
    assert "--port" in caught.value.hint


def test_nothing_stays_open_where_one_family_is_taken() -> None:
    with taken("::1") as port:
        with pytest.raises(PortTakenError):
            listening_sockets(port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_port_that_the_system_forbids_is_told_with_the_command_that_allows_it() -> None:
    error = embedded._translated(OSError(errno.EACCES, "Permission denied"), 80, socket.AF_INET)
    assert isinstance(error, SettingsError)
    if sys.platform == "linux":
        assert "sysctl net.ipv4.ip_unprivileged_port_start=80" in error.hint


def test_another_error_is_told_with_its_reason() -> None:
    error = embedded._translated(OSError(errno.ENOBUFS, "No buffer space"), 8080, socket.AF_INET)
    assert isinstance(error, CaddyError)
    assert "No buffer space" in str(error)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"pid": 1}', json.dumps({"pid": 1, "created": 0, "port": 1, "bind": 3, "version": ""})],
)
def test_a_record_that_cannot_be_understood_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "caddy.json").write_text(content)
    assert recorded(tmp_path) is None


def test_a_record_of_a_process_that_ended_is_none(tmp_path: Path) -> None:
    (tmp_path / "caddy.json").write_text(json.dumps({**vars_of(RUNNING), "pid": 2**22 + 1}))
    assert recorded(tmp_path) is None


def test_a_record_whose_pid_another_process_has_now_ends_nobody(tmp_path: Path) -> None:
    (tmp_path / "caddy.json").write_text(json.dumps(vars_of(RUNNING)))
    assert recorded(tmp_path) is None
    assert not end_recorded(tmp_path, tmp_path / "caddy.sock")
    assert not (tmp_path / "caddy.json").exists()


def test_the_caddy_of_a_watcher_that_was_killed_is_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        identity = proc.identify(process.pid)
        assert identity
        record = {**vars_of(RUNNING), "pid": identity.pid, "created": identity.created}
        (tmp_path / "caddy.json").write_text(json.dumps(record))
        assert recorded(tmp_path) == CaddyRecord(**{**record, "bind": ("fd/3",)})
        assert end_recorded(tmp_path, tmp_path / "caddy.sock")
        assert process.poll() is not None or process.wait(5)
    assert list(tmp_path.iterdir()) == []


def adopted(directory: Path, pid: int, port: int) -> Embedded:
    """Return the Caddy of a watcher before, which is that process."""
    caddy = Embedded(
        directory=directory, admin="unix//a", socket_path=directory / "a", log=directory / "log", port=port
    )
    identity = proc.identify(pid)
    assert identity
    record = CaddyRecord(pid, identity.created, port, ("fd/3",), caddy.version)
    (directory / "caddy.json").write_text(json.dumps(vars_of(record)))
    assert caddy.adopt()
    return caddy


def test_the_port_of_a_caddy_that_was_killed_is_waited_for(tmp_path: Path) -> None:
    holds = socket.create_server(("127.0.0.1", 0))
    port = holds.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        caddy = adopted(tmp_path, process.pid, port)
        process.kill()
    with holds, pytest.raises(PortTakenError):
        caddy.listen()
    holds = socket.create_server(("127.0.0.1", port))
    threading.Timer(0.1, holds.close).start()
    caddy.listen_again()
    caddy.close()


def vars_of(record: CaddyRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
