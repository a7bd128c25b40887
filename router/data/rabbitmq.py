"""RabbitMQ: a virtual host for each worktree, by the management plugin's API."""

import contextlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

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
)  # fmt: skip
from router.data.ledger import Record
from router.text import host_port

if TYPE_CHECKING:
    import httpx  # `router env` needs the URL alone

_WAIT = 30.0  # seconds for an answer
_ABOVE = 10_000  # the API's port is by so much higher than the broker's: 15672 to 5672, and where both are mapped
_TAG = "worktree-router"
_MISSING = 404
_UNAUTHORISED = 401


class Rabbitmq(Kind):
    """Virtual hosts; a vhost is made with its mark, its description, in one request."""

    has_templates = False
    copies = False

    def identify(self, connection: Connection) -> Identity:
        """Return which broker this is, by what it gave itself when its data was made."""
        with _opened(connection) as api:
            return Identity(api.identifier())

    def make(self, connection: Connection, record: Record, _order: Order) -> str:
        """Make the record's vhost, with the permissions of the main checkout's; one that is there is never written."""
        with _opened(connection) as api:
            expect_server(api.identifier(), connection, record)
            there = api.get(f"/vhosts/{_part(record.name)}")
            if there is None:
                api.put(f"/vhosts/{_part(record.name)}", {"description": record.mark, "tags": _TAG})
            elif not record.proves(there.get("description")):
                raise foreign("vhost", record)
            for each in api.get(f"/vhosts/{_part(connection.database)}/permissions") or ():
                rights = {right: each[right] for right in ("configure", "write", "read")}
                api.put(f"/permissions/{_part(record.name)}/{_part(each['user'])}", rights)
            return record.nonce

    def is_ours(self, connection: Connection, record: Record) -> bool:
        """Tell whether the broker and the description are the record's."""
        with _opened(connection) as api:
            there = api.get(f"/vhosts/{_part(record.name)}")
            same = api.identifier() == record.identifier
            return same and there is not None and record.proves(there.get("description"))

    def drop(self, connection: Connection, record: Record) -> None:
        """Delete the record's vhost, with its queues and permissions."""
        with _opened(connection) as api:
            expect_server(api.identifier(), connection, record)
            there = api.get(f"/vhosts/{_part(record.name)}")
            ours = there is not None and record.proves(there.get("description"))
            if there is None or not (ours or record.ready):
                return
            if not ours or record.name == connection.database:
                raise foreign("vhost", record)
            expect_nobody(record.name, api.sessions(record.name))
            api.delete(f"/vhosts/{_part(record.name)}")

    def describe(self, connection: Connection, record: Record) -> Description:
        """Return who is connected to the vhost."""
        with _opened(connection) as api:
            there = api.get(f"/vhosts/{_part(record.name)}")
            if there is None:
                return Description("absent")
            if api.identifier() != record.identifier or not record.proves(there.get("description")):
                return Description("foreign", detail=foreign("vhost", record).message)
            return Description("ready", None, api.sessions(record.name))

    def url(self, connection: Connection, name: str) -> str:
        """Return the main checkout's URL with this vhost in it."""
        return connection.with_database(name)


class _Api:
    """The management API, asked."""

    def __init__(self, client: "httpx.Client", connection: Connection) -> None:
        self._client = client
        self._connection = connection

    def identifier(self) -> str:
        found = self.get("/global-parameters/internal_cluster_id")
        return str((found or self.get("/overview") or {}).get("value" if found else "cluster_name", ""))

    def get(self, path: str) -> Any:
        """Return what the path has, None where there is nothing."""
        return self._asked("GET", path)

    def put(self, path: str, content: dict[str, str]) -> None:
        self._asked("PUT", path, content)

    def delete(self, path: str) -> None:
        self._asked("DELETE", path)

    def sessions(self, vhost: str) -> tuple[Session, ...]:
        """Return who is connected; the plugin learns of a new connection after some seconds."""
        found = self.get(f"/vhosts/{_part(vhost)}/connections") or ()
        return tuple(_session(each, number) for number, each in enumerate(found, 1))

    def _asked(self, method: str, path: str, content: dict[str, str] | None = None) -> Any:
        answer = self._client.request(method, f"/api{path}", json=content)
        if answer.status_code == _MISSING:
            return None
        if not answer.is_success:
            raise _refused(answer, self._connection)
        return answer.json() if answer.content else {}


def _session(found: dict[str, Any], number: int) -> Session:
    properties = found.get("client_properties") or {}
    name = properties.get("connection_name") or properties.get("product") or ""
    return Session(
        number, str(name), str(found.get("user", "")), str(found.get("peer_host", "")), found.get("peer_port")
    )


@contextlib.contextmanager
def _opened(connection: Connection) -> Iterator[_Api]:
    import httpx

    host, port = connection.host or "localhost", connection.port + _ABOVE
    login = (connection.user or "guest", connection.password or "guest")
    try:
        with httpx.Client(
            base_url=f"http://{host_port(host, port)}", auth=login, timeout=_WAIT, trust_env=False
        ) as client:
            yield _Api(client, connection)
    except (httpx.HTTPError, ValueError) as exc:
        if _accepts(host, connection.port):
            raise ResourceError(
                "tool-missing", f"RabbitMQ's management plugin does not answer at {host_port(host, port)}",
                hint="enable it: rabbitmq-plugins enable rabbitmq_management",
            ) from exc  # fmt: skip
        raise ResourceError(
            "down", f"RabbitMQ at {host_port(host, connection.port)} does not answer",
            hint="start it, or correct the address; it is tried again",
        ) from exc  # fmt: skip


def _accepts(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=5):
        return True
    return False


def _refused(answer: "httpx.Response", connection: Connection) -> ResourceError:
    try:
        reason = str(answer.json().get("reason", answer.status_code))
    except (ValueError, AttributeError):
        reason = str(answer.status_code)
    user = connection.user or "guest"
    tags = f"let its user manage it: rabbitmqctl set_user_tags {user} administrator"
    cause, hint = "failed", "see the broker's log"
    if answer.status_code == _UNAUTHORISED:
        known = reason != "Login failed"  # `Not administrator user`, `User not authorised to access object`
        cause, hint = ("denied", tags) if known else ("wrong-credentials", "correct its user and password")
    return ResourceError(cause, f"RabbitMQ at {host_port(connection.host, connection.port)} says: {reason}", hint=hint)


def _part(text: str) -> str:
    return quote(text, safe="")
