"""Redis and Valkey: a user for each worktree who sees its own keys and channels only, all with its prefix."""

import contextlib
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from router.data.connection import Connection
from router.data.kind import (
    Description,
    Identity,
    Kind,
    Order,
    ResourceError,
    Session,
    expect_nobody,
    expect_server,
    foreign,
    missing_library,
)
from router.data.ledger import Record
from router.data.servers.valkey import IDENTITY
from router.text import host_port

_RULES = ("+@all", "-@admin", "-@dangerous", "+info")
_SERVER = ("os", "executable", "config_file", "tcp_port")  # what stays through a restart
_WAIT = 60.0  # seconds for an answer
_BATCH = 1000  # keys
_CAUSES = (
    (("WRONGPASS", "NOAUTH", "invalid password", "invalid username", "Authentication"), "wrong-credentials"),
    (("NOPERM", "no permissions", "has no permission"), "denied"),
    (("BUSY", "LOADING", "max number of clients"), "busy"),
    (("OOM", "MISCONF"), "full"),
)
_HINTS = {
    "wrong-credentials": "correct the user and password in the main checkout's env file",
    "denied": "give a user in the main checkout's env file that may run ACL, or leave this resource out",
    "busy": "it is tried again",
    "full": "make room: the server takes no more",
}


class Redis(Kind):
    """Users of a server of version 6 or later; the mark is a key pattern of the user's that stands for nothing.

    A server without an `aclfile` forgets its users when it is restarted: they are made again then.
    """

    has_templates = False
    copies = False

    def identify(self, connection: Connection) -> Identity:
        """Return which server this is."""
        with _opened(connection) as server:
            return Identity(_identifier(server))

    def make(self, connection: Connection, record: Record, _order: Order) -> str:
        """Make the record's user, in one command that leaves nothing half made."""
        with _opened(connection) as server:
            expect_server(_identifier(server), connection, record)
            user = _user(server, record.name)
            if user is None and not record.ready and next(_keys(server, record.name), None) is not None:
                raise foreign("key prefix", record)
            if user is not None and not _is_marked(user, record):
                raise foreign("user", record)
            password = f">{connection.password}" if connection.password else "nopass"
            own = (f"~{_glob(record.name)}:*", f"&{_glob(record.name)}:*", f"~{record.half_made}")
            server.execute_command("ACL", "SETUSER", record.name, "reset", "on", password, *own, *_RULES)
            with contextlib.suppress(Exception):  # it has no file for its users
                server.execute_command("ACL", "SAVE")
            return record.nonce

    def is_ours(self, connection: Connection, record: Record) -> bool:
        """Tell whether the user is the one that was made."""
        with _opened(connection) as server:
            return _identifier(server) == record.identifier and _is_marked(_user(server, record.name), record)

    def drop(self, connection: Connection, record: Record) -> None:
        """Remove the keys with the record's prefix, then its user."""
        with _opened(connection) as server:
            expect_server(_identifier(server), connection, record)
            user = _user(server, record.name)
            if user is None and not record.ready:
                return
            if user is not None and not _is_marked(user, record):
                if not record.ready:
                    return
                raise foreign("user", record)
            expect_nobody(record.name, _sessions(server, record.name))
            for number in _numbers(server):
                server.execute_command("SELECT", number)
                _remove_keys(server, record.name)
            server.execute_command("ACL", "DELUSER", record.name)
            with contextlib.suppress(Exception):
                server.execute_command("ACL", "SAVE")

    def describe(self, connection: Connection, record: Record) -> Description:
        """Return who is connected as the user."""
        with _opened(connection) as server:
            user = _user(server, record.name)
            if user is None:
                return Description("absent")
            if _identifier(server) != record.identifier or not _is_marked(user, record):
                return Description("foreign", detail=foreign("user", record).message)
            return Description("ready", None, _sessions(server, record.name))

    def url(self, connection: Connection, name: str) -> str:
        """Return the main checkout's URL with this user, who has the same password."""
        return connection.with_user(name, connection.password or name)


def _identifier(server: Any) -> str:
    found = server.info("server")
    if (name := str(found.get("availability_zone", ""))).startswith(IDENTITY):
        return name.removeprefix(IDENTITY)
    return sha256("\n".join(str(found.get(each, "")) for each in _SERVER).encode()).hexdigest()[:32]


def _user(server: Any, name: str) -> dict[str, Any] | None:
    found = server.execute_command("ACL", "GETUSER", name)
    return found if isinstance(found, dict) else None


def _is_marked(user: dict[str, Any] | None, record: Record) -> bool:
    return user is not None and f"~{record.half_made}" in str(user.get("keys", "")).replace("'", " ").split()


def _sessions(server: Any, name: str) -> tuple[Session, ...]:
    found = []
    for client in server.client_list():
        if client.get("user") == name:
            address, _, port = str(client.get("addr", "")).rpartition(":")
            found.append(Session(int(client["id"]), client.get("name", ""), name, address, int(port or 0) or None))
    return tuple(found)


def _numbers(server: Any) -> list[int]:
    """Return the numbered databases that have keys."""
    return [int(name.removeprefix("db")) for name in server.info("keyspace") if name.startswith("db")]


def _keys(server: Any, name: str) -> Iterator[str]:
    yield from server.scan_iter(match=f"{_glob(name)}:*", count=_BATCH)


def _remove_keys(server: Any, name: str) -> None:
    batch: list[str] = []
    for key in _keys(server, name):
        batch.append(key)
        if len(batch) == _BATCH:
            server.unlink(*batch)
            batch.clear()
    if batch:
        server.unlink(*batch)


def _glob(name: str) -> str:
    return re.sub(r"([\\*?\[\]])", r"\\\1", name)


@contextlib.contextmanager
def _opened(connection: Connection) -> Iterator[Any]:
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as exc:
        raise missing_library("redis", "Redis and Valkey") from exc
    place = host_port(connection.host or "localhost", connection.port)
    try:
        with redis.Redis(
            host=connection.host or "localhost", port=connection.port, username=connection.user or None,
            password=connection.password or None, socket_timeout=_WAIT, decode_responses=True,
            db=int(connection.database) if connection.database.isdecimal() else 0, single_connection_client=True,
            unix_socket_path=connection.host if connection.host.startswith("/") else None,
            retry=Retry(NoBackoff(), 0), ssl=connection.url.lower().startswith(("rediss:", "valkeys:")),
        ) as server:  # fmt: skip
            yield server
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as exc:
        if isinstance(exc, (redis.exceptions.AuthenticationError, redis.exceptions.BusyLoadingError)):
            raise _of_server(exc, place) from exc
        raise ResourceError(
            "down", f"Redis at {place} does not answer", hint="start it, or correct the address; it is tried again"
        ) from exc
    except redis.exceptions.RedisError as exc:
        raise _of_server(exc, place) from exc


def _of_server(exc: Exception, place: str) -> ResourceError:
    said = str(exc)
    cause = next((cause for texts, cause in _CAUSES if any(text in said for text in texts)), "failed")
    hint = _HINTS.get(cause, "it needs a server of version 6 or later: see what it says")
    return ResourceError(cause, f"Redis at {place} says: {said}", hint=hint)
