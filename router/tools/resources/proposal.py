"""Which `[resources]` a repository should have, by what its files say, each with the place that says so."""

import re
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

from router.data.connection import Connection
from router.masked import masked
from router.text import host_port, shown
from router.tools import toml_edit
from router.tools.resources.compose_servers import Server
from router.tools.resources.uses import Use, is_named_like_a_database, reached
from router.values import dataclass

_SQL = ("postgres", "mysql", "sqlite")
_USUAL = {"postgres": "DATABASE_URL", "mysql": "DATABASE_URL", "sqlite": "DATABASE_URL", "redis": "REDIS_URL",
          "amqp": "AMQP_URL"}  # fmt: skip
_SERVED = ("postgres", "redis")  # kinds of which the router can run a server itself
_AMBIGUOUS = ("file:", "unix:")  # schemes that lead to anything


@dataclass(frozen=True, slots=True)
class Setting:
    """A value of a variable in the main checkout's own env files, and where it stands."""

    variable: str
    value: str
    place: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource to propose, by the variable of its URL; `why` says what it is and where.

    `served` is whether no file names a server, so that the router may run one itself.
    """

    kind: str
    variable: str
    why: str
    served: bool = False


def candidates(
    settings: Iterable[Setting], uses: Iterable[Use], servers: Iterable[Server], *, main: Path, hosts: Iterable[str]
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Return the resources that a repository should have, and notes on what cannot be one as it is.

    `settings` are those of its env files, `uses` those of its other files, `servers` those of its Compose files;
    `hosts` are the other machines that the user's own settings name.
    """
    found: dict[str, Candidate] = {}
    notes: list[str] = []
    places: dict[tuple[str, str, int, str], str] = {}
    settings = sorted(settings, key=lambda each: each.variable != "DATABASE_URL")
    for each in settings:
        leads = _reached(each, main)
        if leads is None:
            continue
        where = (leads.kind, leads.host, leads.port, leads.database)
        if not leads.on_this_machine() and leads.host not in hosts:
            notes.append(f"{each.place}: {each.variable} leads to {shown(leads.host)}, not this machine: left out")
        elif (first := places.setdefault(where, each.variable)) != each.variable:
            notes.append(f"{each.place}: {each.variable} leads where {first} does: left out")
        else:
            found[each.variable] = Candidate(leads.kind, each.variable, f"{each.place}: {_told(leads)}")
    known = {each.variable for each in settings}
    _add_uses([use for use in uses if use.variable not in known], tuple(servers), found, notes)
    return tuple(found.values()), tuple(dict.fromkeys(notes))


def _add_uses(uses: Iterable[Use], servers: tuple[Server, ...], found: dict[str, Candidate], notes: list[str]) -> None:
    """Add what files and Compose name though no env file sets it."""
    kinds = {each.kind for each in found.values()}
    left = [server for server in servers if server.kind not in kinds]
    read = [use for use in uses if use.variable]
    for use in sorted(read, key=lambda each: (not each.default, each.kind is None)):
        server = next((each for each in left if use.kind in (None, each.kind)), None)
        kind = use.kind or (server.kind if server else None)
        if kind is None:
            notes.append(f"{use.place}: nothing sets {use.variable}: write its URL into .env, then run this again")
        elif use.variable not in found and kind not in kinds:
            found[str(use.variable)] = _unset(use, kind, server, notes)
            kinds.add(kind)
    for server in left:
        if server.kind not in kinds:
            variable = _USUAL[server.kind]
            found[variable] = Candidate(server.kind, variable, f"{server.place}: the service {shown(server.service)}")
            notes.append(_to_write(server.place, variable, server.url))
            if server.port is None:
                notes.append(f"{server.place}: {server.service} publishes no port: only containers reach it")
            kinds.add(server.kind)
    for use in uses:
        if use.variable is None and use.kind and use.kind not in kinds:
            told = "its database is not read from a URL in a variable"
            notes.append(f"{use.place}: {told}: read {_USUAL[use.kind]} there, and write it into .env")


def _unset(use: Use, kind: str, server: Server | None, notes: list[str]) -> Candidate:
    """Return the resource of a variable that no env file sets."""
    url = use.default or (server.url if server else "")
    if url:
        notes.append(_to_write(use.place, str(use.variable), url))
    elif kind in _SERVED and use.variable == _USUAL[kind]:
        told = "the router runs a server itself; where you have one, write its URL into .env, then run this again"
        notes.append(f"{use.place}: nothing sets {use.variable}: {told}")
        return Candidate(kind, str(use.variable), use.place, served=True)
    else:
        notes.append(f"{use.place}: nothing sets {use.variable}: write its URL into .env")
    return Candidate(kind, str(use.variable), use.place)


def _to_write(place: str, variable: str, url: str) -> str:
    text = masked(url)
    return f"{place}: write {variable}={text} into .env{', with its password' if text != url else ''}"


def _reached(setting: Setting, main: Path) -> Connection | None:
    """Return where a value leads, None where it is no URL of a database, queue or cache, or one for tests."""
    if "TEST" in setting.variable.split("_") or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", setting.variable, re.ASCII):
        return None
    if setting.value.startswith(_AMBIGUOUS) and not is_named_like_a_database(setting.variable):
        return None
    return reached(setting.value, main)


def _told(leads: Connection) -> str:
    if leads.kind == "sqlite":
        return "sqlite"
    host = leads.host or "this machine"
    server = host if host.startswith("/") else host_port(host, leads.port)
    named = f", database {leads.database}" if leads.kind in _SQL and leads.database else ""
    return shown(f"{leads.kind} on {server}{named}")


def with_resources(text: str, proposed: Iterable[Candidate]) -> str:
    """Return a `router.toml` with the proposed resources that it does not have yet, each with a line on why.

    FileError where it cannot be edited without changing other lines.
    """
    there = toml_edit.plain(text).get("resources", {})
    tables = {name: each for name, each in there.items() if isinstance(each, dict)} if isinstance(there, dict) else {}
    variables = {each.get("from") or _USUAL.get(each.get("kind", "")) for each in tables.values()}
    names = set(there)
    for each in proposed:
        if each.variable in variables:
            continue
        name = next(name for name in _names(each) if name not in names)
        names.add(name)
        said = f'kind = "{each.kind}"' if each.served else f'from = "{each.variable}"'
        line = f"{said}  # {shown(each.why)}\n"
        text = toml_edit.with_subtable(text, "resources", name, line)
    return text


def _names(candidate: Candidate) -> Iterator[str]:
    """Yield what a resource may be called: `db` for the first database, else as its variable says, else its kind."""
    if candidate.kind in _SQL:
        yield "db"
    plain = re.sub(r"_(?:URL|URI|DSN)$", "", candidate.variable).lower()
    plain = re.sub(r"_(?:database|db)$", "", plain).replace("_", "-").strip("-")[:28]
    if re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", plain):
        yield plain
    yield from (f"{candidate.kind}-{n}" for n in count(1))
