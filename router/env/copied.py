"""Values that are the main checkout's too: databases, buckets, prefixes or ports that were copied with its files.

Only what can be separate on a server of this machine counts; what is shared on purpose `router.toml` names.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from router.env.assignments import Assignment
from router.errors import LeakError
from router.masked import masked
from router.values import dataclass

_LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal"})  # noqa: S104 - compared
_BY_SCHEME = (
    (r"postgres(?:ql)?|pgsql|mysql2?|mariadb|mongodb|cockroachdb|mssql|sqlserver|trilogy", "database"),
    (r"rediss?|valkeys?", "Redis database"),
    (r"amqps?", "vhost"),
)
_BY_NAME = (
    (r"(?:DATABASE|DB|POSTGRES|MYSQL|MARIADB|MONGO(?:DB)?|SQL)_(?:NAME|DB|DATABASE|DBNAME)|DBNAME|PGDATABASE|DATABASE",
     "database"),
    (r"(?:REDIS|VALKEY)_(?:DB|DATABASE)", "Redis database"),
    (r"VHOST", "vhost"),
    (r"(?:REDIS|VALKEY|CACHE|QUEUE|KEY|SESSION|TOPIC|INDEX|ELASTIC(?:SEARCH)?|KAFKA|HORIZON|SIDEKIQ|BULL(?:MQ)?)"
     r"_(?:KEY_)?(?:PREFIX|NAMESPACE)", "prefix"),
    (r"BUCKET(?:_NAME)?", "bucket"),
    (r"COMPOSE_PROJECT_NAME", "Compose project"),
    (r"PORT", "port"),
)  # fmt: skip
"""What the last words of a variable's name say that it names."""
# A port of these is where a server is found that all worktrees use, not where one of theirs listens
# A text, as few commands need it: `re` compiles it when it is first used
_SERVERS = (
    r"(?:.*_)?(?:DB|DATABASE|PG|POSTGRES(?:QL)?|MYSQL|MARIADB|MONGO(?:DB)?|SQL|REDIS|VALKEY|RABBIT(?:MQ)?|AMQP|KAFKA|NATS|MQTT"
    r"|MEMCACHED?|ELASTIC(?:SEARCH)?|OPENSEARCH|CLICKHOUSE|MEILI(?:SEARCH)?|TYPESENSE|QDRANT|S3|MINIO|SMTP|IMAP|MAIL(?:HOG|PIT)?"
    r"|LDAP|VAULT|CONSUL|OTEL|OTLP|STATSD|SENTRY|PROXY|ZOOKEEPER|KEYCLOAK|LOCALSTACK)_?(?:API_|HTTP_|TCP_)?PORT"
)
_STORES = r"(?:.*_)?(?:S3|AWS|MINIO|STORAGE|R2|GCS|BUCKET|LOCALSTACK)_(?:.*_)?(?:ENDPOINT|URL|HOST)(?:_.*)?"
_ADDRESS = r".*(?:HOST|HOSTNAME|SERVER|ENDPOINT|ADDRESS)"


@dataclass(frozen=True, slots=True)
class Copied:
    """A value that the main checkout has too, and what it names; `own` is what `router env` has for it here."""

    assignment: Assignment
    what: str
    own: str | None = None

    def __str__(self) -> str:
        """Return the sentence that reports it, without the passwords of URLs."""
        own = "" if self.own is None else f"; `router env` has {masked(self.own)}"
        return f"{self.assignment} is the {self.what} of the main checkout too{own}"


def find_copied(
    assignments: Iterable[Assignment], main: Mapping[str, str], *, own: Mapping[str, str], shared: Collection[str]
) -> tuple[Copied, ...]:
    """Return the assignments that are the main checkout's too, of those that count in a worktree.

    `main` are the values of its files, `own` those of `router env` in the worktree; `shared` are the variables that all
    worktrees share on purpose.
    """
    assignments = tuple(assignments)
    values = {each.variable: each.value for each in assignments}
    return tuple(
        Copied(each, what, own.get(each.variable))
        for each in assignments
        if each.variable not in shared and each.value and main.get(each.variable) == each.value
        if each.value != own.get(each.variable) and (what := _names(each, values))
    )


def refuse(copied: tuple[Copied, ...]) -> None:
    """Raise LeakError where there are copied values, with a sentence for each."""
    if not copied:
        return
    names = ", ".join(f'"{name}"' for name in dict.fromkeys(each.assignment.variable for each in copied))
    count = "a value here is" if len(copied) == 1 else f"{len(copied)} values here are"
    lines = "".join(f"\n  {each}" for each in copied)
    hint = f"set them for each worktree in [env] of router.toml, or let them be there: shared = [{names}]"
    raise LeakError(f"{count} the main checkout's too:{lines}", hint=hint)


def _names(assignment: Assignment, values: Mapping[str, str]) -> str | None:
    """Return what a value names that each worktree can have of its own on this machine, None where nothing."""
    variable, value = assignment.variable.upper(), assignment.value
    if what := _by_value(value):
        return what
    if "://" in value or (variable.endswith("PORT") and not _is_own_port(variable, values)):
        return None
    what = next((what for pattern, what in _BY_NAME if re.fullmatch(rf"(?:.*_)?(?:{pattern})", variable)), None)
    if what == "bucket":
        local = (name for name, host in values.items() if _is_local(host))
        return what if any(re.fullmatch(_STORES, name.upper()) for name in local) else None
    return what if what == "port" or all(map(_is_local, _addresses(variable, values))) else None


def _is_own_port(variable: str, values: Mapping[str, str]) -> bool:
    """Tell whether a port is one where a server of the worktree's listens: it is no other server's, by name or host."""
    return not re.fullmatch(_SERVERS, variable) and f"{variable.removesuffix('PORT')}HOST" not in values


def _by_value(value: str) -> str | None:
    """Return what a URL or connection string names on this machine."""
    text = value.removeprefix("jdbc:")
    if match := re.match(r"(sqlite3?|file)(?:\+\w+)?:(//)?(.*)", text):
        return "database" if _is_absolute(*match.groups()) else None
    for host, database in _connections(text):
        return "database" if database and _is_local(host) else None
    try:
        url = urlsplit(text)
        host = url.hostname or ""
    except ValueError:
        return None
    scheme = url.scheme.partition("+")[0]
    what = next((what for pattern, what in _BY_SCHEME if re.fullmatch(pattern, scheme)), None)
    named = what != "database" or url.path.strip("/")
    return what if what and named and _is_local(host) else None


def _is_absolute(scheme: str, slashes: str | None, path: str) -> bool:
    """Tell whether `sqlite:////x` or `file:/x` is the same file everywhere; `sqlite:///x` is the project's own."""
    return path.startswith("//" if slashes and scheme != "file" else "/")


def _connections(text: str) -> Iterator[tuple[str, str]]:
    """Yield host and database of the forms that are no URL: ADO's, libpq's, and that of Go's MySQL driver."""
    if match := re.search(r"@(?:tcp|unix)\(([^)]*)\)/([^?]*)", text):
        yield match[1].rpartition(":")[0] or match[1], match[2]
        return
    separator = ";" if ";" in text else None
    pairs = (part.partition("=") for part in text.split(separator))
    fields = {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}
    database = fields.get("database") or fields.get("initial catalog") or fields.get("dbname")
    if database:
        host = fields.get("server") or fields.get("host") or fields.get("data source") or ""
        yield re.split(r"[,\\]", host.removeprefix("tcp:"))[0], database


def _addresses(variable: str, values: Mapping[str, str]) -> Iterator[str]:
    """Yield where the server of a name is, by the variables that begin alike: `DB_HOST` for `DB_NAME`."""
    family = "PG" if variable.startswith("PG") else f"{variable.partition('_')[0]}_"
    for name, value in values.items():
        if name.upper().startswith(family) and re.fullmatch(_ADDRESS, name.upper()):
            yield value


def _is_local(address: str) -> bool:
    """Tell whether an address is this machine's; a host of one word is a service in a Compose project's own network."""
    if address.startswith("/"):
        return True
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    except ValueError:
        return False
    return host in _LOCAL or host.endswith(".localhost") or host.startswith("127.")
