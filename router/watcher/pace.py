"""When the watcher looks next, and how often it may load: at once after a change, seldom at rest."""

import time
from collections.abc import Callable

from router.watcher.events import Wake, Woken

PROMPT = 0.001  # seconds that the first event after a time of quiet waits for others: those of one call
QUIET = 0.002  # seconds without an event that end a burst that goes on
BURST = 0.12  # seconds after which a burst that goes on is looked at all the same
FAST, SLOW = 0.03, 1.0  # seconds between two looks: right after a change, and at rest
SLOWING = 1.5  # from one look that found nothing to the next
SHARE = 12  # at rest a look may cost one part in so many of the time: a thousand worktrees are looked at less often
LOADS, LOADS_PER_SECOND = 20.0, 4.0  # how many may follow each other at once, and in the long run

Clock = Callable[[], float]


class Pace:
    """The pause before the next look, from `FAST` after a change to `SLOW` at rest."""

    def __init__(self, wake: Wake, *, clock: Clock = time.monotonic) -> None:
        self._wake = wake
        self._clock = clock
        self._pause = FAST
        self._cost = 0.0
        self._woken = float("-inf")

    def wait(self, *, until: Callable[[], bool]) -> None:
        """Wait for the next look: for an event and the end of its burst, or the pause. `until` ends a burst's wait.

        The first event after a time of quiet is looked at at once, whatever follows: most are changes by themselves,
        and of those of a program that is still at work one look costs little.
        """
        woken = self._wake.wait(self._pause)
        if woken is Woken.NOT:
            self._pause = min(self._pause * SLOWING, max(SLOW, SHARE * self._cost))
            return
        now = self._clock()
        goes_on, self._woken = now - self._woken < BURST, now
        quiet, end = (QUIET, now + BURST) if goes_on else (PROMPT, now + QUIET)
        while not until() and self._clock() < end and (more := self._wake.wait(quiet)):
            woken = max(woken, more)
        if woken is Woken.CHANGE:
            self._pause = FAST

    def hurry(self) -> None:
        """Look again soon: something has changed."""
        self._pause = FAST

    def looked(self, seconds: float) -> None:
        """Take note of what a look has cost, in seconds of the processor."""
        self._cost = seconds


class Timer:
    """Something that is due at a fixed interval, the first time at once."""

    def __init__(self, interval: float, *, clock: Clock = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._next = clock()

    def due(self) -> bool:
        """Tell whether it is time; then the next time is an interval away."""
        if self._clock() < self._next:
            return False
        self.restart()
        return True

    def restart(self) -> None:
        """Count the interval from now."""
        self._next = self._clock() + self._interval


class Allowance:
    """How many loads may follow now: a file that changes many times a second must not keep Caddy loading."""

    def __init__(
        self, most: float = LOADS, *, per_second: float = LOADS_PER_SECOND, clock: Clock = time.monotonic
    ) -> None:
        self._most = most
        self._per_second = per_second
        self._clock = clock
        self._left = most
        self._when = clock()

    def left(self) -> bool:
        """Tell whether one more load may follow now."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._when) * self._per_second)
        self._when = now
        return self._left >= 1

    def spend(self, loads: int) -> None:
        """Take note of loads that were made."""
        self._left -= loads
