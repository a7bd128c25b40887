"""The connections that the router itself makes to servers: nobody's visits."""

import time
from collections.abc import Callable

_KEPT = 300.0  # seconds: a connection takes ten at most, and the kernel remembers it for a minute more


class OwnConnections:
    """Which connections were the router's own, for as long as the kernel knows of them."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[tuple[int, int], float] = {}

    def add(self, client_port: int, port: int) -> None:
        """Take note of a connection that is being made, by the two ports it is between."""
        now = self._clock()
        for known in [each for each, until in list(self._until.items()) if until < now]:
            self._until.pop(known, None)
        self._until[client_port, port] = now + _KEPT

    def has(self, client_port: int, port: int) -> bool:
        """Tell whether a connection is the router's own."""
        return self._until.get((client_port, port), float("-inf")) >= self._clock()
