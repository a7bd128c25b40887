"""The processes that hold a socket: what each is called, and where it and its ancestors work."""

from collections.abc import Sequence

from router.observe.patient_files import PatientFiles
from router.observe.programs import program
from router.observe.sockets import Holder


def holder(
    pid: int, argv: tuple[str, ...], parent: int, *, chain: Sequence[str], here: str, files: PatientFiles
) -> Holder:
    """Return a process as a holder of sockets.

    `chain` are the working directories of the process and of its ancestors in the same session, empty where there is
    none any more; `here` is its own as it stands in the system's table.
    """
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
