"""Whose a connection is, by real sockets of this user and of another one."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from router.observe.clients import Client, in_own_process, is_mine

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root has a second user")
OTHER_USER = 65_534
DIAL = """
import os, socket, sys
"".encode("idna")  # what is imported later may lie where that user cannot read
os.setgroups([]); os.setuid(int(sys.argv[1]))
made = socket.create_connection((sys.argv[2], int(sys.argv[3])))
print(made.getsockname()[1], flush=True)
sys.stdin.read()
"""
FAMILIES = [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def server(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    address, family = request.param
    with socket.create_server((address, 0), family=family) as made:
        yield made


@contextlib.contextmanager
def connected(server: socket.socket) -> Iterator[tuple[socket.socket, Client]]:
    """Connect to a server, and give the client's end and where that is as the server sees it."""
    with socket.create_connection(server.getsockname()[:2]) as client:
        accepted, peer = server.accept()
        with accepted:
            yield client, Client(peer[0], peer[1])


def test_a_connection_of_this_user_is_mine_until_its_client_closes_it(server: socket.socket) -> None:
    port = server.getsockname()[1]
    with connected(server) as (client, where):
        assert is_mine(where, port=port)
        assert in_own_process(where, port=port)
        assert not is_mine(where, port=port + 1)
        assert not is_mine(where._replace(port=where.port + 1 if where.port < 65_535 else 1), port=port)
        client.shutdown(socket.SHUT_WR)
        assert not is_mine(where, port=port)
        assert not in_own_process(where, port=port)


def test_an_address_outside_of_the_loopback_is_nobodys() -> None:
    assert not is_mine(Client("10.0.0.1", 5000), port=80)
    assert not is_mine(Client("", 0), port=80)


@needs_root
def test_a_connection_of_another_user_is_not_mine(server: socket.socket) -> None:
    address, port = server.getsockname()[:2]
    command = [sys.executable, "-c", DIAL, str(OTHER_USER), address, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as other:
        assert other.stdout
        number = int(other.stdout.readline())
        accepted, peer = server.accept()
        with accepted:
            assert peer[1] == number
            assert not is_mine(Client(peer[0], number), port=port)
            assert not in_own_process(Client(peer[0], number), port=port)
        other.kill()
