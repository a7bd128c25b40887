"""The route table as a Caddyfile: only labels, ports and checked paths ever reach it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinja2 import DictLoader, Environment, StrictUndefined

from router import callback
from router.errors import SettingsError
from router.model import Route, RouteTable, Service
from router.naming import origin

MARK = "# Made by worktree-router from the route table; changes here are overwritten."


@dataclass(frozen=True, slots=True)
class Site:
    """Where Caddy listens and what it may read.

    `bind` holds Caddy's listener addresses: literal IPs, or `fd/N` for sockets handed over. `admin` is its admin
    address. `pages` is the folder of static pages, `status` the folder that the watcher writes `status.json` to,
    `log` the file of Caddy's own log (None: standard error). `upstream_host` replaces the loopback address of
    every upstream where Caddy runs elsewhere than the servers.
    """

    port: int
    bind: tuple[str, ...]
    admin: str
    pages: str
    status: str
    log: str | None = None
    upstream_host: str | None = None
    callback_target: str = "host"
    callback_paths: tuple[str, ...] = ("/auth/callback",)


@dataclass(frozen=True, slots=True)
class Upstream:
    """One line of the map: the name that leads there, the address to dial and where the port came from.

    `host` is the service's own host, where a callback for this name is sent; `page` is the worktree's label,
    `service` the service's name.
    """

    key: str
    dial: str
    source: str
    page: str
    service: str
    host: str
    web_port: int
    tls: bool


def render(table: RouteTable, site: Site, *, templates: Mapping[str, str]) -> str:
    """Return the Caddyfile of a route table, `caddy fmt`-clean, the same bytes for the same input.

    `templates` maps file names to template text and has `Caddyfile.j2`. Raises SettingsError where a path of
    `site` cannot be written into a Caddyfile.
    """
    environment = Environment(
        loader=DictLoader(dict(templates)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the output is no HTML; see quoted() and the types of Upstream
    )
    environment.filters["quoted"] = quoted
    upstreams = sorted(_upstreams(table, site), key=lambda u: u.key)
    paths = sorted({*site.callback_paths, *table.callback_paths})
    return environment.get_template("Caddyfile.j2").render(
        mark=MARK,
        site=site,
        origin=origin("localhost", site.port),
        suffix=origin("", site.port).removeprefix("http://"),
        upstreams=upstreams,
        services=sorted({s.name for r in table.routes for s in r.services if s.name != "web"}),
        names=[route.name for route in table.routes],
        any_tls=any(u.tls for u in upstreams),
        places=sorted(callback.places(table, port=site.port, target=site.callback_target).items()),
        callback_paths=paths,
        callback_pattern=callback.path_pattern(paths),
        label=callback.LABEL,
        state_name=callback.STATE,
        redirect_uri_pattern=callback.redirect_uri_pattern(origin("localhost", site.port), paths),
    )


def quoted(path: str) -> str:
    """Return a path as one quoted Caddyfile token; SettingsError where Caddy would read more than a path into it."""
    if not path.isprintable() or set(path) & set('"\\`{}'):
        raise SettingsError(
            f"the path {path!r} cannot be written into a Caddyfile",
            hint="choose a path without quotes, backslashes, braces and control characters (ROUTER_STATE_DIR)",
        )
    return f'"{path}"'


def _upstreams(table: RouteTable, site: Site) -> Iterator[Upstream]:
    for route in table.routes:
        web = route.services[0]
        for name in route.names:
            yield _upstream(route, name, web, key=name, site=site)
            for service in route.services[1:]:
                yield _upstream(route, name, service, key=f"{name}--{service.name}", site=site)


def _upstream(route: Route, name: str, service: Service, *, key: str, site: Site) -> Upstream:
    address = site.upstream_host or service.address
    host = f"[{address}]" if ":" in address else address
    return Upstream(
        key=key,
        dial=f"{host}:{service.port}",
        source=service.source,
        page=route.name,
        service=service.name,
        host=f"{name}.localhost" if service.name == "web" else f"{service.name}.{name}.localhost",
        web_port=route.services[0].port,
        tls=service.tls,
    )
