"""Whose program has made a connection to this machine's Caddy: the system's own word, by the client's socket."""

import contextlib
import os
import sys
from typing import NamedTuple

_SERVERS = {"127.0.0.1": "127.0.0.1", "::1": "::1"}
"""Where a client on an address of the loopback has reached Caddy, which listens on these two alone."""


class Client(NamedTuple):
    """Where a client's end of a connection is."""

    address: str
    port: int


def is_mine(client: Client, *, port: int) -> bool:
    """Tell whether a connection to Caddy's port, open at both ends, is one of this user's programs'.

    One that nobody can be found for is nobody's; OSError where the system does not tell.
    """
    server = _SERVERS.get(client.address)
    if server is None:
        return False
    if sys.platform == "linux":
        from router.observe import sock_diag

        ends = (client.address, client.port), (server, port)
        return set(sock_diag.owners(*ends)) == {os.getuid()}
    return in_own_process(client, port=port)


def in_own_process(client: Client, *, port: int) -> bool:
    """Tell the same by asking this user's processes for their connections, where the kernel has no table (macOS)."""
    import psutil

    server = (_SERVERS.get(client.address, ""), port)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            own = process.uids().effective == os.getuid()
            opened = process.net_connections("tcp") if own else ()
            found = ((tuple(each.laddr), tuple(each.raddr), each.status) for each in opened)
            if (tuple(client), server, psutil.CONN_ESTABLISHED) in found:
                return True
    return False
