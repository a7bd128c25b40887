"""Two sets of sockets on one port: configurations take turns at them, so that a change of it cuts nobody off.

Both sets listen all the time. The next configuration takes the set at rest; once it accepts, the kernel is told to hand
new connections to that set, and the one before answers what has reached it.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TypeVar

from router.caddy.listening import Sets, hand_connections_to, is_waited_at
from router.errors import LoadRefusedError

_LOOK = 0.001  # seconds between two looks whether a configuration accepts

Result = TypeVar("Result")


class Steering:
    """The turns at the sets of one Caddy; a socket whose path begins with `ready` tells when one accepts."""

    def __init__(self, sets: Sets, *, ready: Path) -> None:
        self._sets = sets
        self._ready = ready
        self._turn: int | None = len(sets) - 1  # the last one, so that the first set is the first to be taken

    @property
    def takes_turns(self) -> bool:
        """Whether there are two sets."""
        return len(self._sets) > 1

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The file descriptors of all the sockets."""
        return tuple(sock.fileno() for sock in chain(*self._sets))

    @property
    def bind(self) -> tuple[str, ...]:
        """Caddy's names of all the sockets."""
        return tuple(f"fd/{each}" for each in self.descriptors)

    @property
    def strands(self) -> bool:
        """Whether a connection waits at the set at rest: it came too late for the configuration that left that."""
        if self._turn is None or not self.takes_turns:
            return False
        return any(is_waited_at(sock) for sock in self._sets[1 - self._turn])

    def begin_anew(self) -> None:
        """Have the configuration of another Caddy take all sets: it serves whoever waits at any of them."""
        self._turn = None
        self.clear()

    def clear(self) -> None:
        """Remove what a Caddy that was killed has left: it would say at once that the next one accepts."""
        for turn in range(len(self._sets)):
            self._ready_of(turn).unlink(missing_ok=True)

    def load(self, post: Callable[[tuple[str, ...]], Result]) -> Result:
        """Have a configuration loaded by `post`, which is given what it is to listen on; return what that returns.

        After a load of which nobody knows what has become, the next one has all sets. What `post` raises is passed on;
        after a LoadRefusedError everything is as it was.
        """
        before, self._turn = self._turn, None
        if before is None or not self.takes_turns:
            result, self._turn = post(self.bind), 0
            return result
        following = 1 - before
        result = self._change(post, before, following)
        self._turn = following
        return result

    def _change(self, post: Callable[[tuple[str, ...]], Result], before: int, following: int) -> Result:
        """Have a configuration loaded that takes the set at rest; give new connections to it once it accepts."""
        ready = self._ready_of(following)
        try:
            with self._handing_over(following, ready):
                result = post((*(f"fd/{sock.fileno()}" for sock in self._sets[following]), f"unix/{ready}|0600"))
        except LoadRefusedError:
            hand_connections_to(self._sets, before)
            self._turn = before
            raise
        hand_connections_to(self._sets, following)
        return result

    def close(self) -> None:
        """Close the sockets here; Caddy keeps its own."""
        for sock in chain(*self._sets):
            sock.close()

    def _ready_of(self, turn: int) -> Path:
        return self._ready.with_name(f"{self._ready.name}-{turn}")

    @contextlib.contextmanager
    def _handing_over(self, turn: int, ready: Path) -> Iterator[None]:
        """Give new connections to a set as soon as its socket is there, while the body runs."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(_LOOK):
                if ready.exists():
                    hand_connections_to(self._sets, turn)
                    return

        looking = threading.Thread(target=look, name="steering", daemon=True)
        looking.start()
        try:
            yield
        finally:
            over.set()
            looking.join()
