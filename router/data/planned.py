"""What a worktree is to have of its own, by `router.toml` and the main checkout's env files: nothing is made here."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from router.data.connection import Connection, read
from router.data.ledger import TEST
from router.data.making import Failure, Wanted
from router.errors import ConnectionUrlError, RouterError, SettingsError
from router.model import Worktree
from router.naming import hash6, shown
from router.remembered import RememberedWorktree
from router.resource_settings import Resource, by_rank
from router.shared_names import database_name

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

    `is_first` is whether the general variables (`DATABASE_NAME`, …) are its.
    """

    name: str
    settings: Resource
    connection: Connection
    wanted: Wanted
    is_first: bool

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
) -> Iterator[Planned | Unplanned]:
    """Yield each resource of `router.toml` as the worktree `own` is to have it, the first one first.

    `values` are those of the main checkout's own files, `versions` tell of resources what the files are like on which
    their templates depend.
    """
    firsts: set[str] = set()
    for name, resource in by_rank(resources):
        try:
            connection = reached(resource, values, Path(main.tree.path))
        except RouterError as exc:
            yield Unplanned(name, Failure("failed", exc.message, exc.hint))
            continue
        group = _GROUPS[connection.kind]
        is_first = group not in firsts
        firsts.add(group)
        wanted = _wanted(name, resource, connection, main=main, own=own, rest="" if is_first else f"_{name}",
                         version=versions.get(name, ""))  # fmt: skip
        yield Planned(name, resource, connection, wanted, is_first)


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
    name: str, resource: Resource, connection: Connection, *, main: Named, own: Named, rest: str, version: str
) -> Wanted:
    """Return what is to be made; `rest` is what tells it from the first one of its group."""
    return Wanted(
        worktree=own.tree.id,
        path=shown(own.tree.path),
        resource=name,
        kind=connection.kind,
        source=resource.variable,
        name=_name(connection, main, own, rest),
        main=main.tree.id,
        main_path=shown(main.tree.path),
        template=_template(main, rest, version) if resource.copied(connection.kind) else "",
        refresh=resource.refresh,
    )


def _name(connection: Connection, main: Named, own: Named, rest: str) -> str:
    """Return what a resource is called on its server."""
    if connection.kind == "sqlite":
        return _file(connection.database, main.tree.path, own)
    if connection.kind == "amqp":
        return f"/{own.names.scope}{rest.replace('_', '-')}"
    if connection.kind == "redis":
        return f"{own.names.scope}{rest.replace('_', '-')}"
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
