"""The route table as a Caddyfile: only labels, ports and checked paths ever reach it."""

import functools
from collections.abc import Iterator, Mapping, Sequence

from jinja2 import DictLoader, Environment, StrictUndefined, Template

from router.caddy import assets, sign_in
from router.errors import SettingsError
from router.naming import origin, service_host
from router.route_table import Route, RouteTable, Service
from router.status import source_text
from router.text import host_port
from router.values import dataclass

MARK = "# Made by worktree-router from the route table; changes here are overwritten."


MARK_LOG = "worktree-router"
"""The name of a log that nothing is written to: the mark that stays in what Caddy makes of the text."""
DRAIN = 100
"""Milliseconds that a configuration goes on once another has taken its connections, until what has reached it is being
answered: enough where ten programs wait for each processor. Caddy takes no other configuration meanwhile."""
BLOCKED = "127.0.0.1:0"
"""Where a blocked service is: nobody can listen on port 0, so that dialling it fails at once."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where Caddy's admin API listens, as Caddy writes it (`unix//path|0600`, `host:port`), and for which origins."""

    listen: str
    origins: tuple[str, ...] = ()
    enforce_origin: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """Where Caddy listens and what it may read.

    `bind` holds Caddy's listener addresses: literal IPs, or `fd/N` for sockets handed over. `admin` is where its
    admin API is. `pages` is the folder of static pages, `status` the folder that the watcher writes `status.json` to,
    `log` the file of Caddy's own log (None: standard error), `access_log` that of every request (None: not written,
    `-`: standard error). `upstream_host` replaces the loopback address of every upstream where Caddy runs elsewhere
    than the servers. `persist` is whether Caddy saves what it is given, to begin with it when it starts again. `live`
    is the socket at which the watcher answers the dashboard (None: Caddy cannot reach it). `steered` is whether its
    configurations take turns at the sockets of `bind`.
    """

    port: int
    bind: tuple[str, ...]
    admin: Endpoint
    pages: str
    status: str
    log: str | None = None
    access_log: str | None = None
    upstream_host: str | None = None
    persist: bool = False
    callback_target: str = "host"
    callback_paths: tuple[str, ...] = ("/auth/callback",)
    live: str | None = None
    steered: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a service of a worktree is, and who says so; both empty where the worktree has no such service."""

    dial: str
    source: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the route table: a name, the label of its worktree, and a cell for each service of the table.

    `mounts` is the key of the services that have a path on the worktree's own host, empty where none has.
    """

    name: str
    page: str
    cells: tuple[Cell, ...]
    mounts: str


@dataclass(frozen=True, slots=True)
class Mount:
    """A path that leads to a service on the worktree's own host; `sets` are the keys of the rows that have it."""

    path: str
    strip: bool
    service: int
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A service that a visit wakes: where it is as the route table has it, and `<label>/<service>` for the watcher."""

    dial: str
    key: str


def render(table: RouteTable, site: Site, *, templates: Mapping[str, str], name: str = "Caddyfile.j2") -> str:
    """Return the Caddyfile of a route table, `caddy fmt`-clean, the same bytes for the same input.

    `templates` is that of `assets.templates`; `name` is the one of the whole: `Caddyfile.j2`, or `sites.j2` for the
    sites alone. Raises SettingsError where a path of `site` cannot be written into a Caddyfile.
    """
    services = ["web", *sorted({s.name for r in table.routes for s in r.services if s.name != "web"})]
    return _compiled(tuple(sorted(templates.items())), name).render(
        mark=MARK,
        mark_log=MARK_LOG,
        drain=DRAIN,
        site=site,
        origin=origin("localhost", site.port),
        suffix=origin("", site.port).removeprefix("http://"),
        services=services,
        rows=sorted(_rows(table, services, site), key=lambda row: row.name),
        mounts=_mounts(table, services),
        sleepers=_sleepers(table, site),
        itself=f"127.0.0.1:{site.port}",
        names=[route.name for route in table.routes],
        left=sorted({name: route.name for route in table.routes for name in route.left}.items()),
        dialled=_dialled(site),
        hosts={service: service_host("{named}", service) for service in services},
        any_tls=any(service.tls for route in table.routes for service in route.services),
        **sign_in.values(
            table,
            port=site.port,
            target=site.callback_target,
            paths=site.callback_paths,
            services=services,
            relay=templates[assets.INLINE],
        ),
    )


@functools.cache
def _compiled(templates: tuple[tuple[str, str], ...], name: str) -> Template:
    """Return the template of the whole: compiling takes ten times as long as rendering."""
    environment = Environment(
        loader=DictLoader(dict(templates)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the output is no HTML; see quoted() and the types of Row
    )
    environment.filters["quoted"] = quoted
    return environment.get_template(name)


def bound_to(text: str, before: Sequence[str], bind: Sequence[str]) -> str:
    """Return a Caddyfile of `render` that listens on `bind` in place of `before`, the addresses of its site."""
    line, other = (f"\n\tbind {' '.join(each)}\n" for each in (before, map(quoted, bind)))
    return text.replace(line, other, 1)


def quoted(path: str) -> str:
    """Return a path as one quoted Caddyfile token; SettingsError where Caddy would read more than a path into it."""
    if not path.isprintable() or set(path) & set('"\\`{}'):
        raise SettingsError(
            f"the path {path!r} cannot be written into a Caddyfile",
            hint="choose a path without quotes, backslashes, braces and control characters (ROUTER_STATE_DIR)",
        )
    return f'"{path}"'


def _rows(table: RouteTable, services: Sequence[str], site: Site) -> Iterator[Row]:
    for route in table.routes:
        cells = tuple(_cell(route.service(name), site) for name in services)
        yield from (Row(name, route.name, cells, _mounted(route)) for name in route.names)


def _dialled(site: Site) -> list[str]:
    """Return the addresses of upstreams as they stand in the route table, without their ports."""
    addresses = (site.upstream_host,) if site.upstream_host else ("127.0.0.1", "::1")
    return [host_port(address, 0).removesuffix(":0") for address in addresses]


def _cell(service: Service | None, site: Site) -> Cell:
    if service is None:
        return Cell("", "")
    if service.blocked:
        return Cell(BLOCKED, quoted(source_text(service.source)))
    dial = host_port(site.upstream_host or service.address, service.port)
    return Cell(f"https/{dial}" if service.tls else dial, quoted(source_text(service.source)))


def _sleepers(table: RouteTable, site: Site) -> list[Sleeper]:
    """Return what a visit wakes, one for each address; nothing where Caddy cannot ask the watcher."""
    found: dict[str, Sleeper] = {}
    for route in table.routes if site.live else ():
        for service in (each for each in route.services if each.wakes and not each.blocked):
            dial = _cell(service, site).dial
            found.setdefault(dial, Sleeper(dial, f"{route.name}/{service.name}"))
    return list(found.values())


def _mounted(route: Route) -> str:
    """Return the key of a route's mounts: routes that have the same ones share it."""
    return ",".join(f"{s.name}={s.path}{'!' if s.strip_path else ''}" for s in route.services if s.path)


def _mounts(table: RouteTable, services: Sequence[str]) -> list[Mount]:
    """Return every mount of the table, the longest path first: it is the one that is meant."""
    sets: dict[tuple[str, bool, int], set[str]] = {}
    for route in table.routes:
        for service in route.services:
            if service.path:
                key = (service.path, service.strip_path, services.index(service.name))
                sets.setdefault(key, set()).add(_mounted(route))
    ordered = sorted(sets.items(), key=lambda item: (-len(item[0][0]), item[0]))
    return [Mount(path, strip, service, tuple(sorted(keys))) for (path, strip, service), keys in ordered]
