"""Which TCP sockets accept connections on this machine's loopback, and which worktree each belongs to."""

import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from router.model import Listener
from router.observe import sock_diag
from router.observe.sockets import DIALLED, Holder, Socket
from router.observe.sockets_linux import Kernel
from router.paths import deepest_root
from router.values import replace


class Source(Protocol):
    """Where the sockets of this machine come from; `waited_at` are the ports where connections wait for a server."""

    @property
    def waited_at(self) -> frozenset[int]:
        """As the last look found them; none where the system does not tell."""

    def look(self) -> tuple[Socket, ...]:
        """Return those that listen now."""


class Listeners:
    """The TCP sockets that accept connections on this machine's loopback, and the worktree each belongs to."""

    def __init__(self, source: Source | None = None) -> None:
        self._source = source or _source()
        self._seen: tuple[tuple[str, ...], Mapping[str, str], tuple[Socket, ...]] = ((), {}, ())
        self._found: tuple[Listener, ...] = ()

    @property
    def waited_at(self) -> frozenset[int]:
        """The ports on which connections waited for a server to accept them, none where the system does not tell."""
        return self._source.waited_at

    def scan(self, roots: Sequence[str], *, real: Mapping[str, str] | None = None) -> tuple[Listener, ...]:
        """Return a listener for each address and port that can be dialled, sorted by port and address.

        Where the sockets of several owners share one, each of them has a listener there, and `shared` says so.
        `roots` are paths of worktrees, `real` their real paths where those are known: nothing is asked of a disk
        then. A socket belongs to the deepest root around the working directory of the process that holds it, else
        around that of its nearest ancestor in the same session. Where the process cannot be seen (another user's),
        worktree, pid and program are None. Raises nothing.
        """
        seen = (tuple(roots), real or {}, self._source.look())
        if seen != self._seen:
            by_path = {seen[1].get(root) or os.path.realpath(root): root for root in reversed(seen[0])}
            self._seen, self._found = seen, _listeners(seen[2], by_path)
        return self._found


class SharedListeners(Listeners):
    """Listeners that threads ask side by side, with what each of them has seen before."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def scan(self, roots: Sequence[str], *, real: Mapping[str, str] | None = None) -> tuple[Listener, ...]:
        """Do what `Listeners.scan` does, one after the other."""
        with self._lock:
            return super().scan(roots, real=real)


def _source() -> Source:
    try:
        if sys.platform == "linux":
            list(sock_diag.listening())
            return Kernel()
    except OSError:
        pass  # a sandbox without netlink
    from router.observe.sockets_portable import Processes  # here: psutil, which Linux does without

    return Processes()


def _listeners(found: Iterable[Socket], roots: Mapping[str, str]) -> tuple[Listener, ...]:
    """Return what a connection to each address may reach; `roots` are the paths of worktrees by real path.

    Of several sockets the kernel takes one of those that are bound most closely. Where these are of two owners, two
    worktrees or one and a stranger, nobody can tell whose answer comes; of one owner (prefork workers), any may.
    """
    claims: dict[tuple[int, str], list[tuple[int, tuple[int, int], Listener]]] = defaultdict(list)
    for each in found:
        for distance, rank, listener in _claims(each, roots):
            claims[listener.port, listener.address].append((distance, rank, listener))
    return tuple(each for key in sorted(claims) for each in _chosen(claims[key]))


def _chosen(claims: Sequence[tuple[int, tuple[int, int], Listener]]) -> Iterator[Listener]:
    """Yield the listener of each owner, by rank."""
    closest = min(distance for distance, _, _ in claims)
    owners: dict[str | None, Listener] = {}
    for _, _, listener in sorted((each for each in claims if each[0] == closest), key=lambda each: each[1]):
        owners.setdefault(listener.worktree, listener)
    yield from (replace(each, shared=len(owners) > 1) for each in owners.values())


def _claims(each: Socket, roots: Mapping[str, str]) -> Iterator[tuple[int, tuple[int, int], Listener]]:
    """Yield a listener for each address that reaches the socket, with how far that is, and the rank of its holder.

    Of several holders (prefork workers, inherited descriptors): the deepest in a worktree, then the lowest pid.
    """
    held = [((-len(real or ""), one.pid), real, one) for one in each.holders for real in [_place(one, roots)]]
    rank, real, first = min(held, key=lambda claim: claim[0], default=((1, 0), None, None))
    dialled, distance = DIALLED[each.address]
    listener = Listener(
        port=each.port,
        address=dialled,
        loopback_only=each.address in ("127.0.0.1", "::1"),
        worktree=roots[real] if real else None,
        pid=first.pid if first else None,
        program=first.program if first else None,
        uid=each.uid,
        directory=(first.cwd or None) if first else None,
        holders=tuple(sorted(one.pid for one in each.holders)),
    )
    yield distance, rank, listener
    if each.dual:
        yield 2, rank, replace(listener, address="127.0.0.1")


def _place(holder: Holder, roots: Mapping[str, str]) -> str | None:
    """Return the real path of the worktree that a process works in."""
    return next((real for cwd in holder.around if (real := deepest_root(cwd, roots))), None)
