"""The ports on which given processes listen."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping

from router.observe import sock_diag
from router.observe.sock_diag import Bound

Ports = Mapping[int, tuple[int, ...]]
"""The ports of each process that listens, sorted, by pid."""
Listening = Callable[[], Iterable[tuple[int, Bound]]]


def held(pids: Iterable[int], *, listening: Listening | None = None) -> Ports:
    """Return the ports on which these processes take connections over the loopback. Raises nothing.

    Those of another user's processes cannot be seen. A process that inherited a socket holds it too. `listening` tells
    the kernel's sockets by inode; where there is no such table (macOS, a sandbox) psutil asks each process.
    """
    try:
        found = dict((listening or _listening)())
    except OSError:
        return {pid: ports for pid in pids if (ports := _asked(pid))}
    inodes = {f"socket:[{inode}]": bound[1] for inode, bound in found.items()}
    return {
        pid: ports for pid in pids if (ports := tuple(sorted({inodes[link] for link in _links(pid) & inodes.keys()})))
    }


def _listening() -> Iterable[tuple[int, Bound]]:
    if sys.platform != "linux":
        raise OSError("sock_diag is Linux")
    return sock_diag.listening()


def _links(pid: int) -> set[str]:
    """Return where the descriptors of a process lead, none where it has ended or is another user's."""
    try:
        entries = [entry.path for entry in os.scandir(f"/proc/{pid}/fd")]
    except OSError:
        return set()
    return set(_led(entries))


def _led(links: Iterable[str]) -> Iterator[str]:
    for link in links:
        try:
            yield os.readlink(link)  # noqa: PTH115 - thousands in one go
        except OSError:  # closed meanwhile
            continue


def _asked(pid: int) -> tuple[int, ...]:
    import psutil

    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except (psutil.Error, OSError):
        return ()
    return tuple(sorted({each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}))
