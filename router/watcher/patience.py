"""Waiting for another process for as long as it shows signs of life: a machine under load is slow, not dead."""

import time
from collections.abc import Callable

from router import ps

LIMIT = 30.0  # seconds without a sign of life
LONGEST = 600.0  # seconds in all
_SIGN = 0.1  # seconds of processor time; a watcher at rest uses less within the limit


class Patience:
    """Patience with one process: it ends when that has done next to nothing for a while."""

    def __init__(
        self, pid: int, *, clock: Callable[[], float] = time.monotonic, spent: Callable[[int], float] = ps.cpu_time
    ) -> None:
        self._pid = pid
        self._clock = clock
        self._spent = spent
        self._end = clock() + LONGEST
        self._moment, self._used = clock(), spent(pid)

    def exhausted(self) -> bool:
        """Tell whether it is time to give up."""
        now = self._clock()
        if (used := self._spent(self._pid)) - self._used >= _SIGN:
            self._moment, self._used = now, used
        return now > min(self._moment + LIMIT, self._end)
