"""What the watcher asks of its Caddy, whoever runs it, and the supervision of the one that the router runs itself."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from router.caddy.admin import Admin, Loaded
from router.caddy.caddyfile import Site
from router.caddy.embedded import Embedded
from router.errors import CaddyError, PortTakenError
from router.observe.listeners import Listeners
from router.values import replace

PAUSES = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds from one start to the next, by the number of starts within the last minute."""
_RECENT = 60.0

log = logging.getLogger(__name__)


class Caddy(Protocol):
    """A Caddy as the watcher deals with it: started by it, by somebody else, or in a container."""

    @property
    def site(self) -> Site:
        """Where this Caddy listens and what it may read."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the status document says of it besides its configuration."""

    def begin(self, listeners: Listeners, *, now: float) -> None:
        """Get it ready to be loaded. RouterError where that cannot be."""

    def keep(self, *, now: float) -> bool:
        """Keep it running, and tell whether everything is to be loaded again. CaddyError while it is away."""

    def load(self, text: str) -> Loaded:
        """Hand it a configuration for its site, as `Admin.load` does."""

    def stop(self) -> None:
        """Leave nothing behind that the watcher started."""


class Supervisor:
    """Adopts or starts the embedded Caddy, keeps it running, and ends it."""

    def __init__(self, caddy: Embedded, site: Site, admin: Admin) -> None:
        self.caddy = caddy
        self._admin = admin
        self.restarts = 0
        self._site = site
        self._starts: tuple[float, ...] = ()

    @property
    def site(self) -> Site:
        """The site on the sockets that this Caddy was handed. Caddy refuses a load whose log files it cannot open."""
        site = replace(self._site, bind=self.caddy.bind, steered=self.caddy.steered)
        if site.log and not _can_be_written(Path(site.log)):
            site = replace(site, log=None)
        if site.access_log and not _can_be_written(Path(site.access_log)):
            site = replace(site, access_log="-")
        return site

    @property
    def facts(self) -> Mapping[str, Any]:
        """Its process, and whether its sockets are its own alone."""
        caddy = self.caddy
        return {"running": caddy.alive(), "pid": caddy.pid, "version": caddy.version,
                "adopted": caddy.adopted, "restarts": self.restarts, "steered": caddy.steered}  # fmt: skip

    def begin(self, listeners: Listeners, *, now: float) -> None:
        """Adopt the Caddy of a watcher that died, or start one. PortTakenError names who has the port."""
        if self.caddy.adopt():
            log.info("adopted Caddy, pid %s", self.caddy.pid)
            self.caddy.wake()
            return
        try:
            self.caddy.listen()
        except PortTakenError as exc:
            raise _with_holder(exc, self.caddy.port, listeners) from exc
        self._starts = (now,)
        self.caddy.start()

    def keep(self, *, now: float) -> bool:
        """Start Caddy again where it ended or lost its admin socket, and tell whether everything is to be loaded again.

        That is so after a start, and where a connection has come too late for the configuration before. A Caddy that
        was stopped is continued; its record is written again where it was lost. `now` is of the monotonic clock, in
        seconds. CaddyError while it is not yet time, or where it does not start.
        """
        if self.caddy.alive() and self.caddy.reachable():
            if self.caddy.wake():
                log.warning("Caddy was stopped and is continued")
            self.caddy.note()
            self.caddy.bound_output()
            return self._strands()
        self._expect_patience(now)
        log.warning("Caddy %s and is started again", "lost its admin socket" if self.caddy.alive() else "ended")
        self.caddy.end()
        self.caddy.start()
        return True

    def load(self, text: str) -> Loaded:
        """Hand over a configuration so that it cuts off nobody, where that can be."""
        return self.caddy.load(text, self._admin.load)

    def stop(self) -> None:
        """End Caddy and close the sockets."""
        self.caddy.stop()

    def _strands(self) -> bool:
        if strands := self.caddy.strands:
            log.info("a connection came too late for the last configuration; this one is loaded again for it")
        return strands

    def _expect_patience(self, now: float) -> None:
        recent = tuple(start for start in self._starts if now - start < _RECENT)
        pause = PAUSES[min(len(recent), len(PAUSES) - 1)]
        if recent and now - recent[-1] < pause:
            message = f"Caddy ended {len(recent)} times within a minute; it is started again after {pause:.0f} s"
            raise CaddyError(message, hint="see `router logs`")
        self._starts = (*recent, now)
        self.restarts += 1


def _can_be_written(file: Path) -> bool:
    """Tell whether a file can be opened for writing: its file system may be read-only, its directory gone."""
    return os.access(file if file.exists() else file.parent, os.W_OK)


def _with_holder(exc: PortTakenError, port: int, listeners: Listeners) -> PortTakenError:
    """Return the error with the process that has the port, where the system shows it."""
    by = next((each for each in listeners.scan(()) if each.port == port and each.pid), None)
    return PortTakenError(f"{exc.message} by {by.program} (pid {by.pid})", hint=exc.hint) if by else exc
