"""Small builders of model values for tests."""

from router.caddy.admin import Admin, Loaded
from router.caddy.caddyfile import Endpoint, Site
from router.errors import CaddyError, LoadRefusedError
from router.model import Declaration, Listener, Observed, Repository, Worktree, WorktreeId
from router.ports import parse_port
from router.route_table import Route, RouteTable, Service

ME = 1000
"""The user whom the router of an observation runs as."""


def worktree(
    branch: str | None = "main",
    *declared: Declaration,
    path: str = "",
    created: int = 1,
    admin: str | None = None,
    main: bool | None = None,
    common: str = "/r/.git",
    present: bool = True,
) -> Worktree:
    """Return a present worktree of the repository /r; `main` is its main checkout."""
    name = (branch or "detached").replace("/", "-")
    main = branch == "main" if main is None else main
    identity = WorktreeId(common, "" if main else (admin or name), 0 if main else created)
    place = path or f"{common.removesuffix('/.git')}.{name}"
    return Worktree(identity, place, branch, main, detached=branch is None, present=present, declared=declared)


def repository(*worktrees: Worktree, name: str = "shop", **rest: object) -> Repository:
    """Return the repository that these worktrees are of."""
    common = worktrees[0].id.common_dir if worktrees else "/r/.git"
    return Repository(name, common.removesuffix("/.git"), common, worktrees, **rest)  # type: ignore[arg-type]


def observed(*found: Repository | Worktree | Listener, **rest: object) -> Observed:
    """Return an observation of repositories (or of the worktrees of one) and of listeners; 8080 and 2019 are taken."""
    worktrees = tuple(item for item in found if isinstance(item, Worktree))
    repositories = tuple(item for item in found if isinstance(item, Repository))
    listeners = [item for item in found if isinstance(item, Listener)]
    listeners.sort(key=lambda each: (each.port, each.address, each.worktree or ""))
    values: dict[str, object] = {"reserved": frozenset({8080, 2019}), "uid": ME, **rest}
    if worktrees:
        repositories = (*repositories, repository(*worktrees))
    return Observed(repositories, tuple(listeners), **values)  # type: ignore[arg-type]


def declared(text: str | int, *, service: str = "web", file: str = ".env.local", variable: str = "PORT") -> Declaration:
    """Return what a line `variable=text` in a file says of a service, or a package.json."""
    kind = "mise" if file.endswith(".toml") else "package" if file.endswith(".json") else "env"
    return Declaration(service, parse_port(str(text)), f"{kind}:{file}", variable, str(text))


def listener(port: int, of: Worktree | None = None, *, address: str = "127.0.0.1", **rest: object) -> Listener:
    """Return a listener of a worktree's process, or of somebody else's, of this user's all the same."""
    values: dict[str, object] = {"worktree": of.path if of else None, "pid": 1, "program": "vite", "uid": ME, **rest}
    return Listener(port, address, **values)  # type: ignore[arg-type]


def route(name: str, *services: Service, aliases: tuple[str, ...] = (), **rest: object) -> Route:
    """Return the route of a branch of that name; without services it has a `web` that is down."""
    values: dict[str, object] = {"worktree": worktree(name), "repository": "shop", **rest}
    return Route(name, aliases=aliases, services=services or (service("web", 9),), **values)  # type: ignore[arg-type]


def service(name: str, port: int, **rest: object) -> Service:
    """Return a service on 127.0.0.1 whose port came from its hash."""
    values: dict[str, object] = {"address": "127.0.0.1", "source": "hash", "up": True, **rest}
    return Service(name, port, **values)  # type: ignore[arg-type]


def table(*routes: Route, **rest: object) -> RouteTable:
    """Return a route table of these routes."""
    return RouteTable(tuple(sorted(routes, key=lambda r: r.name)), **rest)  # type: ignore[arg-type]


class FakeAdmin(Admin):
    """A Caddy that takes what it is given, refuses what has a word of `refuses` in it, or is away."""

    def __init__(self, *, away: bool = False, refuses: str = "\0") -> None:
        self.away = away
        self.refuses = refuses
        self.loads: list[str] = []
        self.serves = ""
        self.asked = 0

    def load(self, text: str) -> Loaded:
        self._answer()
        if self.refuses in text:
            raise LoadRefusedError("Caddy refused the configuration: no", hint="see `router logs`")
        self.loads.append(text)
        self.serves = text
        return Loaded(1.25, self.digest())

    def digest(self) -> str:
        self._answer()
        return f"digest of {self.serves}"

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise CaddyError("Caddy does not answer", hint="run `router up`")


SITE = Site(
    port=8080, bind=("127.0.0.1", "::1"), admin=Endpoint("unix//s/caddy.sock|0600"), pages="/s/pages", status="/s/site"
)
