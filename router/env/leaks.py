"""What of another worktree has got into this one: its database, its ports, its names, its directories."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from urllib.parse import SplitResult, quote, unquote, urlsplit

from router.env.values import Environment
from router.errors import LeakError
from router.naming import shown

_LISTS = frozenset({"PATH", "PYTHONPATH", "NODE_PATH"})
_DIRECTORIES = frozenset({"VIRTUAL_ENV", "CONDA_PREFIX"})
_PORT = re.compile(r"(?:.*_)?PORT", re.ASCII)
_URL = re.compile(r"(?:.*_)?(?:URL|URI|DSN)", re.ASCII)
_DATABASES = re.compile(r"(?:postgres(?:ql)?|mysql|mariadb|mongodb|cockroachdb|mssql|sqlserver)(?:\+\w+)?", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared, not bound
SHELL = "the shell"
_CALLED_ALIKE = frozenset({"WORKTREE_BRANCH", "OAUTH_REDIRECT_URI"})  # two worktrees may have the same


@dataclass(frozen=True, slots=True)
class Said:
    """A value that the shell or a file gives to a variable; `source` is `the shell` or the file's name."""

    variable: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Leak:
    """A value that is another worktree's: whose, what it is there, and what it should be here.

    `instead` is the whole value as it should be, None where the variable is better not set.
    """

    said: Said
    owner: str
    what: str
    instead: str | None = None

    def __str__(self) -> str:
        """Return the sentence that tells it; passwords of a URL stay untold."""
        listed = self.said.variable in _LISTS
        value = "…" if listed else _masked(self.said.value)
        here = "" if self.instead is None or listed else f"; here it is {_masked(self.instead) or 'empty'}"
        return f"{self.said.variable}={value} in {self.said.source} is the {self.what} of {self.owner}{here}"


@dataclass(frozen=True, slots=True)
class _Owned:
    """What belongs to the others, by what it is; each with its owner's name and what stands there here."""

    values: Mapping[tuple[str, str], tuple[str, str | None]]
    ports: Mapping[int, tuple[str, int | None]]
    databases: Mapping[str, tuple[str, str]]
    vhosts: Mapping[str, tuple[str, str]]
    hosts: Mapping[str, tuple[str, str]]
    roots: tuple[Environment, ...]
    own: Environment
    own_ports: frozenset[int]
    tools: frozenset[str]


def find_leaks(
    own: Environment, others: Sequence[Environment], said: Iterable[Said], *, tools: frozenset[str] = frozenset()
) -> tuple[Leak, ...]:
    """Return every value that belongs to another worktree, in the order of `said`.

    A value that is this worktree's own too is none. Compared are all variables of the environments, others by name:
    `…PORT` as a port, `…URL`, `…URI` and `…DSN` by their database, vhost, port and host, `PATH` and `VIRTUAL_ENV` by
    the directories in them, but for `tools`, which may be another repository's.
    """
    owned = _owned(own, others, tools)
    return tuple(leak for each in said for leak in _leaks(each, owned))


def refuse(found: tuple[Leak, ...]) -> None:
    """Raise LeakError where there are any, with a sentence for each."""
    if not found:
        return
    lines = "".join(f"\n  {leak}" for leak in found)
    in_files = any(leak.said.source != SHELL for leak in found)
    renew = "write the file anew with `router env --write`" if in_files else 'run `eval "$(router env)"` here'
    raise LeakError(
        f"{len(found)} value{'s' * (len(found) > 1)} here belong{'s' * (len(found) == 1)} to another worktree:{lines}",
        hint=f"{renew}, or let `router run --fix -- …` replace them",
    )


def without_leaks(environ: Mapping[str, str], found: Iterable[Leak]) -> dict[str, str]:
    """Return an environment with the value that should be in the place of each leaked one; some are only removed."""
    values = dict(environ)
    for leak in found:
        if leak.instead is not None:
            values[leak.said.variable] = leak.instead
        else:
            values.pop(leak.said.variable, None)
    return values


def _owned(own: Environment, others: Sequence[Environment], tools: frozenset[str]) -> _Owned:
    values: dict[tuple[str, str], tuple[str, str | None]] = {}
    ports: dict[int, tuple[str, int | None]] = {}
    databases, vhosts, hosts = dict[str, tuple[str, str]](), dict[str, tuple[str, str]](), dict[str, tuple[str, str]]()
    for other in reversed(others):  # the first of several owners is named
        owner = _named_as(other, own)
        mine = {(name, value): (owner, own.values.get(name)) for name, value in other.values.items()}
        values |= {key: both for key, both in mine.items() if key[0] not in _CALLED_ALIKE}
        ports |= {port: (owner, own.ports.get(service)) for service, port in other.ports.items()}
        databases[other.database] = (owner, own.database)
        vhosts[other.vhost] = (owner, own.vhost)
        hosts |= {_host(url): (owner, _host(own.urls.get(s, ""))) for s, url in other.urls.items()}
    for name, value in own.values.items():
        values.pop((name, value), None)
    databases.pop(own.database, None)
    vhosts.pop(own.vhost, None)
    for url in own.urls.values():  # a repository that is not served now may have had the same label
        hosts.pop(_host(url), None)
    roots = tuple(sorted((own, *others), key=lambda each: -len(each.path)))
    return _Owned(values, ports, databases, vhosts, hosts, roots, own, frozenset(own.ports.values()), tools)


def _leaks(said: Said, owned: _Owned) -> Iterator[Leak]:
    if said.variable in _LISTS | _DIRECTORIES:
        yield from _in_directories(said, owned)
        return
    if known := owned.values.get((said.variable, said.value)):
        yield Leak(said, known[0], _what(said.variable), known[1])
        return
    if _PORT.fullmatch(said.variable):
        yield from _as_port(said, owned)
    elif _URL.fullmatch(said.variable):
        yield from _as_url(said, owned)


def _in_directories(said: Said, owned: _Owned) -> Iterator[Leak]:
    listed = said.variable in _LISTS
    entries = said.value.split(":") if listed else [said.value]
    whose = {entry: _owner(entry, owned) for entry in entries}
    rest = ":".join(entry for entry in entries if not whose[entry])
    for entry, owner in whose.items():
        if owner:
            yield Leak(said, owner, f"directory {shown(entry)}" if listed else "directory", rest if listed else None)


def _owner(entry: str, owned: _Owned) -> str | None:
    """Return the other worktree that a path is inside of: the deepest one, as worktrees stand in each other."""
    inside = (each for each in owned.roots if f"{entry}/".startswith(f"{each.path}/"))
    owner = next(inside, owned.own)
    ours = owner.path == owned.own.path or (entry in owned.tools and owner.repository != owned.own.repository)
    return None if ours else _named_as(owner, owned.own)


def _as_port(said: Said, owned: _Owned) -> Iterator[Leak]:
    port = int(said.value) if said.value.isascii() and said.value.isdecimal() and len(said.value) < 6 else 0  # noqa: PLR2004
    if port in owned.ports and port not in owned.own_ports:
        owner, instead = owned.ports[port]
        yield Leak(said, owner, "port", str(instead) if instead else None)


def _as_url(said: Said, owned: _Owned) -> Iterator[Leak]:
    url = _split(said.value)
    if url is None:
        return
    for owner, what, part in chain(_named(url, owned), _placed(url, owned)):
        yield Leak(said, owner, what, part.geturl() if part else None)
        return


def _named(url: SplitResult, owned: _Owned) -> Iterator[tuple[str, str, SplitResult | None]]:
    """Yield whose database or vhost a URL's path is, with the URL as it should be."""
    if _DATABASES.fullmatch(url.scheme) and (known := owned.databases.get(unquote(url.path.removeprefix("/")))):
        yield known[0], "database", url._replace(path=f"/{known[1]}")
    if url.scheme in {"amqp", "amqps"} and (known := owned.vhosts.get(unquote(url.path[1:]))):
        yield known[0], "vhost", url._replace(path=f"/{quote(known[1], safe='')}")


def _placed(url: SplitResult, owned: _Owned) -> Iterator[tuple[str, str, SplitResult | None]]:
    """Yield whose port or host a URL has, with the URL as it should be."""
    host, port = url.hostname or "", url.port or 0
    if port in owned.ports and port not in owned.own_ports and host in _LOOPBACK:
        owner, instead = owned.ports[port]
        yield owner, "port", _at(url, url.netloc.removesuffix(f":{port}") + f":{instead}") if instead else None
    if host in owned.hosts:
        owner, mine = owned.hosts[host]
        yield owner, "host", _at(url, url.netloc.replace(host, mine)) if mine else None


def _at(url: SplitResult, netloc: str) -> SplitResult:
    return url._replace(netloc=netloc)


def _split(value: str) -> SplitResult | None:
    try:
        url = urlsplit(value)
        _ = url.port  # it is looked at here, not before
    except ValueError:
        return None
    return url if url.scheme and (url.netloc or url.path) else None


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _named_as(other: Environment, own: Environment) -> str:
    return other.name if other.repository == own.repository else f"{other.name} of {other.repository}"


def _what(variable: str) -> str:
    kinds = {"DATABASE_NAME": "database", "RABBITMQ_VHOST": "vhost", "REDIS_KEY_PREFIX": "key prefix",
             "COMPOSE_PROJECT_NAME": "Compose project"}  # fmt: skip
    return kinds.get(variable) or ("port" if _PORT.fullmatch(variable) else "value")


def _masked(value: str) -> str:
    """Return a value fit for a line of output, without the password of a URL."""
    return shown(re.sub(r"(://[^:/@\s]*:)[^@/\s]*@", r"\1…@", value))[:200]
