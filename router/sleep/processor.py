"""Whether servers work though nobody seems to use them: by the processor time that they used lately."""

from collections import deque
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from router.ps import ProcessId
from router.values import dataclass, field

SHARE = 0.05
"""Of one processor: less than that is a server that waits, and looks now and then whether a file has changed."""
_WITHIN = 60.0  # seconds over which that is taken

K = TypeVar("K", bound=Hashable)
Times = Mapping[ProcessId, float]
"""The processor time of each process, in seconds."""


@dataclass(slots=True)
class _Spent:
    times: Times
    looked: float
    lately: deque[tuple[float, float]] = field(default_factory=deque)
    last: float | None = None


class Processor(Generic[K]):
    """The processor time of groups of processes, from one look to the next."""

    def __init__(self) -> None:
        self._spent: dict[K, _Spent] = {}

    def look(self, groups: Mapping[K, Times], *, within: Mapping[K, float], now: float) -> Mapping[K, float]:
        """Return when each group was last seen to work, where it was.

        `within` is over how many seconds at most that is taken for a group; `now` is in seconds of the same clock.
        """
        for key, times in groups.items():
            if known := self._spent.get(key):
                _add(known, times, now, min(_WITHIN, within[key]))
        self._spent = {key: self._spent.get(key) or _Spent(times, now) for key, times in groups.items()}
        return {key: each.last for key, each in self._spent.items() if each.last is not None}


def _add(known: _Spent, times: Times, now: float, within: float) -> None:
    spent = sum(max(0.0, used - known.times.get(process, 0.0)) for process, used in times.items())
    passed = now - known.looked
    known.times, known.looked = times, now
    known.lately.append((now, spent))
    while known.lately[0][0] <= now - within:
        known.lately.popleft()
    if spent > SHARE * passed and sum(each for _, each in known.lately) > SHARE * within:
        known.last = now
