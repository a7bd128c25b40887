"""Leaks: values of another worktree in this one's environment: its database, ports, names, directories."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from urllib.parse import SplitResult, quote, unquote, urlsplit

from router.env.assignments import SHELL, Assignment
from router.env.values import Environment
from router.errors import LeakError
from router.masked import masked
from router.paths import deepest_root
from router.text import shown
from router.values import dataclass

_LISTS = frozenset({"PATH", "PYTHONPATH", "NODE_PATH"})
_DIRECTORIES = frozenset({"VIRTUAL_ENV", "CONDA_PREFIX"})
_PORT = re.compile(r"(?:.*_)?PORT", re.ASCII)
_URL = re.compile(r"(?:.*_)?(?:URL|URI|DSN)", re.ASCII)
_DATABASES = re.compile(r"(?:postgres(?:ql)?|mysql|mariadb|mongodb|cockroachdb|mssql|sqlserver)(?:\+\w+)?", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared, not bound
_PORT_DIGITS = 5
_OFTEN_EQUAL = frozenset({"WORKTREE_BRANCH", "OAUTH_REDIRECT_URI"})  # two worktrees may have the same


@dataclass(frozen=True, slots=True)
class Leak:
    """A value that belongs to another worktree: the `owner`, `what` it is there, and what it should be here.

    `replacement` is the whole value as it should be, None where the variable is better not set.
    """

    assignment: Assignment
    owner: str
    what: str
    replacement: str | None = None

    def __str__(self) -> str:
        """Return the sentence that reports it, without the passwords of URLs."""
        variable, source = self.assignment.variable, self.assignment.source
        is_list = variable in _LISTS
        value = "…" if is_list else masked(self.assignment.value)
        here = "" if self.replacement is None or is_list else f"; here it is {masked(self.replacement) or 'empty'}"
        return f"{variable}={value} in {source} is the {self.what} of {self.owner}{here}"


@dataclass(frozen=True, slots=True)
class _Foreign:
    """What belongs to other worktrees, by kind: each with its owner's name and the value that this worktree has there.

    `environments` are those of all worktrees by path, `current` is this worktree's.
    """

    values: Mapping[tuple[str, str], tuple[str, str | None]]
    ports: Mapping[int, tuple[str, int | None]]
    databases: Mapping[str, tuple[str, str]]
    vhosts: Mapping[str, tuple[str, str]]
    hosts: Mapping[str, tuple[str, str]]
    environments: Mapping[str, Environment]
    current: Environment
    tools: frozenset[str]


def find_leaks(
    current: Environment,
    others: Sequence[Environment],
    assignments: Iterable[Assignment],
    *,
    tools: frozenset[str] = frozenset(),
) -> tuple[Leak, ...]:
    """Return every value that belongs to another worktree, in the order of `assignments`.

    A value that the current worktree has too is no leak. All variables of the environments are compared; others by
    their name: `…PORT` as a port, `…URL`, `…URI` and `…DSN` by their database, vhost, port and host, `PATH` and
    `VIRTUAL_ENV` by the directories in them, except for `tools`, which may be another repository's.
    """
    foreign = _foreign(current, others, tools)
    return tuple(leak for assignment in assignments for leak in _leaks(assignment, foreign))


def refuse(leaks: tuple[Leak, ...]) -> None:
    """Raise LeakError where there are leaks, with a sentence for each."""
    if not leaks:
        return
    lines = "".join(f"\n  {leak}" for leak in leaks)
    in_files = any(leak.assignment.source != SHELL for leak in leaks)
    renew = "write the file again with `router env --write`" if in_files else 'run `eval "$(router env)"` here'
    raise LeakError(
        f"{len(leaks)} value{'s' * (len(leaks) > 1)} here belong{'s' * (len(leaks) == 1)} to another worktree:{lines}",
        hint=f"{renew}, or let `router run --fix -- …` replace them",
    )


def without_leaks(environ: Mapping[str, str], leaks: Iterable[Leak]) -> dict[str, str]:
    """Return an environment in which each leaked value is replaced, or removed where it has no replacement."""
    values = dict(environ)
    for leak in leaks:
        if leak.replacement is not None:
            values[leak.assignment.variable] = leak.replacement
        else:
            values.pop(leak.assignment.variable, None)
    return values


def _foreign(current: Environment, others: Sequence[Environment], tools: frozenset[str]) -> _Foreign:
    values: dict[tuple[str, str], tuple[str, str | None]] = {}
    ports: dict[int, tuple[str, int | None]] = {}
    databases, vhosts, hosts = dict[str, tuple[str, str]](), dict[str, tuple[str, str]](), dict[str, tuple[str, str]]()
    for other in reversed(others):  # the first of several owners is named
        owner = _display_name(other, current)
        values |= {
            (name, value): (owner, current.values.get(name))
            for name, value in other.values.items()
            if name not in _OFTEN_EQUAL
        }
        ports |= {port: (owner, current.ports.get(service)) for service, port in other.ports.items()}
        databases[other.database] = (owner, current.database)
        vhosts[other.vhost] = (owner, current.vhost)
        hosts |= {_host(url): (owner, _host(current.urls.get(s, ""))) for s, url in other.urls.items()}
    for name, value in current.values.items():
        values.pop((name, value), None)
    for port in current.ports.values():
        ports.pop(port, None)
    databases.pop(current.database, None)
    vhosts.pop(current.vhost, None)
    for url in current.urls.values():  # a repository that is not served now may have had the same label
        hosts.pop(_host(url), None)
    environments = {each.path: each for each in (*reversed(others), current)}
    return _Foreign(values, ports, databases, vhosts, hosts, environments, current, tools)


def _leaks(assignment: Assignment, foreign: _Foreign) -> Iterator[Leak]:
    if assignment.variable in _LISTS | _DIRECTORIES:
        yield from _in_directories(assignment, foreign)
    elif equal := foreign.values.get((assignment.variable, assignment.value)):
        owner, replacement = equal
        yield Leak(assignment, owner, _kind(assignment.variable), replacement)
    elif _PORT.fullmatch(assignment.variable):
        yield from _as_port(assignment, foreign)
    elif _URL.fullmatch(assignment.variable):
        yield from _as_url(assignment, foreign)


def _in_directories(assignment: Assignment, foreign: _Foreign) -> Iterator[Leak]:
    is_list = assignment.variable in _LISTS
    entries = assignment.value.split(":") if is_list else [assignment.value]
    owners = {entry: _owner(entry, foreign) for entry in entries}
    rest = ":".join(entry for entry in entries if not owners[entry])
    for entry, owner in owners.items():
        if owner:
            what = f"directory {shown(entry)}" if is_list else "directory"
            yield Leak(assignment, owner, what, rest if is_list else None)


def _owner(directory: str, foreign: _Foreign) -> str | None:
    """Return the other worktree that a directory is inside of: the deepest one, as worktrees stand in each other."""
    root = deepest_root(directory, foreign.environments)
    owner = foreign.current if root is None else foreign.environments[root]
    is_tool = directory in foreign.tools and owner.repository != foreign.current.repository
    return None if owner.path == foreign.current.path or is_tool else _display_name(owner, foreign.current)


def _as_port(assignment: Assignment, foreign: _Foreign) -> Iterator[Leak]:
    value = assignment.value
    is_number = value.isascii() and value.isdecimal() and len(value) <= _PORT_DIGITS
    if is_number and int(value) in foreign.ports:
        owner, port = foreign.ports[int(value)]
        yield Leak(assignment, owner, "port", str(port) if port else None)


def _as_url(assignment: Assignment, foreign: _Foreign) -> Iterator[Leak]:
    """Yield the first thing in a URL that belongs to another worktree."""
    url = _split(assignment.value)
    if url is None:
        return
    for owner, what, corrected in chain(_by_path(url, foreign), _by_address(url, foreign)):
        yield Leak(assignment, owner, what, corrected.geturl() if corrected else None)
        return


def _by_path(url: SplitResult, foreign: _Foreign) -> Iterator[tuple[str, str, SplitResult | None]]:
    """Yield the owner of the database or vhost that a URL's path names, and the URL as it should be."""
    if _DATABASES.fullmatch(url.scheme) and (names := foreign.databases.get(unquote(url.path.removeprefix("/")))):
        yield names[0], "database", url._replace(path=f"/{names[1]}")
    if url.scheme in {"amqp", "amqps"} and (names := foreign.vhosts.get(unquote(url.path[1:]))):
        yield names[0], "vhost", url._replace(path=f"/{quote(names[1], safe='')}")


def _by_address(url: SplitResult, foreign: _Foreign) -> Iterator[tuple[str, str, SplitResult | None]]:
    """Yield the owner of a URL's port or host, and the URL as it should be."""
    host, port = url.hostname or "", url.port or 0
    if port in foreign.ports and host in _LOOPBACK:
        owner, here = foreign.ports[port]
        netloc = f"{url.netloc.removesuffix(f':{port}')}:{here}"
        yield owner, "port", url._replace(netloc=netloc) if here else None
    if host in foreign.hosts:
        owner, own_host = foreign.hosts[host]
        yield owner, "host", url._replace(netloc=url.netloc.replace(host, own_host)) if own_host else None


def _split(value: str) -> SplitResult | None:
    try:
        url = urlsplit(value)
        _ = url.port  # only now it is checked
    except ValueError:
        return None
    return url if url.scheme and (url.netloc or url.path) else None


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _display_name(other: Environment, current: Environment) -> str:
    return other.name if other.repository == current.repository else f"{other.name} of {other.repository}"


def _kind(variable: str) -> str:
    kinds = {"DATABASE_NAME": "database", "RABBITMQ_VHOST": "vhost", "REDIS_KEY_PREFIX": "key prefix",
             "COMPOSE_PROJECT_NAME": "Compose project"}  # fmt: skip
    return kinds.get(variable) or ("port" if _PORT.fullmatch(variable) else "value")
