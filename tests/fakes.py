"""Small builders of model values for tests."""

from router.model import Route, RouteTable, Service, Worktree, WorktreeId


def worktree(branch: str | None = "main", *, path: str = "", created: int = 1, admin: str | None = None) -> Worktree:
    """Return a present worktree of the repository /r; `main` is its main checkout."""
    name = (branch or "detached").replace("/", "-")
    main = branch == "main"
    identity = WorktreeId("/r/.git", "" if main else (admin or name), 0 if main else created)
    return Worktree(identity, path or f"/r.{name}", branch, main=main, detached=branch is None)


def route(name: str, *services: Service, aliases: tuple[str, ...] = ()) -> Route:
    """Return the route of a branch of that name; without services it has a `web` that is down."""
    return Route(name, worktree(name), "shop", aliases, services or (service("web", 9),))


def service(name: str, port: int, **rest: object) -> Service:
    """Return a service on 127.0.0.1 whose port came from its hash."""
    values: dict[str, object] = {"address": "127.0.0.1", "source": "hash", "up": True, **rest}
    return Service(name, port, **values)  # type: ignore[arg-type]


def table(*routes: Route, **rest: object) -> RouteTable:
    """Return a route table of these routes."""
    return RouteTable(tuple(sorted(routes, key=lambda r: r.name)), **rest)  # type: ignore[arg-type]
