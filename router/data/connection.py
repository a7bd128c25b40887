"""The URL by which a program reaches its database, queue or cache: read, and written with another database in it."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from router.errors import ConnectionUrlError
from router.values import dataclass, field

KINDS = ("postgres", "mysql", "sqlite", "redis", "amqp")
_SCHEMES = {
    **dict.fromkeys(("postgres", "postgresql", "postgis", "psql", "pgsql", "postgresql_psycopg2"), "postgres"),
    **dict.fromkeys(("mysql", "mysql2", "mysqlgis", "mariadb"), "mysql"),
    **dict.fromkeys(("sqlite", "sqlite3", "spatialite", "file"), "sqlite"),
    **dict.fromkeys(("redis", "rediss", "valkey", "valkeys", "unix"), "redis"),
    **dict.fromkeys(("amqp", "amqps"), "amqp"),
}
_PORTS = {"postgres": 5432, "mysql": 3306, "redis": 6379, "amqp": 5672, "amqps": 5671, "sqlite": 0}
_DRIVERS = ("postgres", "mysql", "sqlite")  # kinds of which SQLAlchemy's `postgresql+asyncpg` names the driver too
_SOCKETS = ("unix_socket", "unix_sock", "socket", "socketPath")  # what MySQL's clients call it in a query
_LONGEST = 8192  # characters of a URL
_URL = re.compile(r"(?P<scheme>(?:jdbc:)?[a-z][a-z0-9_.-]*(?:\+[a-z0-9_.-]+)?):(?P<rest>.*)", re.DOTALL | re.IGNORECASE)
_REST = re.compile(r"//(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?", re.DOTALL)
_AUTHORITY = re.compile(
    r"(?:(?P<user>[^:]*)(?::(?P<password>.*))?@)?(?P<host>\[[^\]@]*\]|[^:@]*)(?::(?P<port>[^:@]*))?"
)
_MEMORY = ("", ":memory:")
_REMEDY = "write it as in postgres://user:password@localhost:5432/shop, or give its kind"


@dataclass(frozen=True, slots=True)
class Connection:
    """How one database, queue or cache is reached. Neither its password nor its URL is ever shown.

    `host` is a name or an address without brackets, or the path of a Unix socket (PostgreSQL: of its directory); empty
    where the URL leaves it to the client. `port` is 0 for SQLite. `database` is decoded: a name, RabbitMQ's vhost,
    Redis' number, SQLite's absolute path; empty where neither the URL nor a rule of the kind's names one. `before` and
    `after` are the URL's text around it.
    """

    kind: str
    host: str
    port: int
    user: str
    database: str
    password: str = field(repr=False)
    url: str = field(repr=False)
    before: str = field(repr=False)
    after: str = field(repr=False)

    def with_database(self, name: str) -> str:
        """Return the same URL, byte for byte, with another database in it, encoded as this one is.

        For SQLite `name` is a path, absolute or relative to what the URL's own is relative to.
        """
        return f"{self.before}{self._encoded(name)}{self.after}"

    def with_user(self, user: str, password: str) -> str:
        """Return the same URL with another user and password in it; the database stays."""
        start = self.url.index("://") + len("://")
        end = start + len(re.split("[/?#]", self.url[start:])[0])
        host = self.url[start:end].rpartition("@")[2]
        return f"{self.url[:start]}{quote(user, safe='')}:{quote(password, safe='')}@{host}{self.url[end:]}"

    def on_this_machine(self) -> bool:
        """Tell whether it is reached without leaving this machine: by loopback, a Unix socket, or as a file."""
        host = self.host.rstrip(".").lower()
        if not host or host.startswith(("/", "@")) or host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback or address.is_unspecified

    def _encoded(self, name: str) -> str:
        written = self.url[len(self.before) : len(self.url) - len(self.after)]
        if self.kind == "sqlite":  # SQLAlchemy decodes nothing, so only what would end the path is encoded
            path = re.sub(r"[%?#]", lambda found: quote(found[0]), name)
            opaque = self.before.endswith(":")
            return f"//{path}" if opaque and written.startswith("//") and path.startswith("/") else path
        if self.kind == "amqp" and written.startswith("/"):  # Celery's `amqp://localhost//name`
            return quote(name, safe="/")
        text = quote(name, safe="")
        return text.replace("%2F", "%2f") if "%2f" in written else text


def read(url: str, *, kind: str | None = None, directory: Path) -> Connection:
    """Return how the database of a URL is reached; `kind` decides where its scheme is no known one.

    `directory` is what a relative path is relative to. For SQLite, where the kind is given, a path alone is a URL too.
    ConnectionUrlError names the scheme at most: whatever else cannot be read may be part of a password.
    """
    if len(url) > _LONGEST or not url.isprintable():
        raise ConnectionUrlError("the URL is too long or has a control character in it", hint=_REMEDY)
    found = _URL.fullmatch(url)
    if kind == "sqlite" and (found is None or _kind(found["scheme"]) != "sqlite"):
        return _file(url, "", url, directory)
    if found is None:
        raise ConnectionUrlError("the value is no URL", hint=_REMEDY)
    scheme = found["scheme"]
    known = _kind(scheme) or kind
    if known not in KINDS:
        raise ConnectionUrlError(
            f"{scheme}: is the scheme of no known kind",
            hint=f"give its kind, one of {', '.join(KINDS)}, or leave this variable out",
        )
    if kind not in (None, known):
        raise ConnectionUrlError(f"a URL with {scheme}: is of the kind {known}, not {kind}", hint="correct its kind")
    if known == "sqlite":
        return _sqlite(url, scheme, directory)
    return _server(url, scheme, known)


def _kind(scheme: str) -> str | None:
    plain, _, driver = scheme.lower().removeprefix("jdbc:").partition("+")
    kind = _SCHEMES.get(plain)
    return None if driver and kind not in _DRIVERS else kind


def _server(url: str, scheme: str, kind: str) -> Connection:
    parts = _REST.fullmatch(url[len(scheme) + 1 :])
    authority = parts and _AUTHORITY.fullmatch(_last_at(parts["authority"]))
    if not parts or not authority:
        raise _unreadable(scheme, "has no host that can be read")
    if "@" in parts["path"] and "@" not in parts["authority"]:
        raise _unreadable(scheme, "has a `/`, `?` or `#` in its password", hint="write it percent-encoded, as in %2F")
    query = _query(parts["query"] or "")
    given = {name: unquote(authority[name] or "") for name in ("user", "password", "host", "port")}
    given |= _of_query(query, kind)
    if "," in given["host"]:
        raise _unreadable(scheme, "names several hosts", hint="name the one whose database is to be copied")
    before, text, after = _around(url, scheme, parts, query, kind)
    if scheme.lower() == "unix":  # redis-py: the path is the socket's
        given["host"], text = unquote(parts["path"]), query.get("db", "0")
    user, database = given["user"], unquote(text)
    if "\0" in f"{user}{given['password']}{given['host']}{database}":
        raise _unreadable(scheme, "has a NUL in it")
    return Connection(
        kind, given["host"].strip("[]"), _port(given["port"], scheme, kind), user, _named(kind, database, user),
        given["password"], url, before, after,
    )  # fmt: skip


def _last_at(authority: str) -> str:
    """Return an authority whose password has no bare `@`: many are written with one, and clients take the last."""
    user, at, host = authority.rpartition("@")
    return f"{user.replace('@', '%40')}{at}{host}"


def _query(text: str) -> Mapping[str, str]:
    pairs = (pair.partition("=") for pair in text.split("&"))
    return {name: unquote(value) for name, _, value in pairs}


def _of_query(query: Mapping[str, str], kind: str) -> dict[str, str]:
    """Return what the query says in place of the authority, as libpq, JDBC and MySQL's clients read it."""
    found: dict[str, str] = {}
    if kind in ("postgres", "mysql"):
        found |= {name: query[name] for name in ("user", "password") if name in query}
    if kind == "postgres":
        found |= {name: query[name] for name in ("host", "port") if query.get(name)}
        if (host := found.get("host", "")) and not host.startswith(("/", "[")) and host.count(":") == 1:
            found["host"], _, found["port"] = host.partition(":")  # SQLAlchemy's `?host=db1:5433`
        if query.get("hostaddr"):  # libpq connects there, whatever the host
            found["host"] = query["hostaddr"]
    if kind == "mysql":
        for name in _SOCKETS:
            if query.get(name, "").startswith("/"):
                found["host"] = query[name]
    return found


def _around(url: str, scheme: str, parts: re.Match[str], query: Mapping[str, str], kind: str) -> tuple[str, str, str]:
    """Return the URL's text before the database, the database's, and what follows it.

    It stands in the query where that names it (libpq's `dbname`, redis-py's `db`), else in the path.
    """
    named = {"postgres": "dbname", "redis": "db"}.get(kind, "")
    offset = len(scheme) + 1
    if query.get(named):
        found = [*re.finditer(rf"(?:^|&){named}=([^&]*)", parts["query"])][-1]
        start, end = (offset + parts.start("query") + at for at in found.span(1))
        return url[:start], url[start:end], url[end:]
    start, end = (offset + at for at in parts.span("path"))
    if scheme.lower() == "unix":
        joint = "?" if parts["query"] is None else "&" if parts["query"] else ""
        return f"{url}{joint}db=", "", ""
    return f"{url[:start]}/", url[start + 1 : end], url[end:]


def _port(text: str, scheme: str, kind: str) -> int:
    if not text:
        return _PORTS.get(scheme.lower(), _PORTS[kind])
    if not re.fullmatch("[0-9]{1,5}", text, re.ASCII) or not 0 < int(text) < 1 << 16:
        raise _unreadable(scheme, "has a port that is none")  # unnamed: it may be what follows a `/` in a password
    return int(text)


def _named(kind: str, database: str, user: str) -> str:
    """Return the database that a client takes: without one in the URL its own default."""
    if kind == "postgres":
        return database or user
    if kind == "redis":
        return database or "0"
    if kind == "amqp":
        return database or "/"
    return database


def _sqlite(url: str, scheme: str, directory: Path) -> Connection:
    """Return a file's connection; how many slashes are the path's own is a rule of each scheme.

    `sqlite:///dev.db` is relative (SQLAlchemy, Django, Laravel), `sqlite3:///dev.db` (Rails) and `file:///dev.db` are
    absolute. SQLx reads the first one as absolute too: so is a file that is there only then.
    """
    rest = url[len(scheme) + 1 :]
    if not scheme.lower().endswith(("sqlite3", "file")) and (slashes := re.match("///?", rest)):
        start = len(scheme) + 1 + len(slashes[0])
        path = _path(url[start:])
        if len(slashes[0]) == len("///") and not (directory / path).exists() and Path(f"/{path}").exists():
            path = f"/{path}"
    else:
        start, path = len(scheme) + 1, re.sub("^//+", "/", _path(rest))
    return _file(url, url[:start], path, directory)


def _file(url: str, before: str, path: str, directory: Path) -> Connection:
    if path in _MEMORY or "\0" in path or "mode=memory" in url:
        raise ConnectionUrlError("an SQLite database in memory cannot be copied", hint="name a file")
    after = url[len(before) :][len(re.split("[?#]", url[len(before) :])[0]) :]
    return Connection("sqlite", "", 0, "", str(directory / path), "", url, before, after)


def _path(text: str) -> str:
    return unquote(re.split("[?#]", text)[0])


def _unreadable(scheme: str, what: str, *, hint: str = _REMEDY) -> ConnectionUrlError:
    return ConnectionUrlError(f"the URL with {scheme}: {what}", hint=hint)
