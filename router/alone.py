"""What a command does where no watcher can be asked: look and plan like one, load and remember nothing."""

from collections.abc import Iterable
from pathlib import Path

from router import assets, caddyfile, git, survey, view
from router.caddyfile import Site
from router.embedded import recorded
from router.listeners import Listeners
from router.model import Problem, Repository
from router.plan import Plan, plan
from router.settings import Settings
from router.store import Store
from router.view import Frame


def repositories(store: Store, cwd: Path) -> tuple[str, ...]:
    """Return the repositories in question: those joined, else that of the current directory."""
    return store.memory().repositories or (str(git.common_dir(cwd)),)


def would_route(settings: Settings, store: Store, commons: Iterable[str]) -> tuple[Plan, tuple[Repository, ...]]:
    """Return the plan that a watcher would make now. Nothing is loaded and nothing remembered."""
    found = survey.repositories(dict.fromkeys(commons))
    listeners = Listeners().scan(survey.roots(found))
    return plan(survey.observed(found, listeners, reserved=settings.reserved), store.memory()), found


def without_watcher(settings: Settings, store: Store, commons: Iterable[str]) -> view.Document:
    """Return the status document of what would be routed, with the problem that no watcher runs."""
    planned, found = would_route(settings, store, commons)
    caddy = recorded(store.directory)
    down = Problem("watcher-down", "no watcher runs; this is what would be routed", "run `router up`")
    frame = Frame(
        port=settings.port,
        redirect_uris=settings.redirect_uris,
        repositories=found,
        watcher={"running": False, "pid": None, "since": None},
        caddy={"running": caddy is not None, "pid": caddy.pid if caddy else None, "mode": settings.caddy},
        problems=(down,),
    )
    return view.document(planned.table, frame)


def rendered(settings: Settings, store: Store, *, cwd: Path) -> str:
    """Return the Caddyfile of what would be routed now, for a Caddy that somebody else starts."""
    planned, _ = would_route(settings, store, repositories(store, cwd))
    site = Site(
        port=settings.port,
        bind=("127.0.0.1", "::1"),
        admin=f"unix/{store.socket}|0600",
        pages=str(assets.pages()),
        status=str(store.site),
        callback_target=settings.callback_target,
        callback_paths=settings.callback_paths,
    )
    return caddyfile.render(planned.table, site, templates=assets.templates())
