"""Where the kernel has no table (macOS): the user's processes are asked one by one for their sockets."""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import takewhile

import psutil

from router.observe.holders import holder
from router.observe.patient_files import PatientFiles
from router.observe.sockets import DIALLED, MAPPED, Holder, Socket

TURNS = 4  # a process that had no socket is asked again at every fourth look,
YOUNG = 60.0  # but at each one in its first seconds

GONE = (psutil.Error, OSError)
"""How psutil says that a process left in the middle of the scan, is a zombie, or is not ours to read."""

_At = tuple[str, int]


class Processes:
    """The listening sockets of this user's processes; one that had none is asked only now and then."""

    waited_at: frozenset[int] = frozenset()  # psutil does not tell

    def __init__(self, *, young: float = YOUNG) -> None:
        self._young = young
        self._turn = 0
        self._files = PatientFiles()
        self._bound: dict[psutil.Process, set[_At]] = {}
        self._holders: dict[psutil.Process, Holder] = {}

    def look(self) -> tuple[Socket, ...]:
        """Return the sockets of this user's processes (of all, for root), sorted."""
        self._turn += 1
        self._bound = {process: self._ask(process) for process in psutil.process_iter()}
        self._holders = {p: each for p, bound in self._bound.items() if bound and (each := self._holder(p))}
        holders: dict[_At, list[tuple[psutil.Process, Holder]]] = defaultdict(list)
        for process, each in self._holders.items():
            for at in self._bound[process]:
                holders[at].append((process, each))
        return tuple(socket for at in sorted(holders) for socket in self._sockets(at, holders[at]))

    def _sockets(self, at: _At, holders: list[tuple[psutil.Process, Holder]]) -> Iterator[Socket]:
        """Yield a socket for each family of processes: psutil does not say which of them share one."""
        uids = {each.pid: _uid(process) for process, each in holders}
        for family in _families(each for _, each in holders):
            # psutil does not say whether a `::` is for IPv6 alone; it seldom is.
            yield Socket(*at, at[0] == "::", family, uids[family[0].pid])

    def _ask(self, process: psutil.Process) -> set[_At]:
        try:
            idle = self._bound.get(process) == set() and time.time() - process.create_time() > self._young
            if (idle and (process.pid + self._turn) % TURNS) or os.getuid() not in (0, process.uids().real):
                return set()
            bound = [c.laddr for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        except GONE:
            return set()
        return {(ip, at.port) for at in bound if (ip := MAPPED.get(at.ip, at.ip)) in DIALLED}

    def _holder(self, process: psutil.Process) -> Holder | None:
        before, here = self._holders.get(process), self._cwd(process)
        same = before is not None and before.cwd == here
        return before if same else self._described(process, here)

    def _described(self, process: psutil.Process, here: str) -> Holder | None:
        try:
            argv, parent = tuple(process.cmdline() or [process.name()]), process.ppid()
        except GONE:
            return None
        chain = [self._cwd(each) for each in _lineage(process)]
        return holder(process.pid, argv, parent, chain=chain, here=here, files=self._files)

    def _cwd(self, process: psutil.Process) -> str:
        try:
            return process.cwd()
        except GONE:
            return ""


def _lineage(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and its ancestors in the same session: see `lineage.Described`."""
    try:
        session = os.getsid(process.pid)
        return [process, *takewhile(lambda p: p.pid > 1 and os.getsid(p.pid) == session, process.parents())]
    except GONE:
        return [process]


def _uid(process: psutil.Process) -> int | None:
    try:
        return process.uids().effective
    except GONE:
        return None


def _families(holders: Iterable[Holder]) -> list[tuple[Holder, ...]]:
    """Return the holders of one address in groups: a process, and its descendants, which inherit its socket."""
    families: list[list[Holder]] = []
    for each in sorted(holders, key=lambda one: one.pid):
        kin = [family for family in families if any(one.pid == each.parent or one.parent == each.pid for one in family)]
        families = [family for family in families if family not in kin]
        families.append([*(one for family in kin for one in family), each])
    return [tuple(family) for family in families]
