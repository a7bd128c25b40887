"""What a command does where no watcher can be asked: look and plan like one, load and remember nothing."""

import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from router import status
from router.caddy.addresses import admin_address
from router.caddy.record import recorded
from router.document import Document
from router.model import Problem, Repository
from router.observe import git, survey
from router.observe.listeners import Listeners
from router.processes import left_over
from router.routes.plan import Plan, plan
from router.servers import shown
from router.settings import Mode, Settings
from router.sleep import shown as sleep
from router.status import CaddyStatus, Frame, WatcherStatus
from router.store import Store


def repositories(store: Store, cwd: Path) -> tuple[str, ...]:
    """Return the repositories in question: those joined, else that of the current directory."""
    return store.memory().repositories or (str(git.common_dir(cwd)),)


def would_route(
    settings: Settings, store: Store, commons: Iterable[str], *, listeners: Listeners | None = None
) -> tuple[Plan, tuple[Repository, ...]]:
    """Return the plan that a watcher would make now. Nothing is loaded and nothing remembered.

    `listeners` are those of whoever looks often.
    """
    found = survey.repositories(dict.fromkeys(commons), state=store.directory)
    heard = (listeners or Listeners()).scan(survey.roots(found))
    return plan(survey.observed(found, heard, reserved=settings.reserved), store.memory()), found


def without_watcher(settings: Settings, store: Store, commons: Iterable[str]) -> Document:
    """Return the status document of what would be routed, with the problem that no watcher runs."""
    return document(settings, store, *would_route(settings, store, commons))


def document(settings: Settings, store: Store, planned: Plan, found: tuple[Repository, ...]) -> Document:
    """Return the status document of a plan, with the problem that no watcher runs."""
    down = Problem("watcher-down", "no watcher runs; this is what would be routed", "run `router up`")
    left, now = left_over.find(store.memory(), least=settings.reap_memory), time.time()
    sleeping = sleep.states(planned.table, store, sleep.Known())
    frame = Frame(
        port=settings.port,
        redirect_uris=settings.redirect_uris,
        repositories=found,
        watcher=WatcherStatus(running=False),
        caddy=_caddy(settings, store),
        problems=(down, *left_over.problems(left, now=now)),
        orphans=left_over.entries(left, now=now),
        servers=sleep.asleep(shown.states(store), sleeping),
        sleep=sleeping,
    )
    return status.document(planned.table, frame)


def rendered(settings: Settings, store: Store, *, cwd: Path, sites: bool = False) -> str:
    """Return the Caddyfile of what would be routed now, for a Caddy that somebody else starts.

    With `sites` without its global options, to be imported into a Caddyfile that has its own.
    """
    from router.caddy import assets, caddyfile, modes  # here: Jinja and httpx, which nothing else of this needs
    from router.caddy.caddyfile import Endpoint

    planned, _ = would_route(settings, store, repositories(store, cwd))
    address = admin_address(settings, store)
    endpoint = Endpoint(f"{address}|0600" if address.startswith("unix/") else address)
    template = "sites.j2" if sites else "Caddyfile.j2"
    site = modes.site(settings, store, endpoint)
    return caddyfile.render(planned.table, site, templates=assets.templates(), name=template)


def _caddy(settings: Settings, store: Store) -> CaddyStatus:
    address = admin_address(settings, store)
    if settings.caddy == Mode.EMBEDDED:
        left = recorded(store.directory)
        if left is None:
            return CaddyStatus(running=False, mode=settings.caddy, admin=address)
        return CaddyStatus(running=True, mode=settings.caddy, admin=address, pid=left.process.pid, version=left.version)
    from router.caddy import modes

    with closing(modes.admin(settings, store)) as client:
        return CaddyStatus(running=client.answers(), mode=settings.caddy, admin=address)
