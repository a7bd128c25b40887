"""The processes that hold a socket: what each is called, and where it and its ancestors work."""

import os
from collections.abc import Callable, Sequence
from itertools import takewhile

import psutil

from router.observe.patient_files import PatientFiles
from router.observe.programs import program
from router.observe.sockets import Holder

GONE = (psutil.Error, OSError)
"""How psutil says that a process left in the middle of the scan, is a zombie, or is not ours to read."""


def holder(pid: int, *, cwd: Callable[[psutil.Process], str], here: str, files: PatientFiles) -> Holder | None:
    """Return a process as a holder of sockets, None where it is gone.

    `cwd` returns the working directory of a process, empty where it has none any more; `here` is this one's as it
    stands in the system's table.
    """
    try:
        process = psutil.Process(pid)
        argv, parent = tuple(process.cmdline() or [process.name()]), process.ppid()
    except GONE:
        return None
    chain = [cwd(each) for each in _lineage(process)]
    # A server whose own directory was removed is nobody's: its ancestors say nothing about it
    around = tuple(filter(None, chain)) if chain[0] else ()
    return Holder(pid, program(argv, cwd=here, is_file=files.is_file), here, around, parent, argv)


def without_copies(holders: Sequence[Holder]) -> list[Holder]:
    """Return the holders without those that only a fork made.

    Between fork and exec a child holds its parent's sockets, in the directory that it is about to run something in:
    an editor that listens somewhere and asks git about a worktree is no server of that worktree.
    """
    argv = {each.pid: each.argv for each in holders}
    return [each for each in holders if argv.get(each.parent) != each.argv]


def _lineage(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and its ancestors in the same session.

    Beyond it are init, which adopts orphans, and terminal multiplexers and editors, which were started in one
    worktree and serve for everything else: where those work says nothing about the process.
    """
    try:
        session = os.getsid(process.pid)
        return [process, *takewhile(lambda p: p.pid > 1 and os.getsid(p.pid) == session, process.parents())]
    except GONE:
        return [process]
