"""The processes that are connected to a server on this machine, by the address and port that it sees of each."""

import contextlib
import ipaddress
import os
from collections.abc import Iterator, Mapping
from typing import Any

Address = tuple[str, int]
_LOCALHOST = ("127.0.0.1", "::1")


def connected(port: int) -> Mapping[Address, int]:
    """Return the pid of each process that is connected to a port over TCP, by its own end. Raises nothing.

    Where several have one end of a connection, a parent and its forks, it is one of them. Another user's processes
    cannot be seen without root.
    """
    found = (
        (each, pid) for each, pid in _connections() if each.laddr and each.raddr and each.raddr.port == port and pid
    )
    return {(_plain(each.laddr.ip), each.laddr.port): pid for each, pid in found}


def ends(host: str, port: int | None) -> tuple[Address, ...]:
    """Return what the own end of a client may be of which a server says this; some look up the names of addresses."""
    if not port or port < 0 or not host:
        return ()
    return tuple((address, port) for address in (_LOCALHOST if host == "localhost" else (_plain(host),)))


def _connections() -> Iterator[tuple[Any, int | None]]:
    import psutil

    try:
        yield from ((each, each.pid) for each in psutil.net_connections("tcp"))
        return
    except (psutil.Error, OSError):  # macOS shows all connections to root alone
        pass
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid():
                yield from ((each, process.pid) for each in process.net_connections("tcp"))


def _plain(address: str) -> str:
    """Return an address as it is written everywhere: `::ffff:127.0.0.1` is 127.0.0.1."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(getattr(found, "ipv4_mapped", None) or found)
