"""How much memory a process has to itself: its proportional share of what it maps, where the system says so."""

import os
import re
import sys
from enum import StrEnum

from router.values import dataclass

_PSS = re.compile(rb"^Pss:\s+(\d+) kB$", re.MULTILINE)


class Kind(StrEnum):
    """How memory was measured: `pss` has shared pages in part, so that a sum is right; `rss` has them whole."""

    PSS = "pss"
    RSS = "rss"


@dataclass(frozen=True, slots=True)
class Memory:
    """Some memory in bytes, and how it was measured."""

    bytes: int = 0
    kind: Kind = Kind.PSS

    def __add__(self, other: "Memory") -> "Memory":
        both = Kind.PSS if self.kind == other.kind == Kind.PSS else Kind.RSS
        return Memory(self.bytes + other.bytes, both)


def of(pid: int) -> Memory:
    """Return the memory of a process; nothing for one that has ended or cannot be asked. Raises nothing.

    Linux: PSS from `smaps_rollup` (proc_pid_smaps(5)), which costs about as much as the process maps, else RSS.
    """
    if sys.platform != "linux":
        return _asked(pid)
    if found := _PSS.search(_content(f"/proc/{pid}/smaps_rollup")):
        return Memory(int(found[1]) * 1024)
    pages = _content(f"/proc/{pid}/statm").split()
    return Memory(int(pages[1]) * os.sysconf("SC_PAGE_SIZE"), Kind.RSS) if pages else Memory()


def _asked(pid: int) -> Memory:
    import psutil

    try:
        return Memory(psutil.Process(pid).memory_info().rss, Kind.RSS)
    except psutil.Error:
        return Memory()


def _content(path: str) -> bytes:
    """Return what a file of /proc holds, nothing where it may not be read or its process has ended."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 1 << 12)
    except OSError:  # smaps_rollup may be opened by whoever may not read it
        return b""
    finally:
        os.close(descriptor)
