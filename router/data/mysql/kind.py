"""MariaDB and MySQL: an empty database for each worktree, with the grants of the main checkout's."""

import contextlib

from router.data.connection import Connection
from router.data.kind import Description, Identity, Kind, Order, ResourceError, expect_nobody, expect_server, foreign
from router.data.ledger import Record
from router.data.mysql.server import MARK, Server, opened, pattern, quoted

_CREATING = "creating"  # the oid of a record whose database may be there without its mark
_PATIENCE = 30.0  # seconds to wait for a maker of what is to be dropped


class Mysql(Kind):
    """Databases that cannot be renamed: what is half made has its name, and no mark in it yet."""

    has_templates = False
    copies = False

    def identify(self, connection: Connection) -> Identity:
        """Return which server this is."""
        with opened(connection) as server:
            return Identity(server.identifier)

    def make(self, connection: Connection, record: Record, order: Order) -> str:
        """Create the record's database, mark it, and grant what others may do in the main checkout's."""
        quoted(record.name)
        with opened(connection) as server:
            server.lock(record.name, patience=order.patience)
            expect_server(server.identifier, connection, record)
            if server.exists(record.name):
                if record.proves(server.mark(record.name)):
                    return record.nonce
                if record.oid != _CREATING or not server.is_empty(record.name):
                    raise foreign("database", record)
            else:
                order.known(_CREATING)  # if this process is killed now, an empty database of that name is its own
                server.create(record.name, like=connection.database)
            _grant(server, connection.database, record.name)
            server.rows(f"CREATE PROCEDURE {quoted(record.name)}.{MARK}() COMMENT {server.literal(record.mark)} DO 0")
            return record.nonce

    def is_ours(self, connection: Connection, record: Record) -> bool:
        """Tell whether the server and the mark are the record's."""
        with opened(connection) as server:
            return server.identifier == record.identifier and record.proves(server.mark(record.name))

    def drop(self, connection: Connection, record: Record) -> None:
        """Drop the record's database and what was granted in it."""
        with opened(connection) as server:
            server.lock(record.name, patience=_PATIENCE)
            expect_server(server.identifier, connection, record)
            if not server.exists(record.name):
                return
            ours = record.proves(server.mark(record.name))
            half = record.oid == _CREATING and server.is_empty(record.name)
            if not record.oid and not ours:
                return  # it was never made
            if record.name == connection.database or not (ours or half):
                raise foreign("database", record)
            expect_nobody(record.name, server.sessions(record.name))
            server.rows(f"DROP DATABASE {quoted(record.name)}")
            for grantee in {grantee for grantee, _ in server.grants(record.name)}:
                with contextlib.suppress(ResourceError):
                    server.rows(f"REVOKE ALL PRIVILEGES ON {pattern(record.name)}.* FROM {grantee}")

    def describe(self, connection: Connection, record: Record) -> Description:
        """Return its size, and who is connected, as far as its user sees them."""
        with opened(connection) as server:
            if server.identifier != record.identifier:
                return Description("foreign", detail="it was made on another server")
            if not server.exists(record.name):
                return Description("absent")
            if record.proves(server.mark(record.name)):
                return Description("ready", server.size(record.name), server.sessions(record.name))
            if record.oid == _CREATING and server.is_empty(record.name):
                return Description("half-made")
            return Description("foreign", detail=foreign("database", record).message)

    def url(self, connection: Connection, name: str) -> str:
        """Return the main checkout's URL with this database in it."""
        return connection.with_database(name)


def _grant(server: Server, source: str, name: str) -> None:
    """Let those into a database who have a grant for the source alone, as far as this user may grant it."""
    for grantee, privilege in server.grants(source) if source else ():
        with contextlib.suppress(ResourceError):
            server.rows(f"GRANT {privilege} ON {pattern(name)}.* TO {grantee}")
