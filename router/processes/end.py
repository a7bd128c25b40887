"""Ends processes: SIGTERM, five seconds, SIGKILL; each is the very one that was looked at, or gets no signal."""

import signal
import time
from collections.abc import Callable, Sequence

from router import ps
from router.processes.ending import Ending, Left
from router.processes.look import Process
from router.text import shown
from router.values import dataclass

PATIENCE = 5.0
"""Seconds that a process has to end by itself, and the system to end one that was killed."""

NOT_ENDING = "it does not end"


@dataclass(frozen=True, slots=True)
class Ended:
    """What has ended, what of it only when it was killed, and what stays."""

    processes: tuple[Process, ...] = ()
    killed: tuple[Process, ...] = ()
    left: tuple[Left, ...] = ()


def end(begun: Ending, *, again: Callable[[], Ending], patience: float = PATIENCE) -> Ended:
    """End processes; `again` looks once more for what is left of them when they had `patience` seconds.

    Takes twice that at most, and only a moment where all of them end when asked to. Each signal is a line in the log.
    """
    if not begun.processes:
        return Ended(left=begun.left)
    for process in begun.processes:
        _send(process, signal.SIGTERM)
        if ps.stopped(process.id):
            ps.signal(process.id, signal.SIGCONT)  # it could not act on it
    _wait(begun.processes, patience)
    rest = again()
    for process in rest.processes:
        _send(process, signal.SIGKILL)
    _wait(rest.processes, patience)
    every = {process.id: process for process in (*begun.processes, *rest.processes)}
    stays = {identity for identity in every if ps.alive(identity)}
    why = {left.process.id: left.why for left in rest.left}
    return Ended(
        processes=tuple(each for identity, each in every.items() if identity not in stays),
        killed=tuple(each for each in rest.processes if each.id not in stays),
        left=(*begun.left, *(Left(every[each], why.get(each, NOT_ENDING)) for each in stays)),
    )


def _send(process: Process, number: signal.Signals) -> None:
    try:
        sent, refused = ps.signal(process.id, number), ""
    except OSError as exc:
        sent, refused = True, f": {exc.strerror}"
    if sent:
        import logging  # here: commands start without it

        called = process.program or "a process"
        log = logging.getLogger(__name__)
        log.info("%s to %s (pid %d) in %s%s", number.name, called, process.pid, shown(process.cwd), refused)


def _wait(processes: Sequence[Process], patience: float) -> None:
    """Wait until processes have ended, for at most `patience` seconds."""
    deadline = time.monotonic() + patience
    while any(ps.alive(each.id) for each in processes) and time.monotonic() < deadline:
        time.sleep(0.02)
