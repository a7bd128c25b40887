"""The sockets that the router listens on for Caddy."""

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator
from itertools import chain

import pytest

from router.caddy import listening
from router.caddy.listening import listening_sockets
from router.errors import CaddyError, PortTakenError, SettingsError
from tests.e2e.routers import free_port


@contextlib.contextmanager
def taken(address: str = "127.0.0.1") -> Iterator[int]:
    """Listen on a port of one address and give the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as sock:
        yield int(sock.getsockname()[1])


@contextlib.contextmanager
def listening_on(port: int) -> Iterator[listening.Sets]:
    """Listen on a port as the router does."""
    sets = listening_sockets(port)
    try:
        yield sets
    finally:
        for sock in chain(*sets):
            sock.close()


linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is one set")


def test_the_sockets_listen_on_the_loopback_alone() -> None:
    with listening_on(port := free_port()) as sets:
        for sockets in sets:
            assert [sock.getsockname()[:2] for sock in sockets] == [("127.0.0.1", port), ("::1", port)][: len(sockets)]
        with socket.create_connection(("127.0.0.1", port)):
            pass


@linux
def test_new_connections_come_to_the_set_that_they_are_handed_to() -> None:
    with listening_on(free_port()) as sets:
        for turn in (0, 1, 1, 0):
            listening.hand_connections_to(sets, turn)
            for sock, resting in zip(sets[turn], sets[1 - turn], strict=True):
                with socket.create_connection(sock.getsockname()[:2]):
                    sock.accept()[0].close()
                resting.setblocking(False)
                with pytest.raises(BlockingIOError):
                    resting.accept()


@linux
def test_a_port_that_others_of_the_same_user_would_share_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError):
            listening_sockets(port)
        monkeypatch.setattr(listening, "expect_free", lambda port: None)  # it came just after that was asked
        with pytest.raises(PortTakenError):
            listening_sockets(port)


@linux
@pytest.mark.parametrize("missing", ["hand_connections_to", "sock_diag.listening"])
def test_a_kernel_that_can_do_less_has_one_set(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(f"router.caddy.listening.{missing}", cannot)
    with listening_on(port := free_port()) as sets, socket.create_connection(("127.0.0.1", port)):
        assert len(sets) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_port_that_is_taken_is_an_error_with_the_way_to_another(address: str) -> None:
    with taken(address) as port, pytest.raises(PortTakenError, match=f"port {port} is taken") as caught:
        listening_sockets(port)
    assert "--port" in caught.value.hint


def test_nothing_stays_open_where_one_family_is_taken() -> None:
    with taken("::1") as port:
        with pytest.raises(PortTakenError):
            listening_sockets(port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_port_that_the_system_forbids_is_an_error_with_the_command_that_allows_it() -> None:
    error = listening._translated(OSError(errno.EACCES, "Permission denied"), 80, socket.AF_INET)
    assert isinstance(error, SettingsError)
    if sys.platform == "linux":
        assert "sysctl net.ipv4.ip_unprivileged_port_start=80" in error.hint


def test_another_error_is_shown_with_its_reason() -> None:
    error = listening._translated(OSError(errno.ENOBUFS, "No buffer space"), 8080, socket.AF_INET)
    assert isinstance(error, CaddyError)
    assert "No buffer space" in str(error)
