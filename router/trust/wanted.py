"""What the `router.toml` of a main checkout has done: its commands, and its resources with where they really lead."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from router.data.connection import Connection
from router.data.planned import expect_unset, firsts, is_served, reached, served_variable
from router.data.servers.running import program
from router.data.stock import values_of
from router.errors import RouterError, SettingsError
from router.masked import masked
from router.places import config_file
from router.repository_file import FILE
from router.repository_settings import RepositorySettings, load_repository_settings
from router.resource_settings import Resource
from router.text import host_port, shown
from router.trust.statements import Statement
from router.values import dataclass


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
    general = firsts(settings.resources, values, main)
    for name, resource in settings.resources.items():
        key = f"resources.{name}"
        try:
            if is_served(resource):
                text = _served(name, resource, values, is_first=name in general)
            else:
                text = _text(resource, values, main, hosts)
            found.append(Statement(key, shown(text)))
        except RouterError as exc:
            refused.append(Refused(key, shown(exc.message), exc.hint))
    return Wanted(settings, (*found, *_commands(settings), *_sleep(settings)), tuple(refused))


def _commands(settings: RepositorySettings) -> tuple[Statement, ...]:
    """Return the commands that are run, and the variables that they are given, which decide what they do."""
    setup = tuple(
        Statement(f"setup.run.{number}", f"run {shown(line)}") for number, line in enumerate(settings.setup.run)
    )
    starts = tuple(
        Statement(f"services.{name}.run", f"start {name} with {shown(service.run)}")
        for name, service in settings.services.items()
        if service.run
    )
    variables = settings.env.items() if setup or starts else ()
    given = (Statement(f"env.{name}", f"give commands {name} = {_told(value)}") for name, value in variables)
    return (*setup, *starts, *_occasions(settings), *given)


def _occasions(settings: RepositorySettings) -> Iterator[Statement]:
    """Yield when servers are started other than by `router start`."""
    for name, service in settings.services.items():
        if service.needs:
            yield Statement(f"services.{name}.needs", f"start {', '.join(service.needs)} together with {name}")
        if service.wake is not None:
            said = "start" if service.wake else "do not start"
            yield Statement(f"services.{name}.wake", f"{said} {name} when it is visited")


def _sleep(settings: RepositorySettings) -> Iterator[Statement]:
    """Yield what stops servers by itself, and what starts them."""
    sleep = settings.sleep
    if sleep.after is not None:
        yield Statement("sleep.after", f"stop the servers of a worktree that nobody used for {sleep.after:g} s")
    if sleep.pressure is not None:
        less = f"less than {sleep.pressure:.0%} of the memory is available"
        yield Statement("sleep.pressure", f"stop the servers of the worktrees that are idle longest while {less}")
    if sleep.adopted:
        yield Statement("sleep.adopted", "stop those as well that the router did not start")
    if sleep.containers:
        yield Statement("sleep.containers", "stop and start the containers of a worktree's Compose projects with them")
    if sleep.wake:
        yield Statement("sleep.wake", "start every service that has a command when somebody visits it")


def _told(value: str) -> str:
    """Return a value without the passwords in it; what is left out of it then still counts, by its hash."""
    text = masked(value)
    digest = hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()
    return text if text == value else f"{text} (sha256 {digest[:12]})"


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


def _served(name: str, resource: Resource, values: Mapping[str, str], *, is_first: bool) -> str:
    """Return in words what is made of a resource on a server that the router runs itself."""
    expect_unset(served_variable(name, str(resource.kind), is_first=is_first), values, name)
    what = "a user with keys of its own for main and"
    if resource.kind == "postgres":
        what = f"a database for main and {'a copy of it' if resource.copied('postgres') else 'an empty one'}"
    title = program(str(resource.kind)).title
    return f"run {title} on this machine alone, and make {what} for each worktree{_rest(resource)}"


def _server(found: Connection) -> str:
    if found.kind == "sqlite":
        return f"sqlite, beside {found.database}"
    host = found.host or "this machine"
    return f"{found.kind} on {host if host.startswith('/') else host_port(host, found.port)}"


def _rest(resource: Resource) -> str:
    tests = ", and one for tests" if resource.test else ""
    template = f", made again by {', '.join(resource.template_files)}" if resource.template_files else ""
    return f"{tests}{template}; dropped {resource.keep:g} s after the worktree is gone"
