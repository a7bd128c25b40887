"""What the three ways to run Caddy differ in: its admin address, where it listens, what it sees, who supervises it."""

import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from router.caddy import assets, embedded, record
from router.caddy.addresses import admin_address
from router.caddy.admin import Admin
from router.caddy.caddyfile import Endpoint, Site
from router.caddy.compose import Compose
from router.caddy.embedded import Embedded
from router.caddy.external import External
from router.caddy.supervisor import Caddy, Supervisor
from router.errors import SettingsError, UsageError
from router.settings import Mode, Settings
from router.store import Store
from router.values import replace

_INSIDE = Path("/srv/worktree-router")  # where docker-compose.yml mounts pages and status.json
_START_IT = "start it with `docker compose up -d caddy`, or name another admin address with ROUTER_ADMIN"


def admin(settings: Settings, store: Store) -> Admin:
    """Return a client of the admin API of the Caddy in question."""
    address = admin_address(settings, store)
    return Admin(address) if settings.caddy == Mode.EMBEDDED else Admin(address, guarded=True, hint=_START_IT)


def live_socket(store: Store) -> Path:
    """Return where the watcher answers the dashboard: a socket beside the admin socket."""
    return store.socket.with_name("live.sock")


def caddy(
    settings: Settings, store: Store, client: Admin, *,
    say: Callable[[str], None], wait: Callable[[float], bool], take_over: bool,
) -> Caddy:  # fmt: skip
    """Return the Caddy of a watcher."""
    if settings.caddy == Mode.EMBEDDED:
        if take_over:
            raise UsageError(
                "--take-over is for a Caddy that somebody else runs", hint="use it with `--caddy external`"
            )
        endpoint = Endpoint(f"{client.address}|0600")
        process = Embedded(
            directory=store.directory,
            admin=endpoint.listen,
            socket_path=store.socket,
            log_file=store.caddy_log,
            port=settings.port,
            version=embedded.version(),
        )
        return Supervisor(process, replace(site(settings, store, endpoint), log=str(store.caddy_log)), client)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return External(
        client,
        site(settings, store, Endpoint(client.address)),
        say=say,
        wait=wait,
        taken_over=store.directory / f"taken-over-{moment}.json" if take_over else None,
        compose=compose(settings, store) if settings.caddy == Mode.COMPOSE else None,
    )


def end_left(settings: Settings, store: Store) -> bool:
    """End the Caddy that a watcher which was killed has left, where it was the router's own; False where none ran."""
    if settings.caddy == Mode.COMPOSE:
        with closing(admin(settings, store)) as client:
            runs = client.answers()
        if runs:
            compose(settings, store).stop()
        return runs
    return record.end_all(store.directory, store.socket)


def site(settings: Settings, store: Store, endpoint: Endpoint) -> Site:
    """Return the site as a Caddy on this machine serves it, or one in the container of docker-compose.yml."""
    own = settings.caddy == Mode.EMBEDDED
    plain = Site(
        port=settings.port,
        bind=("127.0.0.1", "::1"),
        admin=endpoint,
        pages=str(assets.pages()),
        status=str(store.site),
        access_log=(str(store.access_log) if own else "-") if settings.access_log else None,
        persist=not own,
        callback_target=settings.callback_target,
        callback_paths=settings.callback_paths,
        live=str(live_socket(store)) if own else None,
    )
    if not settings.contained:
        return plain
    return replace(plain, bind=("0.0.0.0",), pages=f"{_INSIDE}/pages", status=f"{_INSIDE}/site",  # noqa: S104 - of the container
                   upstream_host=settings.upstream)  # fmt: skip


def compose(settings: Settings, store: Store) -> Compose:
    """Return the container that `docker-compose.yml` describes, as these settings want it.

    SettingsError where its admin API cannot be where they say: in the host's network it is at the private socket.
    """
    address = admin_address(settings, store)
    by_socket = address == f"unix/{store.run / 'caddy.sock'}"
    if not by_socket and (address.startswith("unix/") or not settings.contained):
        raise SettingsError(
            f"{address} cannot be the admin API of this container", hint="leave ROUTER_ADMIN out with `--caddy compose`"
        )
    names = ["docker-compose.yml"]
    if by_socket:
        names.append("caddy/compose.socket.yml")
    if not settings.contained:
        names.append("caddy/compose.host.yml")
    store.prepare_run()
    variables = {
        "ROUTER_ADMIN_PORT": "" if by_socket else address.rpartition(":")[2],
        "ROUTER_PORT": str(settings.port),
        "ROUTER_STATE_DIR": str(store.directory),
        "ROUTER_RUN_DIR": str(store.run),
        "ROUTER_PAGES": str(assets.pages()),
        "ROUTER_UID": str(os.getuid()),
        "ROUTER_GID": str(os.getgid()),
    }
    return Compose([assets.compose_file(name) for name in names], variables)
