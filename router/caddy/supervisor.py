"""The Caddy of a watcher, whoever runs it: one process of our own, kept running, or one that somebody else runs."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from router.caddy.caddyfile import Site
from router.caddy.embedded import Embedded
from router.errors import CaddyError, PortTakenError
from router.observe.listeners import Listeners

PATIENCE = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds from one start to the next, by the number of starts within the last minute."""
_RECENT = 60.0

log = logging.getLogger(__name__)


class Caddy(Protocol):
    """What a watcher wants of its Caddy, whoever runs it."""

    @property
    def site(self) -> Site:
        """Where this Caddy listens and what it may read, as of now."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the status document says of it."""

    def begin(self, listeners: Listeners, *, now: float) -> None:
        """Have it run and answer. CaddyError or PortTakenError where that cannot be."""

    def keep(self, *, now: float) -> bool:
        """Have it go on running, and tell whether it is empty as it was just started. CaddyError where it is not."""

    def begin_anew(self) -> None:
        """Forget the one there was: the state directory was removed."""

    def stop(self) -> None:
        """End it, where it is the watcher's to end."""


class Supervisor:
    """The one that starts a Caddy, at once the first times, with growing patience where it keeps ending."""

    def __init__(self, caddy: Embedded, site: Site) -> None:
        self.caddy = caddy
        self.restarts = 0
        self._site = site
        self._starts: tuple[float, ...] = ()

    @property
    def site(self) -> Site:
        """The site on the sockets that this Caddy was handed."""
        return replace(self._site, bind=self.caddy.bind)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Its process, and whether its sockets are its own alone."""
        caddy = self.caddy
        return {"running": caddy.alive(), "pid": caddy.pid, "version": caddy.version,
                "adopted": caddy.adopted, "restarts": self.restarts}  # fmt: skip

    def begin(self, listeners: Listeners, *, now: float) -> None:
        """Adopt the Caddy of a watcher that died, or start one. PortTakenError names who has the port."""
        if self.caddy.adopt():
            log.info("adopted Caddy, pid %s", self.caddy.pid)
            return
        try:
            self.caddy.listen()
        except PortTakenError as exc:
            raise _named(exc, self.caddy.port, listeners) from exc
        self._starts = (now,)
        self.caddy.start()

    def keep(self, *, now: float) -> bool:
        """Start Caddy again where it ended, and tell whether that was so: it is empty then.

        `now` is of the monotonic clock, in seconds. CaddyError while it is not yet time, or where it does not start.
        """
        if self.caddy.alive():
            return False
        recent = tuple(start for start in self._starts if now - start < _RECENT)
        patience = PATIENCE[min(len(recent), len(PATIENCE) - 1)]
        if recent and now - recent[-1] < patience:
            message = f"Caddy ended {len(recent)} times within a minute; it is started again after {patience:.0f} s"
            raise CaddyError(message, hint="see `router logs`")
        self._starts = (*recent, now)
        self.restarts += 1
        log.warning("Caddy ended and is started again")
        self.caddy.start()
        return True

    def begin_anew(self) -> None:
        """End the Caddy whose admin socket and record are gone."""
        self.caddy.end()

    def stop(self) -> None:
        """End Caddy and close the sockets."""
        self.caddy.stop()


def _named(exc: PortTakenError, port: int, listeners: Listeners) -> PortTakenError:
    """Return the error with the process that has the port, where the system tells."""
    by = next((each for each in listeners.scan(()) if each.port == port and each.pid), None)
    return PortTakenError(f"{exc.message} by {by.program} (pid {by.pid})", hint=exc.hint) if by else exc
