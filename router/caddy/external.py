"""A Caddy that the watcher does not run: somebody else's process or container, told by its admin API what to serve."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from router import files
from router.caddy.admin import Admin, Loaded, Served
from router.caddy.caddyfile import Site
from router.caddy.compose import Compose
from router.errors import CaddyError
from router.observe.listeners import Listeners
from router.values import replace

_EVERYWHERE = (":", "0.0.0.0", "[::]", "tcp/:", "tcp/0.0.0.0", "tcp/[::]")  # noqa: S104 - to warn of it
_PAUSE = 0.3  # seconds between two questions while it does not answer


class External:
    """Waits for such a Caddy, asks before it takes it, keeps its admin block, and leaves it running at the end.

    `wait` waits so many seconds and tells whether to go on; `say` takes lines for people. With `taken_over`, a file,
    what it serves of somebody else is saved there and replaced. With `compose` its container is started and stopped.
    """

    def __init__(
        self, admin: Admin, site: Site, *,
        say: Callable[[str], None], wait: Callable[[float], bool], taken_over: Path | None, compose: Compose | None,
    ) -> None:  # fmt: skip
        self._admin = admin
        self._site = site
        self._say = say
        self._wait = wait
        self._taken_over = taken_over
        self._compose = compose

    @property
    def site(self) -> Site:
        """The site, with the admin block that this Caddy had."""
        return self._site

    @property
    def facts(self) -> Mapping[str, Any]:
        """Whether it answered when it was last asked; nobody but its owner knows its process."""
        return {"running": self._admin.reachable, "pid": None, "version": None}

    def begin(self, listeners: Listeners, *, now: float) -> None:
        """Wait until it answers. ForeignCaddyError where it serves what is not to be replaced, FileError where that
        cannot be saved.
        """
        del listeners, now
        if self._compose:
            self._say("starting Caddy's container")
            self._compose.up()
        served = self._answer()
        if served is None:
            return
        self._site = replace(self._site, admin=served.endpoint)
        if served.endpoint.listen.startswith(_EVERYWHERE):
            self._say(
                f"warning: Caddy's admin API listens on {served.endpoint.listen}, open to others: bind it to 127.0.0.1"
            )
        if served.foreign and self._taken_over:
            self._take_over(served, self._taken_over)
        self._admin.check(served)

    def keep(self, *, now: float) -> bool:
        """Nothing: whether it answers and what it serves shows in the look for drift."""
        del now
        return False

    def load(self, text: str) -> Loaded:
        """Hand over a configuration."""
        return self._admin.load(text)

    def stop(self) -> None:
        """Stop its container, where the router started that; else it goes on serving the last routes."""
        if self._compose:
            self._compose.stop()
        elif self._admin.reachable:
            self._say(f"Caddy at {self._admin.address} goes on serving the last routes")

    def _answer(self) -> Served | None:
        told = False
        while True:
            try:
                return self._admin.served()
            except CaddyError as exc:
                if not told:
                    self._say(f"waiting for Caddy at {self._admin.address}: {exc.hint}")
                told = True
            if not self._wait(_PAUSE):
                return None

    def _take_over(self, served: Served, file: Path) -> None:
        files.write(file, served.text, mode=0o600)
        self._admin.take_over(served)
        self._say(f"saved what Caddy served in {file}; this restores it:\n  {restoring(self._admin.address, file)}")


def restoring(address: str, file: Path) -> str:
    """Return the command that hands a saved configuration back to the Caddy at an admin address."""
    socket = address.removeprefix("unix/")
    to = f"http://{address}/load" if socket == address else f"--unix-socket {shlex.quote(socket)} http://localhost/load"
    return f"curl -H 'Content-Type: application/json' --data-binary @{shlex.quote(str(file))} {to}"
