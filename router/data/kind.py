"""What every kind of database, queue or cache can do: a new kind is one module with these five methods."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Protocol, Self

from router.data.connection import Connection
from router.data.ledger import Record
from router.errors import RouterError
from router.text import host_port
from router.values import dataclass, field

_SHOWN = 3  # sessions that a message names

CAUSES = (
    "down",  # the server does not answer
    "denied",  # its user may not do that
    "wrong-credentials",  # it does not know the user or the password
    "busy",  # somebody is connected, or another maker is at work
    "foreign",  # what has the name is not what the router made
    "full",  # the server's disk is
    "too-big",  # more than the resource's `max`
    "elsewhere",  # the server is not on this machine
    "tool-missing",  # a client library, or a program of the server's version
    "failed",  # anything else: the server's own words say what
)


class ResourceError(RouterError):
    """A database, queue or cache cannot be made, looked at or dropped; `cause` is one of `CAUSES`."""

    def __init__(self, cause: str, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is connected: the server's number of the session, and what it says of its client.

    `pid` is known where there is no server: then the processes themselves are looked at.
    """

    number: int
    application: str = ""
    user: str = ""
    address: str = ""
    port: int | None = None
    pid: int | None = None

    def __str__(self) -> str:
        """Return it as messages name it."""
        return f"{self.application or self.user or 'a client'} (session {self.number})"


@dataclass(frozen=True, slots=True)
class Identity:
    """What is found on a server: `identifier` tells it, with its data, from every other one.

    `version` changes when anything is written into the database that is to be copied, `sessions` are connected to it;
    both only where a kind has templates.
    """

    identifier: str
    version: str = ""
    sessions: tuple[Session, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """How a resource is to be made.

    `copy` is the database that it is a copy of, None for an empty one; `dumped` copies by the server's own tools, which
    disturbs nobody who is connected. `largest` is in bytes; `patience` in seconds, for another maker. `work` is a
    private directory for files, `tools` are where the server's programs are sought, None where they usually are.
    `replaced` is the record of the template whose name the new one takes over. `known` is told the new one's identifier
    before it gets its name, by kinds that cannot mark it.
    """

    copy: str | None = None
    dumped: bool = False
    largest: int = 2_000_000_000
    patience: float = 120.0
    work: Path = Path()
    tools: tuple[Path, ...] | None = None
    replaced: Record | None = None
    known: Callable[[str], object] = field(default=lambda _: None, repr=False)


@dataclass(frozen=True, slots=True)
class Description:
    """How a resource is now: `state` is `ready`, `half-made`, `absent` or `foreign`; `size` in bytes, where known."""

    state: str
    size: int | None = None
    sessions: tuple[Session, ...] = ()
    detail: str = ""


def expect_small(name: str, size: int, order: Order) -> None:
    """Raise ResourceError `too-big` where a copy of so many bytes would be larger than is allowed."""
    if size > order.largest:
        raise ResourceError(
            "too-big",
            f"{name} has {size / 1e6:,.0f} MB, more than the {order.largest / 1e6:,.0f} MB that a copy may have",
            hint='raise `max` of this resource in router.toml, or set `copy = "empty"`',
        )


def foreign(what: str, record: Record) -> ResourceError:
    """Return that what has a record's name, a database say, is not what was made for it."""
    return ResourceError(
        "foreign",
        f"the {what} {record.name} is not the one that the router made",
        hint="it is left as it is: rename or remove it yourself, if nobody needs it",
    )


def expect_server(identifier: str, connection: Connection, record: Record) -> None:
    """Raise ResourceError `foreign` where a record was made on another server than this one, or with other data."""
    if identifier != record.identifier:
        place = host_port(connection.host or "localhost", connection.port)
        raise ResourceError(
            "foreign",
            f"the server at {place} is not the one where {record.name} was made",
            hint="start that one again, or see `router resources`: nothing is done on another one",
        )


def expect_nobody(name: str, sessions: tuple[Session, ...]) -> None:
    """Raise ResourceError `busy`, with who is connected, where anybody is."""
    if sessions:
        more = f" and {len(sessions) - _SHOWN} more" if len(sessions) > _SHOWN else ""
        listed = ", ".join(map(str, sessions[:_SHOWN]))
        raise ResourceError("busy", f"{name} is in use by {listed}{more}", hint="end that program")


def missing_library(library: str, servers: str) -> ResourceError:
    """Return that the library by which the router speaks to some servers is not installed."""
    return ResourceError(
        "tool-missing",
        f"{library}, by which the router speaks to {servers}, is not installed",
        hint="install it: pip install 'worktree-router[data]'",
    )


class Kind(Protocol):
    """A kind of resource. Every method may raise ResourceError; what it leaves unfinished is found by its record."""

    has_templates: ClassVar[bool]
    """Whether it copies a template of the router's own, not the main checkout's database."""
    copies: ClassVar[bool]
    """Whether it can copy at all; else what it makes is empty."""

    @contextlib.contextmanager
    def in_one_session(self, _connection: Connection, /) -> Iterator[Self]:
        """Give this kind, with one session for all that the block asks where a new one each time would take long."""
        yield self

    def identify(self, connection: Connection, /) -> Identity:
        """Return which server this is."""

    def make(self, connection: Connection, record: Record, order: Order, /) -> str:
        """Make what the record says, or finish it, or find it made; return the server's own identifier of it."""

    def is_ours(self, connection: Connection, record: Record, /) -> bool:
        """Tell whether what has the record's name is the very one that was made for it: all marks say so."""

    def drop(self, connection: Connection, record: Record, /) -> None:
        """Drop what was made for the record, finished or not; nothing where there is nothing any more.

        ResourceError `foreign` where something else has its name, `busy` where somebody is connected.
        """

    def describe(self, connection: Connection, record: Record, /) -> Description:
        """Return how it is now."""

    def url(self, connection: Connection, name: str, /) -> str:
        """Return the URL by which programs reach what has that name: the main checkout's, little changed."""
