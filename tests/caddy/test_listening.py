"""The sockets that the router listens on for Caddy."""

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator

import pytest

from router.caddy import listening
from router.caddy.listening import listening_sockets
from router.errors import CaddyError, PortTakenError, SettingsError


@contextlib.contextmanager
def taken(address: str = "127.0.0.1") -> Iterator[int]:
    """Listen on a port of one address and give the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as sock:
        yield int(sock.getsockname()[1])


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
