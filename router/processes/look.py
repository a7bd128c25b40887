"""The processes of this machine, as one look finds them: from /proc on Linux, from psutil elsewhere.

Nothing here is kept running: a command asks, and the watcher only while a worktree has just gone.
"""

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from router import ps
from router.observe.lanes import Lanes
from router.observe.programs import program
from router.processes.roles import Role, role
from router.ps import ProcessId
from router.values import dataclass

_PATIENCE = 1.0  # seconds for the disks that scripts are on
_DELETED = " (deleted)"  # proc(5), /proc/pid/cwd


@dataclass(frozen=True, slots=True)
class Process:
    """A process.

    `uid` is whom it acts for; `cwd` its working directory, empty where it may not be read. `removed` is the topmost
    directory on the way to `cwd` that was deleted under it, empty where all of them are there: a later directory of
    the same path is another one. `program` is a base name, never arguments; `role` says what it is that is no server.
    `started` is in seconds since the epoch.
    """

    id: ProcessId
    parent: int
    group: int
    session: int
    uid: int
    cwd: str
    removed: str
    program: str | None
    role: Role | None
    started: float

    @property
    def pid(self) -> int:
        """Its pid."""
        return self.id.pid


@dataclass(frozen=True, slots=True)
class Raw:
    """A process with its command line, which holds secrets: of these only start commands are ever kept."""

    id: ProcessId
    parent: int
    group: int
    session: int
    uid: int
    cwd: str
    removed: str
    argv: tuple[str, ...]
    name: str
    leads_terminal: bool
    started: float


def look(source: Callable[[], Iterable[Raw]] | None = None) -> tuple[Process, ...]:
    """Return every process that can be seen, zombies excepted, sorted by pid. Raises nothing.

    `source` yields what the system shows: `from_proc` on Linux, `from_psutil` elsewhere.
    """
    source = source or (from_proc if sys.platform == "linux" else from_psutil)
    found = sorted(source(), key=lambda raw: raw.id.pid)
    return tuple(map(_process, found, _programs(found)))


def _process(raw: Raw, called: str | None) -> Process:
    return Process(
        raw.id, raw.parent, raw.group, raw.session, raw.uid, raw.cwd, raw.removed, called,
        role(raw.argv, name=raw.name, program=called, leads_terminal=raw.leads_terminal), raw.started,
    )  # fmt: skip


def _programs(found: Sequence[Raw]) -> Sequence[str | None]:
    """Return the names to show; where a disk hangs that a script is on, those of the interpreters."""
    this = object()  # another one each time: a late answer is about another look
    named = _lanes().run({this: functools.partial(_named, found, os.path.isfile)}, patience=_PATIENCE)
    return named[this] if this in named else _named(found, lambda _: False)


def _named(found: Sequence[Raw], is_file: Callable[[str], bool]) -> Sequence[str | None]:
    """Return the names to show; a login shell is called by a `-` and its name."""
    argvs = (raw.argv or (raw.name,) for raw in found)
    return [
        program([argv[0].removeprefix("-"), *argv[1:]], cwd=raw.cwd, is_file=is_file)
        for argv, raw in zip(argvs, found, strict=True)
    ]


@functools.cache
def _lanes() -> Lanes[object, Sequence[str | None]]:
    """Return where scripts are looked for: in one thread, so that no more than that is ever stuck."""
    return Lanes(threads=1)


def from_proc() -> Iterator[Raw]:
    """Yield the processes as Linux shows them in /proc."""
    me = ps.identify(os.getpid())
    boot = me.boot if me else ""
    booted, tick = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME), 1 / os.sysconf("SC_CLK_TCK")
    for pid in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - as text: there are thousands
        with contextlib.suppress(OSError, ValueError, IndexError):  # it ended while we looked
            if process := _read(pid, boot, booted, tick):
                yield process


def _read(pid: str, boot: str, booted: float, tick: float) -> Raw | None:
    """Return the process of a pid from its `stat`, `cmdline` and `cwd` (proc(5)); None for a zombie."""
    place = f"/proc/{pid}"
    name, stat = _stat(place)
    if stat[0] in {"Z", "X"}:
        return None
    parent, group, session, terminal, ticks = (int(stat[field]) for field in (1, 2, 3, 4, 19))
    cwd, removed = _directory(f"{place}/cwd")
    return Raw(
        id=ProcessId(int(pid), ticks, boot),
        parent=parent,
        group=group,
        session=session,
        uid=os.stat(place).st_uid,  # noqa: PTH116 - whom it acts for by now: linux, fs/proc/base.c, task_dump_owner
        cwd=cwd,
        removed=removed,
        argv=tuple(_argv(place)),
        name=name,
        leads_terminal=session == int(pid) and terminal != 0,
        started=booted + ticks * tick,
    )


def _stat(place: str) -> tuple[str, list[str]]:
    """Return the name of a process and the fields of its `stat` that follow; a name may hold anything."""
    head, _, rest = _content(f"{place}/stat").rpartition(b")")
    return head.partition(b"(")[2].decode(errors="replace"), rest.decode().split()


def _argv(place: str) -> list[str]:
    text = _content(f"{place}/cmdline").rstrip(b"\0").decode(errors="replace")
    return text.split("\0") if text else []


def _directory(link: str) -> tuple[str, str]:
    """Return the directory that a link of /proc leads to, and the topmost one on the way there that was deleted."""
    try:
        path = os.readlink(link)  # noqa: PTH115 - as above
    except OSError:
        return "", ""
    if not path.endswith(_DELETED) or _is_same(link, path):
        return path, ""
    path = path.removesuffix(_DELETED)
    removed, above, at = path, link, path
    while at := at.rpartition("/")[0]:
        above += "/.."  # the kernel still knows what a deleted directory was in
        if _is_same(above, at):
            break
        removed = at
    return path, removed


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)  # noqa: PTH121
    except OSError:
        return False


def _content(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)


def from_psutil() -> Iterator[Raw]:
    """Yield the processes as psutil shows them: another user's only where the system lets it look."""
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError), process.oneshot():
            identity, cwd = ps.identify(process.pid), _or_empty(process.cwd)
            if identity is None:
                continue
            session = os.getsid(process.pid)
            yield Raw(
                id=identity,
                parent=process.ppid(),
                group=os.getpgid(process.pid),
                session=session,
                uid=process.uids().effective,
                cwd=cwd,
                removed=_missing(cwd),
                argv=tuple(process.cmdline()),
                name=process.name(),
                leads_terminal=session == process.pid and process.terminal() is not None,
                started=process.create_time(),
            )


def _or_empty(ask: Callable[[], str]) -> str:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        return ask()
    return ""


def _missing(cwd: str) -> str:
    """Return the topmost directory of a path that is not there, empty where all of it is."""
    missing, at = "", cwd
    while at and not os.path.isdir(at):  # noqa: PTH112
        missing, at = at, at.rpartition("/")[0]
    return missing
