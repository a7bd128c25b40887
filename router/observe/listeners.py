"""Which TCP sockets accept connections on this machine's loopback, and which worktree each belongs to."""

import os
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from pathlib import Path

import psutil

from router.model import Listener
from router.observe import sock_diag

TRIES = 5  # scans that look for the owner of a socket nobody seems to hold: it is another user's, or just being opened
TURNS = 4  # macOS: a process that had no socket is asked again at every fourth scan,
YOUNG = 60.0  # but at each one in its first seconds

_GONE = (psutil.Error, OSError)  # left in the middle of the scan, a zombie, or not ours to read
_INTERPRETER = re.compile(r"(python|pypy|node|nodejs|bun|deno|ruby|perl|php|java|dotnet)[0-9.]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a socket; `cwds` are its working directory and its ancestors', nearest first."""

    pid: int
    program: str | None
    cwds: tuple[str, ...]
    here: str
    descriptor: str = ""
    parent: int = 0
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Socket:
    """A listening socket: what it is bound to, and who holds it."""

    address: str
    port: int
    dual: bool
    owners: tuple[Holder, ...]


class Listeners:
    """The TCP sockets that accept connections on this machine's loopback, and the worktree each belongs to."""

    def __init__(self, source: "Kernel | Processes | None" = None) -> None:
        self._source = source or _source()
        self._seen: tuple[tuple[str, ...], Mapping[str, str], tuple[Socket, ...]] = ((), {}, ())
        self._found: tuple[Listener, ...] = ()

    def scan(self, roots: Sequence[str], *, real: Mapping[str, str] | None = None) -> tuple[Listener, ...]:
        """Return one listener for each address and port that can be dialled, sorted by port and address.

        `roots` are paths of worktrees. A socket belongs to the deepest root around the working directory of the
        process that holds it, else around that of its nearest ancestor in the same session. Where the process
        cannot be seen (another user's), worktree, pid and program are None. Raises nothing.
        """
        seen = (tuple(roots), real or {}, self._source.look())
        if seen != self._seen:
            places = ((seen[1].get(root) or os.path.realpath(root), root) for root in roots)
            self._seen, self._found = seen, _listeners(seen[2], places)
        return self._found


def _source() -> "Kernel | Processes":
    try:
        if sys.platform == "linux":
            list(sock_diag.listening())
            return Kernel()
    except OSError:
        pass  # a sandbox without netlink
    return Processes()


class Kernel:
    """Linux: the kernel's table at each look, processes only for sockets that were not there before."""

    def __init__(
        self, listening: "Callable[[], Iterable[tuple[int, sock_diag.Bound]]] | None" = None, proc: str = "/proc"
    ) -> None:
        self._listening = listening or sock_diag.listening
        self._proc = proc
        self._known: dict[int, Socket] = {}
        self._tries: Counter[int] = Counter()

    def look(self) -> tuple[Socket, ...]:
        """Return the sockets of this network namespace, in the order of the kernel's tables."""
        bound = dict(self._listening())
        # The number of an inode is given out again
        known = {
            inode: each
            for inode, each in self._known.items()
            if bound.get(inode) == (each.address, each.port, each.dual) and self._settled(inode, each)
        }
        new = bound.keys() - known.keys()
        holders = self._holders(new) if new else {}
        for inode in new:
            known[inode] = Socket(*bound[inode], self._owners(holders.get(inode, {})))
        self._tries = Counter({inode: self._tries[inode] + (inode in new) for inode in bound})
        self._known = {inode: known[inode] for inode in bound}
        return tuple(self._known.values())

    def _settled(self, inode: int, seen: Socket) -> bool:
        """Tell whether the owners still hold the socket and are where they were, or are not to be found."""
        if not seen.owners:
            return self._tries[inode] >= TRIES
        name = f"socket:[{inode}]"
        return all(_link(o.descriptor) == name and _link(f"{self._proc}/{o.pid}/cwd") == o.here for o in seen.owners)

    def _holders(self, inodes: Collection[int]) -> dict[int, dict[int, str]]:
        """Return for each of the sockets the processes that hold it, with the path of the descriptor."""
        wanted = {f"socket:[{inode}]": inode for inode in inodes}
        found: dict[int, dict[int, str]] = defaultdict(dict)
        for pid in filter(str.isdecimal, _names(self._proc)):
            for name in _names(f"{self._proc}/{pid}/fd"):
                descriptor = f"{self._proc}/{pid}/fd/{name}"
                if inode := wanted.get(_link(descriptor)):
                    found[inode][int(pid)] = descriptor
        return found

    def _owners(self, holders: dict[int, str]) -> tuple[Holder, ...]:
        owners = (_owner(pid, self._cwd, _link(f"{self._proc}/{pid}/cwd"), holders[pid]) for pid in sorted(holders))
        return tuple(_no_copies([owner for owner in owners if owner]))

    def _cwd(self, process: psutil.Process) -> str:
        # Not psutil's: that cuts " (deleted)" off, and a removed worktree may be followed by one at the same path.
        path = _link(f"{self._proc}/{process.pid}/cwd")
        return "" if path.endswith(" (deleted)") and not os.path.exists(path) else path  # noqa: PTH110


class Processes:
    """Elsewhere (macOS): the user's processes are asked one by one, those that had no socket only now and then."""

    def __init__(self, *, young: float = YOUNG) -> None:
        self._young = young
        self._turn = 0
        self._bound: dict[psutil.Process, set[tuple[str, int]]] = {}
        self._owners: dict[psutil.Process, Holder] = {}

    def look(self) -> tuple[Socket, ...]:
        """Return the sockets of this user's processes (of all, for root), sorted."""
        self._turn += 1
        self._bound = {process: self._ask(process) for process in psutil.process_iter()}
        self._owners = {p: owner for p, bound in self._bound.items() if bound and (owner := self._own(p))}
        holders: dict[tuple[str, int], list[Holder]] = defaultdict(list)
        for process, owner in self._owners.items():
            for at in self._bound[process]:
                holders[at].append(owner)
        # psutil does not say whether a `::` is for IPv6 alone; it seldom is.
        return tuple(Socket(*at, at[0] == "::", tuple(holders[at])) for at in sorted(holders))

    def _ask(self, process: psutil.Process) -> set[tuple[str, int]]:
        try:
            idle = self._bound.get(process) == set() and time.time() - process.create_time() > self._young
            if (idle and (process.pid + self._turn) % TURNS) or os.getuid() not in (0, process.uids().real):
                return set()
            bound = [c.laddr for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        except _GONE:
            return set()
        return {(ip, at.port) for at in bound if (ip := sock_diag.MAPPED.get(at.ip, at.ip)) in sock_diag.DIALLED}

    def _own(self, process: psutil.Process) -> Holder | None:
        known, here = self._owners.get(process), self._cwd(process)
        return known if known and known.here == here else _owner(process.pid, self._cwd, here)

    def _cwd(self, process: psutil.Process) -> str:
        try:
            return process.cwd()
        except _GONE:
            return ""


def program(argv: Sequence[str], *, cwd: str) -> str | None:
    """Return the name to show for a command line: what an interpreter runs, else the command's base name.

    Arguments can be secrets: nothing is taken from them but a module's name and the name of a file that exists.
    """
    # Programs write titles over their command: "next-server (v15.1.0)", "puma 6.4 (tcp://localhost:3000)".
    command = argv[0] if argv[0].startswith("/") else argv[0].split(" ")[0]
    name = Path(command).name.split(" ")[0]
    if _INTERPRETER.fullmatch(name):
        name = next(_scripts(argv[1:], cwd), name)
    return re.sub(r"[^A-Za-z0-9._+-]", "", name)[:32] or None


def _scripts(arguments: Sequence[str], cwd: str) -> Iterator[str]:
    for argument, following in pairwise([*arguments, ""]):
        if re.fullmatch(r"-[A-Za-z]*[cep]|--eval|--print", argument):
            return
        if re.fullmatch(r"-[A-Za-z]*m", argument) and re.fullmatch(r"[A-Za-z_][\w.]*", following):
            yield following
        elif os.path.isfile(os.path.join(cwd, argument)):  # noqa: PTH113, PTH118  # Path's raises for long arguments
            package = re.match(r".*node_modules/([^@./][^/]*)/", argument)  # …/node_modules/tsx/dist/cli.mjs is tsx
            yield package[1] if package else Path(argument).name


def _owner(pid: int, cwd: Callable[[psutil.Process], str], here: str, descriptor: str = "") -> Holder | None:
    try:
        process = psutil.Process(pid)
        argv, parent = tuple(process.cmdline() or [process.name()]), process.ppid()
    except _GONE:
        return None
    chain = [cwd(each) for each in _lineage(process)]
    # A server whose own directory was removed is nobody's: its ancestors say nothing about it
    around = tuple(filter(None, chain)) if chain[0] else ()
    return Holder(pid, program(argv, cwd=here), around, here, descriptor, parent, argv)


def _no_copies(owners: Sequence[Holder]) -> list[Holder]:
    """Return the owners without those that only a fork made.

    Between fork and exec a child holds its parent's sockets, in the directory that it is about to run something in:
    an editor that listens somewhere and asks git about a worktree is no server of that worktree.
    """
    argv = {owner.pid: owner.argv for owner in owners}
    return [owner for owner in owners if argv.get(owner.parent) != owner.argv]


def _lineage(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and its ancestors in the same session.

    Beyond it are init, which adopts orphans, and terminal multiplexers and editors, which were started in one
    worktree and serve for everything else: where those work says nothing about the process.
    """
    try:
        session = os.getsid(process.pid)
        return [process, *takewhile(lambda p: p.pid > 1 and os.getsid(p.pid) == session, process.parents())]
    except _GONE:
        return [process]


def _listeners(found: Iterable[Socket], roots: Iterable[tuple[str, str]]) -> tuple[Listener, ...]:
    places = sorted(((f"{real.rstrip('/')}/", root) for real, root in roots), key=lambda p: (-len(p[0]), p))
    best: dict[tuple[int, str], tuple[tuple[int, ...], Listener]] = {}
    for rank, listener in (claim for each in found for claim in _claims(each, places)):
        key = (listener.port, listener.address)
        if key not in best or rank < best[key][0]:
            best[key] = (rank, listener)
    return tuple(best[key][1] for key in sorted(best))


def _claims(each: Socket, places: Iterable[tuple[str, str]]) -> Iterator[tuple[tuple[int, ...], Listener]]:
    """Yield a listener for each address that reaches the socket, with its rank: the lowest one counts.

    Of several holders (prefork workers, inherited descriptors): the deepest in a worktree, then the lowest pid.
    """
    held = [((-depth, owner.pid), root, owner) for owner in each.owners for depth, root in [_place(owner, places)]]
    order, root, owner = min(held, key=lambda claim: claim[0], default=((1, 0), None, None))
    pid, name = (owner.pid, owner.program) if owner else (None, None)
    own = each.address in ("127.0.0.1", "::1")
    for address, distance in [sock_diag.DIALLED[each.address], *([("127.0.0.1", 2)] if each.dual else [])]:
        yield (distance, *order), Listener(each.port, address, own, root, pid, name)


def _place(owner: Holder, places: Iterable[tuple[str, str]]) -> tuple[int, str | None]:
    around = ((len(prefix), root) for cwd in owner.cwds for prefix, root in places if f"{cwd}/".startswith(prefix))
    return next(around, (0, None))


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
