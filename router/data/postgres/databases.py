"""The databases of a PostgreSQL server: looked at, created, marked, renamed and dropped, one statement each."""

import contextlib

from router.data.kind import ResourceError
from router.data.postgres.server import Server, literal, quoted
from router.values import dataclass

_SMALL = 32 << 20  # bytes: below, writing a copy through the log is quicker than the two checkpoints of a file copy
_STRATEGIES = 15  # the first version that has them; on a full disk its `wal_log` leaves a server that cannot start
_CLONES = 18  # the first version that can share blocks


@dataclass(frozen=True, slots=True)
class Database:
    """A database as the server lists it: `mark` is its comment."""

    name: str
    oid: str
    mark: str | None


def named(server: Server, name: str) -> Database | None:
    """Return the database of that name."""
    found = server.rows(
        "SELECT datname, oid, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = :name", name=name
    )
    return Database(found[0][0], str(found[0][1]), found[0][2]) if found else None


def size(server: Server, name: str) -> int:
    """Return a database's size in bytes."""
    return int(server.one("SELECT pg_database_size(datname) FROM pg_database WHERE datname = :name", name=name) or 0)


def version(server: Server, name: str) -> str:
    """Return what changes when anything is written into a database: who it is, and how many rows ever changed."""
    found = server.rows(
        "SELECT d.oid, s.stats_reset, s.tup_inserted, s.tup_updated, s.tup_deleted FROM pg_database d"
        " JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datname = :name",
        name=name,
    )
    return " ".join(map(str, found[0])) if found else ""


def create(server: Server, name: str, *, template: str | None, size: int = 0) -> None:
    """Create a database, empty or a copy of a template of that size to which nobody may be connected."""
    if template is None:
        server.rows(f"CREATE DATABASE {quoted(name)}")
        return
    strategy = ""
    if server.major >= _STRATEGIES:
        strategy = " STRATEGY wal_log" if size < _SMALL else " STRATEGY file_copy"
    if server.major >= _CLONES:
        server.rows("SET file_copy_method = clone")  # where the file system cannot, the server copies
    server.rows(f"CREATE DATABASE {quoted(name)} TEMPLATE {quoted(template)}{strategy}")


def create_like(server: Server, name: str, *, source: str) -> None:
    """Create an empty database with the encoding and the locale of another one, for a dump to be read into."""
    encoding, collate, ctype = server.rows(
        "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = :name", name=source
    )[0]
    server.rows(
        f"CREATE DATABASE {quoted(name)} TEMPLATE template0 ENCODING {literal(encoding)}"
        f" LC_COLLATE {literal(collate)} LC_CTYPE {literal(ctype)}{_provider(server, source)}"
    )


def _provider(server: Server, source: str) -> str:
    if server.major < _STRATEGIES:
        return ""
    column = "datlocale" if server.major > _STRATEGIES + 1 else "daticulocale"
    provider, locale = server.rows(
        f"SELECT datlocprovider, {column} FROM pg_database WHERE datname = :name",  # noqa: S608 - one of two names
        name=source,
    )[0]
    names = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}.get(str(provider))
    return f" LOCALE_PROVIDER {names[0]} {names[1]} {literal(locale)}" if names and locale else ""


def keep_settings(server: Server, name: str, *, source: str) -> None:
    """Give a database the settings of another one (`ALTER DATABASE … SET`), which no copy has; as far as may be."""
    settings = server.rows(
        "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
        " WHERE s.setrole = 0 AND d.datname = :name",
        name=source,
    )
    for (setting,) in settings:
        variable, _, value = str(setting).partition("=")
        with contextlib.suppress(ResourceError):  # a superuser's setting, or one that forbids to write it
            server.rows("SELECT set_config(:variable, :value, false)", variable=variable, value=value)
            server.rows(f"ALTER DATABASE {quoted(name)} SET {_variable(variable)} FROM CURRENT")
        with contextlib.suppress(ResourceError):
            server.rows(f"RESET {_variable(variable)}")


def _variable(name: str) -> str:
    return ".".join(quoted(part) for part in name.split("."))


def mark(server: Server, name: str, text: str) -> None:
    """Write a mark, whose being there says that the database is complete."""
    server.rows(f"COMMENT ON DATABASE {quoted(name)} IS {literal(text)}")


def close(server: Server, name: str) -> None:
    """Let nobody connect to a database: it is there to be copied."""
    server.rows(f"ALTER DATABASE {quoted(name)} WITH ALLOW_CONNECTIONS false")


def rename(server: Server, *names: tuple[str, str]) -> None:
    """Rename databases, from the first name of each pair to the second, all or none."""
    server.rows("BEGIN")
    try:
        for old, new in names:
            server.rows(f"ALTER DATABASE {quoted(old)} RENAME TO {quoted(new)}")
    except BaseException:
        server.rows("ROLLBACK")
        raise
    server.rows("COMMIT")


def drop(server: Server, name: str) -> None:
    """Drop a database; ResourceError `busy` where somebody is connected, whose session is left alone."""
    server.rows(f"DROP DATABASE {quoted(name)}")
