"""Ports for the servers of tests, which no other test of a run has and which the system gives to nobody."""

import contextlib
import os
import random
import socket
from collections import deque

from router.ports import NOT_DEV_PORTS

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_ROOM = 40
# Handed out in turn, and to no other process of pytest-xdist's: below those that the system gives to clients, one of
# which may have such a port for a moment; above the hash ports; those from 30000 on are the soak's, which runs beside
# other tests. On some no server is sought.
_single = [port for port in range(21_000 + _WORKER, 30_000, _WORKERS) if port not in NOT_DEV_PORTS]
_ports = deque(random.sample(_single, len(_single)))
_rooms = deque(range(20_000 + _ROOM * _WORKER, 21_000 - _ROOM, _ROOM * _WORKERS))


def is_own(port: int) -> bool:
    """Tell whether a port is this process's to use: those of pytest-xdist share them, also those that names lead to."""
    return port % _WORKERS == _WORKER


def free_port() -> int:
    """Return a port that nobody uses and no other test of this run has."""
    return _next(_ports, room=1)


def room() -> int:
    """Return the first of forty such ports in a row."""
    return _next(_rooms, room=_ROOM)


def listens(port: int, address: str = "127.0.0.1") -> bool:
    """Tell whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=2):
        return True
    return False


def _next(ports: deque[int], *, room: int) -> int:
    while any(map(listens, range(ports[-1], ports[-1] + room))):
        ports.rotate()
    ports.rotate()
    return ports[0]
