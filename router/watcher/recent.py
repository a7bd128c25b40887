"""Which worktrees somebody used last: the order in which the owner of a sign-in is searched, as a file for Caddy."""

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from router.errors import StoreError
from router.naming import host_forms
from router.observe.traffic import Traffic
from router.route_table import Route, RouteTable, Service
from router.store import Store

WITHIN = 900.0
"""Seconds: who was used longer ago has hardly begun a sign-in that ends now."""
_PAUSE = 1.0

Used = Mapping[int, float]
"""When a port was last used, in seconds of one clock."""


class Recent:
    """Looks each second who was used, and writes the order where it changed.

    `own` tells whether a connection is the router's own, by its two ports. The file is `recent.json` of the site.
    """

    def __init__(self, store: Store, own: Callable[[int, int], bool]) -> None:
        self._store = store
        self._file = _file(store)
        self._traffic = Traffic(own, at_once=True)
        self._table = RouteTable()
        self._written: object = None
        self._over = threading.Event()

    def start(self) -> None:
        """Begin to look. On macOS nobody can tell: the page then asks the worktrees as they stand."""
        if sys.platform == "linux":
            threading.Thread(target=self._run, name="recent", daemon=True).start()

    def about(self, table: RouteTable) -> None:
        """Take over what is routed by now. Waits for nothing."""
        self._table = table

    def close(self) -> None:
        """Look no more, and remove what only a running watcher can say."""
        self._over.set()
        with suppress(OSError):
            self._file.unlink()

    def _run(self) -> None:
        while not self._over.wait(_PAUSE):
            try:
                self._look(time.monotonic())
            except (OSError, StoreError) as exc:
                import logging  # here: commands start without it

                logging.getLogger(__name__).debug("who was used last cannot be told: %s", exc)

    def _look(self, now: float) -> None:
        table = self._table
        ports = {each.port for route in table.routes for each in route.services if _answers(each)}
        used = {port: use.came for port, use in self._traffic.look(ports, now=now).items() if now - use.came < WITHIN}
        found = order(table, used)
        if found != self._written or not self._file.exists():
            self._store.write(self._file, json.dumps({"recent": found}))
            self._written = found


def written(store: Store) -> tuple[tuple[str, ...], ...] | None:
    """Return the order that was written last, None where there is none."""
    try:
        found = json.loads(store.read(_file(store)) or "{}")
        return tuple(tuple(map(str, site)) for site in found["recent"])
    except (ValueError, KeyError, TypeError):
        return None


def _file(store: Store) -> Path:
    return store.site / "recent.json"


def order(table: RouteTable, used: Used) -> list[list[str]]:
    """Return the sites that were used, the most recent first, each as its host and the hosts of its services.

    A host is written without `.localhost`. Hosts of a site share their storage with the page of its first one, so one
    visit asks them all. First come the worktrees' own, then their aliases and the hosts of a single label.
    """
    lately = sorted(((_last(route, used), route) for route in table.routes), key=lambda each: -each[0])
    routes = [route for at, route in lately if at > 0]
    own = [_site(route, route.name, used) for route in routes]
    others = [site for route in routes for site in _others(route, used)]
    return own + others


def _answers(service: Service) -> bool:
    """Tell whether a service could take the answer to a sign-in, now or when that wakes it."""
    return not service.blocked and (service.up or service.wakes is not None)


def _last(route: Route, used: Used) -> float:
    return max((used[each.port] for each in route.services if _answers(each) and each.port in used), default=0.0)


def _services(route: Route, used: Used) -> list[str]:
    return [each.name for each in route.services if each.name != "web" and _answers(each) and each.port in used]


def _site(route: Route, name: str, used: Used) -> list[str]:
    return [name, *(_host(service, name, form=0) for service in _services(route, used))]


def _others(route: Route, used: Used) -> list[list[str]]:
    aliases = [name for name in route.names if name != route.name]
    single = [[_host(service, name, form=1)] for name in route.names for service in _services(route, used)]
    return [*(_site(route, name, used) for name in aliases), *single]


def _host(service: str, name: str, *, form: int) -> str:
    return host_forms(service)[form].host_of(name).removesuffix(".localhost")
