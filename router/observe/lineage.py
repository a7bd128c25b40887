"""Linux: what /proc says of a process without psutil, which takes as long to import as a scan: arguments, ancestors."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from router.values import dataclass


class _Stat(NamedTuple):
    name: str
    state: str
    parent: int
    session: int
    ticks: int


@dataclass(frozen=True, slots=True)
class Described:
    """A process: its arguments (its name where it has none), its parent, and itself with its ancestors by pid.

    Ancestors are those of the same session. Beyond it are init, which adopts orphans, and terminal multiplexers and
    editors, which were started in one worktree and serve for everything else: where those work says nothing about it.
    """

    argv: tuple[str, ...]
    parent: int
    lineage: tuple[int, ...]


def described(pid: int) -> Described | None:
    """Return a process as it is now, None where it is gone, a zombie, or not ours to read."""
    stat, argv = _stat(pid), _arguments(pid)
    if stat is None or argv is None or stat.state in {"Z", "X"}:
        return None
    return Described(argv or (stat.name,), stat.parent, (pid, *_ancestors(stat)))


def _ancestors(of: _Stat) -> Iterator[int]:
    """Yield the ancestors in the same session; who began after its child has got the pid of one that is gone."""
    while (pid := of.parent) > 1:
        parent = _stat(pid)
        if parent is None or parent.session != of.session or parent.ticks > of.ticks:
            return
        yield pid
        of = parent


def _stat(pid: int) -> _Stat | None:
    """Return the first fields of a process' stat (proc(5)): its name may hold anything but the last `)`."""
    try:
        before, _, after = os.fsdecode(Path(f"/proc/{pid}/stat").read_bytes()).rpartition(")")
    except OSError:
        return None
    fields = after.split()
    return _Stat(before.partition("(")[2], fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def _arguments(pid: int) -> tuple[str, ...] | None:
    """Return the arguments of a process. One that has set a title of its own has them in one, between spaces."""
    try:
        text = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return None
    separator = "\0" if text.endswith("\0") else " "
    words = text.removesuffix(separator).split(separator)
    if separator == "\0" and len(words) == 1 and " " in text:
        words = text.removesuffix(separator).split(" ")
    return tuple(words) if text else ()
