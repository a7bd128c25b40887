"""What a worktree is to have of its own, by `router.toml` and the main checkout's env files: nothing is made here."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from router.data.connection import Connection, read
from router.data.ledger import TEST
from router.data.making import Failure
from router.data.servers.address import Address
from router.data.wanted import Wanted
from router.errors import ConnectionUrlError, RouterError, SettingsError
from router.model import Worktree
from router.naming import hash6
from router.remembered import RememberedWorktree
from router.resource_settings import Resource, by_rank
from router.shared_names import database_name
from router.text import shown
from router.values import dataclass, replace

_LONGEST = 50  # bytes
_LONGEST_TEMPLATE = 46  # bytes, without what is behind it


@dataclass(frozen=True, slots=True)
class Named:
    """A worktree with what it is called in shared servers."""

    tree: Worktree
    names: RememberedWorktree


@dataclass(frozen=True, slots=True)
class Planned:
    """A resource of a worktree: its name in `router.toml`, its settings, how main's is reached, what is to be made.

    `variable` is the variable that has its URL. `is_first` is whether the general variables (`DATABASE_NAME`, …) are
    its. `original` is the main checkout's own, of which it is a copy, where the router runs the server.
    """

    name: str
    settings: Resource
    connection: Connection
    wanted: Wanted
    is_first: bool
    variable: str
    original: Wanted | None = None

    @property
    def is_database(self) -> bool:
        """Whether it is a database, of which tests have one of their own."""
        return _GROUPS[self.wanted.kind] == _DATABASE


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A resource that cannot be planned, and why."""

    name: str
    failure: Failure


def planned(
    resources: Mapping[str, Resource],
    values: Mapping[str, str],
    *,
    main: Named,
    own: Named,
    versions: Mapping[str, str],
    servers: Mapping[str, Address] = MappingProxyType({}),
) -> Iterator[Planned | Unplanned]:
    """Yield each resource of `router.toml` as the worktree `own` is to have it, the first one first.

    `values` are those of the main checkout's own files, `versions` tell of resources what the files are like on which
    their templates depend, `servers` are those that the router runs itself, by kind.
    """
    general = firsts(resources, values, Path(main.tree.path))
    for name, resource in by_rank(resources):
        try:
            connection = _connection(name, resource, values, main, servers, is_first=name in general)
        except RouterError as exc:
            yield Unplanned(name, Failure("failed", exc.message, exc.hint))
            continue
        wanted, of_main = (
            _wanted(name, resource, connection, main=main, own=each, is_first=name in general,
                    version=versions.get(name, ""))
            for each in (own, main)
        )  # fmt: skip
        is_copy = is_served(resource) and own.tree.id != main.tree.id and bool(wanted.template)
        variable = resource.variable or served_variable(name, connection.kind, is_first=name in general)
        yield Planned(name, resource, connection, wanted, name in general, variable, of_main if is_copy else None)


def firsts(resources: Mapping[str, Resource], values: Mapping[str, str], main: Path) -> frozenset[str]:
    """Return the names of the resources that have the general variables: of each group the first that can be read."""
    found: dict[str, str] = {}
    for name, resource in by_rank(resources):
        with contextlib.suppress(RouterError):
            kind = str(resource.kind) if is_served(resource) else reached(resource, values, main).kind
            found.setdefault(_GROUPS[kind], name)
    return frozenset(found.values())


def _connection(
    name: str, resource: Resource, values: Mapping[str, str], main: Named, servers: Mapping[str, Address], *,
    is_first: bool,
) -> Connection:  # fmt: skip
    """Return how the main checkout reaches its own."""
    if not is_served(resource):
        return reached(resource, values, Path(main.tree.path))
    kind = str(resource.kind)
    expect_unset(served_variable(name, kind, is_first=is_first), values, name)
    database = _served_name(kind, main, "" if is_first else f"_{name}") if kind == "postgres" else "0"
    return read(servers[kind].url(database), directory=Path(main.tree.path))


def is_served(resource: Resource) -> bool:
    """Tell whether a resource is on a server that the router runs itself."""
    return not resource.variable


def served_variable(name: str, kind: str, *, is_first: bool) -> str:
    """Return the variable that has the URL of a resource on a server of the router's own."""
    usual = {"postgres": "DATABASE_URL", "redis": "REDIS_URL"}[kind]
    return usual if is_first else f"{name.upper().replace('-', '_')}_{usual}"


def expect_unset(variable: str, values: Mapping[str, str], name: str) -> None:
    """Raise SettingsError where an env file of the main checkout sets the variable of a resource: that is a server."""
    if values.get(variable):
        raise SettingsError(
            f"{variable} is set in the main checkout's own env files, so the router runs no server for {name}",
            hint=f'write from = "{variable}" where that is the server, else remove it there',
        )


def for_tests(planned: Planned) -> Planned:
    """Return the same database once more, for a worktree's tests."""
    name = planned.wanted.name
    tests = f"{name}.test" if planned.wanted.kind == "sqlite" else f"{name}_test"
    return replace(planned, wanted=replace(planned.wanted, use=TEST, name=tests))


_DATABASE = "database"
_GROUPS = {"postgres": _DATABASE, "mysql": _DATABASE, "sqlite": _DATABASE, "redis": "cache", "amqp": "queue"}
"""Which kinds share their general variables."""


def reached(resource: Resource, values: Mapping[str, str], main: Path) -> Connection:
    """Return where a resource's variable leads; `values` are those of the main checkout's own files.

    SettingsError or ConnectionUrlError where it leads nowhere.
    """
    if not values.get(resource.variable):
        raise SettingsError(
            f"{resource.variable} is not set in the main checkout's own env files",
            hint=f"set it in {shown(str(main / '.env'))}, or name another variable",
        )
    try:
        return read(values[resource.variable], kind=resource.kind, directory=main)
    except ConnectionUrlError as exc:
        raise ConnectionUrlError(f"{resource.variable}: {exc.message}", hint=exc.hint) from exc


def _wanted(
    name: str, resource: Resource, connection: Connection, *, main: Named, own: Named, is_first: bool, version: str
) -> Wanted:
    rest = "" if is_first else f"_{name}"  # tells it from the first one of its group
    return Wanted(
        worktree=own.tree.id,
        path=shown(own.tree.path),
        resource=name,
        kind=connection.kind,
        source=resource.variable,
        name=_name(connection, main, own, rest, is_own=is_served(resource)),
        main=main.tree.id,
        main_path=shown(main.tree.path),
        template=_template(main, rest, version) if resource.copied(connection.kind) else "",
        refresh=resource.refresh,
    )


def _name(connection: Connection, main: Named, own: Named, rest: str, *, is_own: bool) -> str:
    """Return what a resource is called on its server; `is_own` is whether that is the router's own."""
    if connection.kind == "sqlite":
        return _file(connection.database, main.tree.path, own)
    if is_own:
        return _served_name(connection.kind, own, rest)
    if connection.kind == "amqp":
        return f"/{own.names.scope}{rest.replace('_', '-')}"
    if connection.kind == "redis":
        return f"{own.names.scope}{rest.replace('_', '-')}"
    return _served_name("postgres", own, rest)


def _served_name(kind: str, own: Named, rest: str) -> str:
    """Return a name that no other worktree of any repository has: they all share a server of the router's own."""
    if kind == "redis":
        return f"{own.names.project}{rest.replace('_', '-')}"
    return _short(f"{database_name(own.names.project)}{rest}")


def _template(main: Named, rest: str, version: str) -> str:
    """Return a name that no other checkout's template has, nor this one's for other files."""
    told = hash6(f"{main.tree.id.common_dir} {main.tree.id.created} {version}")
    return f"{(database_name(main.names.project) + rest)[:_LONGEST_TEMPLATE]}_template_{told}"


def _short(name: str) -> str:
    """Return a name of at most 50 bytes: frameworks add to it, and PostgreSQL cuts what is longer than 63."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 7]}_{hash6(name)}"


def _file(path: str, main: str, own: Named) -> str:
    """Return where a database file of main's is in a worktree: at the same place in it, else beside main's."""
    inside = os.path.relpath(path, main)
    if not inside.startswith(".."):
        return str(Path(own.tree.path) / inside)
    file = Path(path)
    return str(file.with_name(f"{file.stem}.{own.names.project}{file.suffix}"))
