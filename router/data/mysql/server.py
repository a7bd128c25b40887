"""A session with a MariaDB or MySQL server: statements in, rows out, its errors as the router's."""

import contextlib
import getpass
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from router.data.connection import Connection
from router.data.kind import ResourceError, Session, missing_library
from router.text import host_port

LONGEST_NAME = 63
MARK = "_worktree_router"  # a procedure: frameworks that write down or compare a schema look at tables
_CONNECT, _STATEMENT = 10, 600  # seconds
_SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")  # noqa: S108
_PORT = 3306
_CAUSES = {
    1045: "wrong-credentials", 1698: "wrong-credentials",
    **dict.fromkeys((1044, 1142, 1227, 1370, 1410), "denied"),
    **dict.fromkeys((2002, 2003, 2006, 2013, 1053), "down"),
    **dict.fromkeys((1040, 1205, 1203, 1226), "busy"),
    **dict.fromkeys((1021, 1114, 3675), "full"),
    1007: "foreign",
}  # fmt: skip
_UNKNOWN_VARIABLE = 1193


class Server:
    """One session with a server."""

    def __init__(self, session: Any, connection: Connection) -> None:
        self._session = session
        self._connection = connection

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement, with `%s` for each value, and return its rows."""
        with _translated(self._connection), self._session.cursor() as cursor:
            cursor.execute(statement, values or None)
            return [*cursor.fetchall()]

    def one(self, statement: str, *values: object) -> Any:
        """Return the first value of the first row, None where there is none."""
        found = self.rows(statement, *values)
        return found[0][0] if found else None

    def literal(self, text: str) -> str:
        """Return a text as SQL writes it."""
        return str(self._session.escape(text))

    @property
    def identifier(self) -> str:
        """MySQL's own identifier of its data; MariaDB has none, so what its place and its program tell."""
        try:
            return str(self.one("SELECT @@server_uuid"))
        except ResourceError as exc:
            if _code(exc.__cause__) != _UNKNOWN_VARIABLE:
                raise
        return str(self.one("SELECT SHA1(CONCAT_WS(' ', @@hostname, @@port, @@datadir, @@socket))"))

    def lock(self, name: str, *, patience: float) -> None:
        """Take the lock of a name until this session ends. ResourceError `busy` after `patience` seconds."""
        key = f"wtr{sha256(name.encode()).hexdigest()[:40]}"
        if not self.one("SELECT GET_LOCK(%s, %s)", key, patience):
            raise ResourceError("busy", f"another router is making or dropping {name}", hint="it is tried again")

    def exists(self, name: str) -> bool:
        """Tell whether there is a database of that name."""
        return bool(self.rows("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", name))

    def mark(self, name: str) -> str | None:
        """Return the mark in a database, None where it has none."""
        found = self.one(
            "SELECT ROUTINE_COMMENT FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s AND ROUTINE_NAME = %s",
            name, MARK,
        )  # fmt: skip
        return None if found is None else str(found)

    def is_empty(self, name: str) -> bool:
        """Tell whether a database has neither tables nor routines."""
        return not self.rows(
            "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
            " UNION SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s",
            name, name,
        )  # fmt: skip

    def create(self, name: str, *, like: str) -> None:
        """Create an empty database, with the character set of another one."""
        found = self.rows(
            "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
            " WHERE SCHEMA_NAME = %s",
            like,
        )
        options = f" CHARACTER SET {_word(found[0][0])} COLLATE {_word(found[0][1])}" if found else ""
        self.rows(f"CREATE DATABASE {quoted(name)}{options}")

    def grants(self, name: str) -> list[tuple[str, str]]:
        """Return who may do what in a database alone, as far as this user may see it."""
        found = self.rows(
            "SELECT GRANTEE, PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES"
            " WHERE TABLE_SCHEMA IN (%s, %s) AND PRIVILEGE_TYPE <> 'USAGE'",
            name, _escaped(name),
        )  # fmt: skip
        return [(str(grantee), str(privilege)) for grantee, privilege in found]

    def sessions(self, name: str) -> tuple[Session, ...]:
        """Return who is connected to a database, as far as this user sees it."""
        found = self.rows("SELECT ID, USER, HOST FROM information_schema.PROCESSLIST WHERE DB = %s", name)
        return tuple(Session(number, "", user, *_client(host)) for number, user, host in found)

    def size(self, name: str) -> int:
        """Return a database's size in bytes."""
        return int(self.one(
            "SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) FROM information_schema.TABLES"
            " WHERE TABLE_SCHEMA = %s",
            name,
        ))  # fmt: skip


def quoted(name: str) -> str:
    """Return a name as SQL writes it. ResourceError where it cannot be a database's."""
    if not name or "\0" in name or len(name.encode()) > LONGEST_NAME:
        raise ResourceError(
            "failed", f"{name!r} cannot be the name of a database: it has to have 1 to {LONGEST_NAME} bytes",
            hint="choose a shorter name",
        )  # fmt: skip
    return "`{}`".format(name.replace("`", "``"))


def pattern(name: str) -> str:
    """Return a name as GRANT takes it: there `_` and `%` stand for others, so that a grant would let into those too."""
    return "`{}`".format(_escaped(name).replace("`", "``"))


def _escaped(name: str) -> str:
    return re.sub(r"([\\_%])", r"\\\1", name)


def _word(text: object) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "", str(text))


def _client(host: str) -> tuple[str, int | None]:
    address, _, port = host.rpartition(":")
    return (address, int(port)) if port.isdecimal() else (host, None)


@contextlib.contextmanager
def opened(connection: Connection) -> Iterator[Server]:
    """Open a session on the server of a connection, and end it with the block. ResourceError says why not."""
    with _translated(connection):
        import pymysql

        session = pymysql.connect(
            host=connection.host or "localhost", port=connection.port, unix_socket=_socket(connection),
            user=connection.user or getpass.getuser(), password=connection.password, autocommit=True,
            connect_timeout=_CONNECT, read_timeout=_STATEMENT, program_name="worktree-router",
        )  # fmt: skip
    try:
        yield Server(session, connection)
    finally:
        with contextlib.suppress(Exception):  # it may have been lost
            session.close()


def _socket(connection: Connection) -> str | None:
    """Return the server's Unix socket: MySQL's own clients take it for `localhost`."""
    if connection.host.startswith("/"):
        return connection.host
    usual = connection.host in ("", "localhost") and connection.port == _PORT
    return next((path for path in _SOCKETS if Path(path).exists()), None) if usual else None


@contextlib.contextmanager
def _translated(connection: Connection) -> Iterator[None]:
    try:
        from pymysql.err import Error
    except ImportError as exc:
        raise missing_library("PyMySQL", "MariaDB and MySQL") from exc
    try:
        yield
    except (Error, OSError) as exc:
        cause = "down" if isinstance(exc, OSError) else _CAUSES.get(_code(exc), "failed")
        said = exc.args[1] if len(exc.args) > 1 else exc
        place = host_port(connection.host or "localhost", connection.port)
        raise ResourceError(cause, f"MySQL at {place} says: {said}", hint=_hint(cause, connection)) from exc


def _code(exc: BaseException | None) -> int:
    return exc.args[0] if exc and exc.args and isinstance(exc.args[0], int) else 0


def _hint(cause: str, connection: Connection) -> str:
    own = pattern(f"{connection.database}_").removesuffix("`") + "%`"
    return {
        "down": "start it, or correct the address; it is tried again",
        "wrong-credentials": "correct the user and password in the main checkout's env file",
        "denied": f"have an administrator run: GRANT ALL ON {own}.* TO the user of the URL",
        "busy": "it is tried again",
        "full": "make room on the server's disk: `router prune` shows what could be dropped",
        "foreign": "rename or drop that database, if nobody needs it",
    }.get(cause, "see the server's log")
