"""What `router whose` is asked about, read from one word: a port, a pid, a host, a path, a container's name."""

import re
from urllib.parse import urlsplit

from router.errors import UsageError
from router.ports import HIGHEST
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """A bare number: a port where one is known, else a pid."""

    value: int


@dataclass(frozen=True, slots=True)
class Port:
    """A port of this machine."""

    value: int


@dataclass(frozen=True, slots=True)
class Host:
    """A host below `localhost`, and the path asked for on it."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Directory:
    """A path."""

    path: str


@dataclass(frozen=True, slots=True)
class Word:
    """A name: of a container, or of a worktree."""

    text: str


Asked = Number | Port | Host | Directory | Word

_HERE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - read, not bound
_URL = re.compile(r"https?://.+|[a-z0-9.-]*localhost(?::[0-9]+)?(?:/.*)?|127\.0\.0\.1:[0-9]+.*|\[::1\]:[0-9]+.*")


def asked(text: str) -> Asked:
    """Return what a word asks about. UsageError for a URL that is none of this machine's, or of no port."""
    if re.fullmatch(r":[0-9]{1,5}", text):
        return Port(_port(int(text[1:])))
    if re.fullmatch(r"[0-9]{1,10}", text):
        return Number(int(text))
    if _URL.fullmatch(text):
        return _of_url(text)
    if "/" in text or text in {".", ".."}:
        return Directory(text)
    return Word(text)


def _of_url(text: str) -> Asked:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise UsageError(f"{text!r} is no URL: {exc}", hint="put it in quotes, with its host and port") from exc
    if host in _HERE:
        return Port(_port(port or (443 if parts.scheme == "https" else 80)))
    if host.endswith(".localhost"):
        return Host(host, parts.path)
    raise UsageError(f"{host} is not this machine", hint="ask about a host below localhost, or about a port")


def _port(number: int) -> int:
    if 0 < number <= HIGHEST:
        return number
    raise UsageError(f"{number} is no port", hint=f"ports go from 1 to {HIGHEST}")
