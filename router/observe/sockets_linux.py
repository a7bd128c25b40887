"""Linux: the kernel's table of sockets at each look, and /proc for those that were not there before."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from itertools import chain

from router.observe import sock_diag
from router.observe.holders import holder, without_copies
from router.observe.lineage import described
from router.observe.patient_files import PatientFiles
from router.observe.sock_diag import Bound
from router.observe.sockets import Holder, Socket

TRIES = 5
"""Looks that search for the holder of a socket nobody seems to hold: it is another user's, or just being opened."""


class Kernel:
    """The listening sockets of this network namespace; who holds one is remembered for as long as that is so."""

    def __init__(
        self, listening: Callable[[], Iterable[tuple[int, Bound]]] = sock_diag.listening, *, proc: str = "/proc"
    ) -> None:
        self.waited_at: frozenset[int] = frozenset()
        self._listening = listening
        self._proc = proc
        self._files = PatientFiles()
        self._sockets: dict[int, Socket] = {}
        self._descriptors: dict[int, tuple[str, ...]] = {}
        self._tries: Counter[int] = Counter()

    def look(self) -> tuple[Socket, ...]:
        """Return the sockets in the order of the kernel's tables; those of the last look where it does not answer."""
        with suppress(OSError):
            bound = dict(self._listening())
            self.waited_at = frozenset(each.port for each in bound.values() if each.waited_at)
            self._update(bound)
        return tuple(self._sockets.values())

    def _update(self, bound: dict[int, Bound]) -> None:
        cwds: dict[int, str] = {}
        settled = {
            i for i, each in self._sockets.items() if _is(each, bound.get(i)) and self._is_settled(i, each, cwds)
        }
        new = bound.keys() - settled
        descriptors = self._holding(new) if new else {}
        holders = {pid: self._holder(pid) for pid in set(chain.from_iterable(descriptors.values()))}
        for inode in new:
            mine = without_copies([each for pid in sorted(descriptors.get(inode, ())) if (each := holders[pid])])
            address, port, dual, uid, _ = bound[inode]
            self._sockets[inode] = Socket(address, port, dual, tuple(mine), uid)
            self._descriptors[inode] = tuple(descriptors[inode][each.pid] for each in mine)
        self._tries = Counter({inode: self._tries[inode] + (inode in new) for inode in bound})
        self._sockets = {inode: self._sockets[inode] for inode in bound}
        self._descriptors = {inode: self._descriptors[inode] for inode in bound}

    def _is_settled(self, inode: int, socket: Socket, cwds: dict[int, str]) -> bool:
        """Tell whether the holders still have the socket and are where they were, or are not to be found."""
        if not socket.holders:
            return self._tries[inode] >= TRIES
        for each in socket.holders:
            if each.pid not in cwds:
                cwds[each.pid] = _link(f"{self._proc}/{each.pid}/cwd")
        name = f"socket:[{inode}]"
        here = all(cwds[each.pid] == each.cwd for each in socket.holders)
        return here and all(_link(each) == name for each in self._descriptors[inode])

    def _holding(self, inodes: Collection[int]) -> dict[int, dict[int, str]]:
        """Return for each of the sockets the processes that have it, with the path of the descriptor."""
        wanted = {f"socket:[{inode}]": inode for inode in inodes}
        found: dict[int, dict[int, str]] = defaultdict(dict)
        for pid in filter(str.isdecimal, _names(self._proc)):
            for name in _names(f"{self._proc}/{pid}/fd"):
                descriptor = f"{self._proc}/{pid}/fd/{name}"
                if inode := wanted.get(_link(descriptor)):
                    found[inode][int(pid)] = descriptor
        return found

    def _holder(self, pid: int) -> Holder | None:
        found = described(pid)
        if found is None:
            return None
        here = _link(f"{self._proc}/{pid}/cwd")
        return holder(
            pid, found.argv, found.parent, chain=[*map(self._cwd, found.lineage)], here=here, files=self._files
        )

    def _cwd(self, pid: int) -> str:
        # A removed worktree may be followed by one at the same path: " (deleted)" is not cut off.
        path = _link(f"{self._proc}/{pid}/cwd")
        return "" if path.endswith(" (deleted)") and not self._files.exists(path) else path


def _is(socket: Socket, bound: Bound | None) -> bool:
    """Tell whether a socket still is what it was: the number of an inode is reused."""
    return bound is not None and bound[:4] == (socket.address, socket.port, socket.dual, socket.uid)


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  # thousands in one go: a Path for each costs more than the reading
    except OSError:
        return ""


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # as above
    except OSError:
        return []
