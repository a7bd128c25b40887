"""PostgreSQL: a database for each worktree, copied from a template of the router's own."""

import contextlib
from collections.abc import Iterator
from typing import ClassVar, Self

from router.data.connection import Connection
from router.data.kind import (
    Description,
    Identity,
    Kind,
    Order,
    ResourceError,
    expect_nobody,
    expect_server,
    expect_small,
    foreign,
)
from router.data.ledger import Record
from router.data.postgres import databases, dump
from router.data.postgres.databases import Database
from router.data.postgres.server import Server, opened, place, quoted
from router.values import dataclass, replace

_PATIENCE = 30.0  # seconds to wait for a maker of what is to be dropped


@dataclass(frozen=True, slots=True)
class Postgres(Kind):
    """Databases of a server of version 13 or later.

    A database is created as `wtr_<nonce>`, marked when it is complete, and renamed: whatever is killed in between
    leaves what the next maker finds by the nonce. `server` is the session that is used, None for a new one each time.
    """

    server: Server | None = None
    has_templates: ClassVar[bool] = True
    copies: ClassVar[bool] = True

    @contextlib.contextmanager
    def in_one_session(self, connection: Connection) -> Iterator[Self]:
        """Give this kind with one session: a new one takes longer than all that it is asked."""
        with opened(connection) as server:
            yield replace(self, server=server)

    def identify(self, connection: Connection) -> Identity:
        """Return which server this is, and how the main checkout's database is."""
        with self._session(connection) as server:
            version = databases.version(server, connection.database)
            return Identity(server.identifier, version, server.sessions(connection.database))

    def make(self, connection: Connection, record: Record, order: Order) -> str:
        """Make the record's database, or finish it, or find it made; return its oid."""
        quoted(record.name)  # before anything is done for it
        with self._session(connection) as server, server.locked(record.name, patience=order.patience):
            expect_server(server.identifier, connection, record)
            there = databases.named(server, record.name)
            if there and record.proves(there.mark) and record.oid in ("", there.oid):
                return there.oid
            if there and not (order.replaced and _is(there, order.replaced)):
                raise foreign("database", record)
            half = databases.named(server, record.half_made)
            if half and not record.proves(half.mark):
                databases.drop(server, half.name)
                half = None
            if half is None:
                _complete(server, connection, record, order)
            swap = [(there.name, order.replaced.half_made)] if there and order.replaced else []
            databases.rename(server, *swap, (record.half_made, record.name))
            made = databases.named(server, record.name)
            return made.oid if made else ""

    def is_ours(self, connection: Connection, record: Record) -> bool:
        """Tell whether the server, the oid and the mark are the record's."""
        with self._session(connection) as server:
            there = databases.named(server, record.name)
            return server.identifier == record.identifier and there is not None and _is(there, record)

    def drop(self, connection: Connection, record: Record) -> None:
        """Drop the record's database, by an own name: no other can take its place between the look and the drop."""
        with self._session(connection) as server, server.locked(record.name, patience=_PATIENCE):
            expect_server(server.identifier, connection, record)
            half = databases.named(server, record.half_made)
            if half and record.oid in ("", half.oid):
                expect_nobody(half.name, server.sessions(half.name))
                return databases.drop(server, half.name)
            there = databases.named(server, record.name)
            if there is None or (not record.oid and not record.proves(there.mark)):
                return None  # it was never made, or is gone
            is_mains = record.source and record.name == connection.database
            if is_mains or not _is(there, record):
                raise foreign("database", record)
            expect_nobody(there.name, server.sessions(there.name))
            databases.rename(server, (record.name, record.half_made))
            renamed = databases.named(server, record.half_made)
            if renamed is None or renamed.oid != there.oid:
                databases.rename(server, (record.half_made, record.name))
                raise foreign("database", record)
            return databases.drop(server, record.half_made)

    def describe(self, connection: Connection, record: Record) -> Description:
        """Return its size, and who is connected."""
        with self._session(connection) as server:
            if server.identifier != record.identifier:
                return Description("foreign", detail=f"{place(connection)} is not the server where it was made")
            there = databases.named(server, record.name)
            if there and _is(there, record):
                return Description("ready", databases.size(server, there.name), server.sessions(there.name))
            if half := databases.named(server, record.half_made):
                return Description("half-made", databases.size(server, half.name), server.sessions(half.name))
            return (
                Description("foreign", detail=foreign("database", record).message) if there else Description("absent")
            )

    def url(self, connection: Connection, name: str) -> str:
        """Return the main checkout's URL with this database in it."""
        return connection.with_database(name)

    def _session(self, connection: Connection) -> contextlib.AbstractContextManager[Server]:
        return contextlib.nullcontext(self.server) if self.server else opened(connection)


def _is(there: Database, record: Record) -> bool:
    return record.proves(there.mark) and record.oid in ("", there.oid)


def _complete(server: Server, connection: Connection, record: Record, order: Order) -> None:
    """Make the half-made database whole and mark it; where that fails nothing is left of it."""
    try:
        _fill(server, connection, record, order)
        if record.is_template:
            databases.close(server, record.half_made)
        databases.mark(server, record.half_made, record.mark)
    except BaseException:
        with contextlib.suppress(ResourceError):  # else the next maker does it
            if databases.named(server, record.half_made):
                databases.drop(server, record.half_made)
        raise


def _fill(server: Server, connection: Connection, record: Record, order: Order) -> None:
    name = record.half_made
    if order.copy is None:
        databases.create(server, name, template=None)
    else:
        size = databases.size(server, order.copy)
        expect_small(order.copy, size, order)
        if order.dumped:
            databases.create_like(server, name, source=order.copy)
            dump.load(connection, source=order.copy, target=name, major=server.major, order=order)
        else:
            databases.create(server, name, template=order.copy, size=size)
        databases.keep_settings(server, name, source=order.copy)
