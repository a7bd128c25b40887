"""The ports on which given processes listen."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping

from router.observe import sock_diag

LINUX = sys.platform == "linux"
Ports = Mapping[int, tuple[int, ...]]
"""The ports of each process that listens, sorted, by pid."""


def held(pids: Iterable[int]) -> Ports:
    """Return the ports on which these processes take connections over the loopback. Raises nothing.

    Those of another user's processes cannot be seen. A process that inherited a socket holds it too.
    """
    try:
        inodes = {f"socket:[{inode}]": bound[1] for inode, bound in sock_diag.listening()} if LINUX else None
    except OSError:  # a sandbox without netlink
        inodes = None
    if inodes is None:
        return {pid: ports for pid in pids if (ports := _asked(pid))}
    found = ((pid, sorted({inodes[link] for link in _links(pid) if link in inodes})) for pid in pids)
    return {pid: tuple(ports) for pid, ports in found if ports}


def _links(pid: int) -> Iterator[str]:
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            yield os.readlink(entry.path)  # noqa: PTH115 - thousands in one go
    except OSError:  # it has ended, or is another user's
        return


def _asked(pid: int) -> tuple[int, ...]:
    import psutil

    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except (psutil.Error, OSError):
        return ()
    return tuple(sorted({each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}))
