"""A session with a PostgreSQL server: statements in, rows out, its errors as the router's."""

import contextlib
import getpass
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from router.data.connection import Connection
from router.data.kind import ResourceError, Session, missing_library
from router.text import host_port

APPLICATION = "worktree-router"
LONGEST_NAME = 63  # bytes; what is longer PostgreSQL cuts, so that two names may meet
_CONNECT = 10.0  # seconds to connect, also to a server that is stopped
_STATEMENT = 3600.0  # seconds for one statement: a large copy on a slow disk
_POLL = 0.1
_DOORS = ("postgres", "template1")  # databases to work from: in the source our own session would be in the way
_KEY = "hashtextextended(:name, 7797)"  # of the lock of a name
_NO_SUCH_DATABASE = "3D000"
_CAUSES = {
    "28P01": "wrong-credentials", "28000": "wrong-credentials",
    "42501": "denied",
    "55006": "busy", "55P03": "busy", "53300": "busy", "57014": "busy",
    "53100": "full",
    "57P01": "down", "57P02": "down", "57P03": "down",
    "42P04": "foreign", "23505": "foreign",
}  # fmt: skip


def quoted(name: str) -> str:
    """Return a name as SQL writes it. ResourceError where PostgreSQL would take another one for it."""
    if not name or "\0" in name or len(name.encode()) > LONGEST_NAME:
        raise ResourceError(
            "failed",
            f"{name!r} cannot be the name of a database: it has to have 1 to {LONGEST_NAME} bytes, none of them NUL",
            hint="choose a shorter name",
        )
    return '"{}"'.format(name.replace('"', '""'))


def literal(text: str) -> str:
    """Return a text as SQL writes it, whatever `standard_conforming_strings` is."""
    return "E'{}'".format(text.replace("\\", "\\\\").replace("'", "''").replace("\0", ""))


class Server:
    """One session with a server, in a database that no copy is made of."""

    def __init__(self, session: Any, connection: Connection) -> None:
        self._session = session
        self._connection = connection

    def rows(self, statement: str, **values: object) -> list[list[Any]]:
        """Run a statement, with `:name` for each value, and return its rows."""
        with translated(self._connection):
            return [*(self._session.run(statement, **values) or ())]

    def one(self, statement: str, **values: object) -> Any:
        """Return the first value of the first row, None where there is none."""
        found = self.rows(statement, **values)
        return found[0][0] if found else None

    @cached_property
    def major(self) -> int:
        """The server's major version."""
        return int(self.one("SHOW server_version_num")) // 10_000

    @cached_property
    def identifier(self) -> str:
        """What initdb gave the server's data: a copy of its files has the same, a new data directory another one."""
        return str(self.one("SELECT system_identifier FROM pg_control_system()"))

    def sessions(self, database: str) -> tuple[Session, ...]:
        """Return who is connected to a database, but for what PostgreSQL itself ends where it is in the way."""
        found = self.rows(
            "SELECT pid, application_name, usename, host(client_addr), client_port FROM pg_stat_activity"
            " WHERE datname = :name AND backend_type IS DISTINCT FROM 'autovacuum worker' ORDER BY pid",
            name=database,
        )
        return tuple(Session(pid, application or "", user or "", address or "", port)
                     for pid, application, user, address, port in found)  # fmt: skip

    @contextlib.contextmanager
    def locked(self, name: str, *, patience: float) -> Iterator[None]:
        """Have the lock of a name until the block, or this session, ends. ResourceError `busy` after so many seconds.

        A maker that was killed has it for as long as the server works for it.
        """
        deadline = time.monotonic() + patience
        while not self.one(f"SELECT pg_try_advisory_lock({_KEY})", name=name):
            if time.monotonic() > deadline:
                raise ResourceError(
                    "busy", f"another router has been making or dropping {name} for {patience:.0f} s",
                    hint="it is tried again",
                )  # fmt: skip
            time.sleep(_POLL)
        try:
            yield
        finally:
            with contextlib.suppress(ResourceError):  # the session has ended, and the lock with it
                self.one(f"SELECT pg_advisory_unlock({_KEY})", name=name)


@contextlib.contextmanager
def opened(connection: Connection) -> Iterator[Server]:
    """Open a session on the server of a connection, and end it with the block. ResourceError says why not."""
    session = _session(connection)
    try:
        yield Server(session, connection)
    finally:
        with contextlib.suppress(Exception):  # it may have been lost
            session.close()


def _session(connection: Connection) -> Any:
    for door in _DOORS:
        try:
            with translated(connection):
                return _connected(connection, door)
        except ResourceError as exc:
            if door == _DOORS[-1] or _said(exc.__cause__).get("C") != _NO_SUCH_DATABASE:
                raise
    raise AssertionError("the last door either opens or raises")


def _connected(connection: Connection, database: str) -> Any:
    import socket

    from pg8000 import native

    path = _socket(connection)
    made = socket.socket(socket.AF_UNIX) if path else None
    if made is None:
        made = socket.create_connection((connection.host or "localhost", connection.port), _CONNECT)
    try:
        if path:
            made.settimeout(_CONNECT)
            made.connect(path)
        session = native.Connection(
            connection.user or getpass.getuser(), database=database, password=connection.password or None, sock=made,
            application_name=APPLICATION, ssl_context=None if "sslmode=require" in connection.after else False,
        )  # fmt: skip
        if made.fileno() != -1:  # with TLS another object has the socket, and its time
            made.settimeout(_STATEMENT)
    except BaseException:
        made.close()
        raise
    return session


def _socket(connection: Connection) -> str | None:
    """Return the path of the server's Unix socket, as libpq finds it."""
    name = f".s.PGSQL.{connection.port}"
    if connection.host.startswith("/"):
        return f"{connection.host}/{name}"
    if connection.host:
        return None
    return next((str(path) for folder in ("/var/run/postgresql", "/tmp")  # noqa: S108 - libpq looks there
                 if (path := Path(folder, name)).exists()), None)  # fmt: skip


@contextlib.contextmanager
def translated(connection: Connection) -> Iterator[None]:
    """Raise what pg8000 raises in the block as ResourceError."""
    try:
        from pg8000.exceptions import DatabaseError, Error
    except ImportError as exc:
        raise missing_library("pg8000", "PostgreSQL") from exc
    try:
        yield
    except DatabaseError as exc:
        raise _of_server(_said(exc), connection) from exc
    except (Error, OSError) as exc:
        raise ResourceError(
            "down", f"PostgreSQL at {place(connection)} does not answer: {_reason(exc)}",
            hint="start it, or correct the address; it is tried again",
        ) from exc  # fmt: skip


def _said(exc: BaseException | None) -> Mapping[str, str]:
    """Return the fields of an error that the server sent: `C` is its SQLSTATE, `M` its text."""
    said = exc.args[0] if exc and exc.args else None
    return said if isinstance(said, dict) else {"M": str(exc)}


def _reason(exc: BaseException) -> str:
    deepest = exc.__cause__ or exc
    return (deepest.strerror if isinstance(deepest, OSError) else None) or str(deepest)


def _of_server(found: Mapping[str, str], connection: Connection) -> ResourceError:
    code, said = found.get("C", ""), found.get("M", "")
    cause = _CAUSES.get(code, "down" if code.startswith("08") else "failed")
    return ResourceError(cause, f"PostgreSQL at {place(connection)} says: {said}", hint=_hint(cause, said, connection))


def _hint(cause: str, said: str, connection: Connection) -> str:
    role = quoted(connection.user or getpass.getuser())
    if "copy database" in said:
        return f"have a superuser run: ALTER DATABASE {quoted(connection.database)} OWNER TO {role}"
    return {
        "denied": f"have a superuser run: ALTER ROLE {role} CREATEDB",
        "wrong-credentials": "correct the user and password in the main checkout's env file",
        "busy": "it is tried again",
        "full": "make room on the server's disk: `router prune` shows what could be dropped",
        "down": "it is tried again",
        "foreign": "rename or drop that database, if nobody needs it",
    }.get(cause, "see the server's log")


def place(connection: Connection) -> str:
    """Return where a server is, as messages name it."""
    return host_port(connection.host or "localhost", connection.port)
