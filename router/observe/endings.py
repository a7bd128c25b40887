"""The moments when a worktree's server stops to listen, and when its port is taken again: neither waits for a look."""

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Iterable

from router.model import Listener
from router.observe import sock_diag
from router.observe.sock_diag import Closings

PACE = ((2.0, 5), (10.0, 10), (60.0, 30), (600.0, 100))
"""Until how many seconds after its server's end a port is looked at, and after how many milliseconds again."""


class Endings:
    """Calls `on_change` when a server of a worktree has stopped to listen, and when its port is taken again.

    Requests for the worktree go to that port until Caddy has other routes, whoever listens there. The kernel says
    when a socket is closed, but not when one begins to listen: a port that has become free is looked at in short
    intervals for a while, in a thread of its own. Without such a kernel nothing is called.
    """

    def __init__(
        self,
        on_change: Callable[[], None],
        *,
        listening: Callable[[], Iterable[tuple[int, sock_diag.Bound]]] = sock_diag.listening,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_change = on_change
        self._listening = listening
        self._clock = clock
        self._lock = threading.Lock()
        self._followed: frozenset[int] = frozenset()
        self._free: dict[int, float] = {}  # since when
        self._closings: Closings | None = None
        self._poke = (-1, -1)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to wait for the kernel's word, where it gives any."""
        with contextlib.suppress(OSError, AttributeError):  # AttributeError: no netlink on macOS
            self._closings = Closings.open()
            self._poke = os.pipe()
            self._thread = threading.Thread(target=self._run, daemon=True, name="endings")
            self._thread.start()

    def close(self) -> None:
        """Wait no more."""
        if self._thread:
            os.close(self._poke[1])
            self._thread.join(2)

    def follow(self, listeners: Iterable[Listener]) -> None:
        """Follow the servers of worktrees among these listeners; the port of one that is gone, until it is taken."""
        ports = frozenset(each.port for each in listeners if each.worktree)
        with self._lock:
            gone, self._followed = self._followed - ports, ports
            for port in ports:
                self._free.pop(port, None)
            for port in gone:
                self._free.setdefault(port, self._clock())
        if gone and self._thread:
            os.write(self._poke[1], b".")

    def _run(self) -> None:
        assert self._closings  # noqa: S101 - opened by `start`
        poke = self._poke[0]
        waiting = select.poll()  # not select.select: that takes no descriptor above 1023
        waiting.register(self._closings, select.POLLIN)
        waiting.register(poke, select.POLLIN)
        with contextlib.closing(self._closings) as closings:
            while poke not in (ready := dict(waiting.poll(self._pause()))) or os.read(poke, 4096):
                ended = closings.fileno() in ready and self._has_ended(closings)
                if ended or self._is_taken():
                    self._on_change()
        os.close(poke)

    def _pause(self) -> float | None:
        """Return for how many milliseconds to wait for the kernel's word, None for ever."""
        with self._lock:
            now = self._clock()
            self._free = {port: since for port, since in self._free.items() if now - since < PACE[-1][0]}
            ages = [now - since for since in self._free.values()]
        return next(pause for limit, pause in PACE if min(ages) < limit) if ages else None

    def _has_ended(self, closings: Closings) -> bool:
        try:
            closed = closings.ports()
        except OSError:  # the kernel had no room for all of it
            return True
        with self._lock:
            ended = closed & self._followed
            self._free |= dict.fromkeys(ended, self._clock())
        return bool(ended)

    def _is_taken(self) -> bool:
        with self._lock:
            free = set(self._free)
        if not free:
            return False
        try:
            taken = free & {bound.port for _, bound in self._listening()}
        except OSError:
            return False
        with self._lock:
            for port in taken:
                self._free.pop(port, None)
        return bool(taken)
