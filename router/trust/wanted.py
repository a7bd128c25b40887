"""What the `router.toml` of a main checkout has done: its commands, and its resources with where they really lead."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from router.data.connection import Connection
from router.data.planned import reached
from router.data.stock import values_of
from router.errors import RouterError, SettingsError
from router.naming import host_port, shown
from router.repository_settings import FILE, RepositorySettings, load_repository_settings
from router.resource_settings import Resource
from router.settings import config_file
from router.trust.statements import Statement


@dataclass(frozen=True, slots=True)
class Refused:
    """A resource that cannot be allowed: by which key, why not, and what to do."""

    key: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that a repository asks for: its settings as they were read, the statements, and what is refused."""

    settings: RepositorySettings
    statements: tuple[Statement, ...]
    refused: tuple[Refused, ...] = ()


def wanted(main: Path, *, hosts: Collection[str]) -> Wanted:
    """Return what a main checkout's own `router.toml` asks for; a worktree's copy of the file never counts.

    `hosts` are the other machines that the user's own settings name. FileError or SettingsError where the file cannot
    be read; what is wrong with one resource is refused alone.
    """
    try:
        settings = load_repository_settings(main)
    except SettingsError as exc:
        raise SettingsError(f"{main / FILE}: {exc.message}", hint="fix it; until then nothing in it is done") from exc
    return of_settings(settings, main, hosts=hosts)


def of_settings(settings: RepositorySettings, main: Path, *, hosts: Collection[str]) -> Wanted:
    """Return what these settings of a main checkout ask for."""
    values = values_of(main)
    found: list[Statement] = []
    refused: list[Refused] = []
    for name, resource in settings.resources.items():
        key = f"resources.{name}"
        try:
            found.append(Statement(key, shown(_text(resource, values, main, hosts))))
        except RouterError as exc:
            refused.append(Refused(key, shown(exc.message), exc.hint))
    commands = (
        Statement(f"setup.run.{number}", f"run {shown(line)}") for number, line in enumerate(settings.setup.run)
    )
    return Wanted(settings, (*found, *commands), tuple(refused))


def _reached(resource: Resource, values: Mapping[str, str], main: Path, hosts: Collection[str]) -> Connection:
    found = reached(resource, values, main)
    if not found.on_this_machine() and found.host not in hosts:
        raise SettingsError(
            f"{resource.variable} leads to {found.host}, which is not this machine",
            hint=f'where that is meant, write data_hosts = ["{shown(found.host)}"] into {config_file()}',
        )
    return found


def _text(resource: Resource, values: Mapping[str, str], main: Path, hosts: Collection[str]) -> str:
    """Return in words what is made of a resource, without a credential."""
    found = _reached(resource, values, main, hosts)
    if resource.copied(found.kind) and not found.database:
        hint = 'write its name into the URL, or copy = "empty" into router.toml'
        raise SettingsError(f"the URL in {resource.variable} names no database to copy", hint=hint)
    data = f"a copy of {found.database}" if resource.copied(found.kind) else "an empty one"
    return f"make {data} for each worktree: {_server(found)}, by {resource.variable}{_rest(resource)}"


def _server(found: Connection) -> str:
    if found.kind == "sqlite":
        return f"sqlite, beside {found.database}"
    host = found.host or "this machine"
    return f"{found.kind} on {host if host.startswith('/') else host_port(host, found.port)}"


def _rest(resource: Resource) -> str:
    tests = ", and one for tests" if resource.test else ""
    template = f", made again by {', '.join(resource.template_files)}" if resource.template_files else ""
    return f"{tests}{template}; dropped {resource.keep:g} s after the worktree is gone"
