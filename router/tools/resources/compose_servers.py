"""The databases, queues and caches that a Compose file runs, and the URLs that it has for them."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from router.references import is_reference, read, split
from router.tools.compose.document import Node, items, members, pairs, place, text_of
from router.tools.compose.interpolation import Variables, split_at
from router.tools.compose.stack import Stack
from router.tools.resources.uses import Use, reached
from router.values import dataclass

_IMAGES = (
    (re.compile(r"postgres|postgis|pgvector|timescaledb"), "postgres"),
    (re.compile(r"mysql|mariadb|percona"), "mysql"),
    (re.compile(r"redis|valkey"), "redis"),
    (re.compile(r"rabbitmq"), "amqp"),
)
_PORTS = {"postgres": 5432, "mysql": 3306, "redis": 6379, "amqp": 5672}
_DATABASE = ("POSTGRES_DB", "MYSQL_DATABASE", "MARIADB_DATABASE")
_USER = ("POSTGRES_USER", "MYSQL_USER", "MARIADB_USER", "RABBITMQ_DEFAULT_USER")


@dataclass(frozen=True, slots=True)
class Server:
    """A service of a Compose file that is a database server; `port` is the published one, None where none is.

    `url` is the one by which programs of this machine reach it, with `PASSWORD` where it has one.
    """

    service: str
    kind: str
    place: str
    port: int | None
    url: str


def servers(stack: Stack, fixed: Mapping[str, str]) -> Iterator[Server]:
    """Yield the servers that a stack runs; `fixed` are the values of the `.env` beside it."""
    variables = Variables(frozenset(), fixed)
    for name, service in members(stack.top.get("services")).items():
        parts = members(service)
        image = variables.value(text_of(parts.get("image")) or "").text.partition("@")[0].rpartition("/")[2]
        kind = next((kind for pattern, kind in _IMAGES if pattern.match(image)), None)
        if kind:
            node = parts["image"]
            port = _published(parts.get("ports"), _PORTS[kind], variables)
            yield Server(name, kind, "{}:{}".format(*place(node)), port, _url(kind, port, parts, variables))


def url_defaults(stack: Stack, found: Mapping[str, Server], fixed: Mapping[str, str]) -> Iterator[Use]:
    """Yield the variables of URLs that a stack's services read with a default, `${DATABASE_URL:-postgres://…}`.

    A default that leads to a service of the stack leads to where that is published, by `found`.
    """
    variables = Variables(frozenset(), fixed)
    for service in members(stack.top.get("services")).values():
        for _, text, node in pairs(members(service).get("environment")):
            for part in filter(is_reference, split(text)):
                name, operator, word = read(part) if part != "$$" else ("", "", "")
                default = variables.value(word).text if operator.endswith("-") else ""
                if connection := reached(default):
                    server = found.get(connection.host)
                    yield Use(name, connection.kind, "{}:{}".format(*place(node)), server.url if server else default)


def _published(node: Node | None, inside: int, variables: Variables) -> int | None:
    """Return the port of this machine at which a service's port is published."""
    for item in items(node):
        if text := text_of(item):
            *outside, target = split_at(variables.value(text).text.partition("/")[0], ":")
            port = outside[-1] if outside else ""
        else:
            entry = members(item)
            target = variables.value(text_of(entry.get("target")) or "").text
            port = variables.value(text_of(entry.get("published")) or "").text
        if target == str(inside) and port.isascii() and port.isdecimal():
            return int(port)
    return None


def _url(kind: str, port: int | None, parts: Mapping[str, Node], variables: Variables) -> str:
    values = {name: variables.value(text).text for name, text, _ in pairs(parts.get("environment"))}
    database = next((values[name] for name in _DATABASE if values.get(name)), "")
    user = next((values[name] for name in _USER if values.get(name)), "postgres" if kind == "postgres" else "")
    has_password = any(re.search("PASS", name) and value for name, value in values.items())
    name = database or (user if kind == "postgres" else "")
    login = f"{quote(user or 'root', safe='')}{':PASSWORD' if has_password else ''}@" if user or has_password else ""
    return f"{kind}://{login}localhost:{port or _PORTS[kind]}{f'/{quote(name, safe=str())}' if name else ''}"
