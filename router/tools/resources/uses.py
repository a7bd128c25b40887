"""Where the files of a project say from which variable its database is read, and where it is fixed in them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from router.data import connection
from router.data.connection import Connection
from router.errors import ConnectionUrlError
from router.values import dataclass

_MOST = 50  # of one file
_LONGEST_LINE = 2000  # characters
_VARIABLE = r"[\"']([A-Z][A-Z0-9_]*)[\"']"
_DEFAULT = r"(?:\s*\]?\s*\)?\s*(?:,|\|\||\bor\b|\{)\s*(?:default\s*=\s*)?[\"']([^\"']*)[\"'])?"
_READ = re.compile(
    rf"(?:\bENV(?:\.fetch)?|\benviron(?:\.get)?|\bgetenv|\benv(?:\.\w+)?|\bconfig)\s*[\[(]\s*(?:env\s*=\s*)?{_VARIABLE}{_DEFAULT}"
)
_USUAL = re.compile(
    r"\benv\.db(?:_url)?\(\s*\)|\bdj_database_url\.config\((?!.*\benv\s*=)(?:.*?\"?default\s*=\s*[\"']([^\"']*))?"
)
_KINDS = {
    **dict.fromkeys(("postgresql", "postgis", "postgres"), "postgres"),
    **dict.fromkeys(("mysql", "mysql2", "trilogy"), "mysql"),
    **dict.fromkeys(("sqlite", "sqlite3"), "sqlite"),
}
_BY_NAME = (
    (re.compile(r"MYSQL|MARIADB"), "mysql"),
    (re.compile(r"REDIS|VALKEY"), "redis"),
    (re.compile(r"AMQP|RABBIT"), "amqp"),
    (re.compile(r"POSTGRES|(?:^|_)PG(?:_|$)"), "postgres"),
    (re.compile(r"DATABASE|(?:^|_)DB(?:_|$)"), None),
)
_ENGINE = re.compile(r"[\"']ENGINE[\"']\s*:\s*[\"'](?:\w+\.)*(\w+)[\"']")
_URL_NAME = re.compile(r".*_(?:URL|URI|DSN)")


@dataclass(frozen=True, slots=True)
class Use:
    """A place that reads a variable, or where a database is fixed.

    `variable` is None where it is fixed. `kind` is None where the place does not say it. `default` is the URL that
    counts where nothing sets the variable, empty where there is none.
    """

    variable: str | None
    kind: str | None
    place: str
    default: str = ""


def uses(file: str, text: str) -> tuple[Use, ...]:
    """Return what a file of a project, by its path, says of databases; nothing of it is executed.

    What is fixed counts only in a file that reads no variable.
    """
    reader = next((read for pattern, read in _READERS.items() if re.fullmatch(pattern, file)), None)
    found = tuple(islice(reader(file, text), _MOST)) if reader else ()
    return tuple(use for use in found if use.variable) or found[:1]


def reached(url: str, directory: Path = Path("/")) -> Connection | None:
    """Return where a URL leads, None where it is none of a database, queue or cache."""
    try:
        return connection.read(url, directory=directory)
    except ConnectionUrlError:
        return None


def is_named_like_a_database(variable: str) -> bool:
    """Tell whether a variable's name is that of a database, queue or cache, and not one for tests."""
    return "TEST" not in variable.split("_") and any(pattern.search(variable) for pattern, _ in _BY_NAME)


def _lines(text: str, comment: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) <= _LONGEST_LINE and not line.lstrip().startswith(comment):
            yield number, line


def _read(place: str, line: str, kind: str | None = None) -> Iterator[Use]:
    """Yield the variables of URLs that a line of Ruby or Python reads."""
    for match in _READ.finditer(line):
        yield from _use(match[1], match[2] or "", place, kind)


def _use(variable: str, default: str, place: str, kind: str | None) -> Iterator[Use]:
    found = reached(default)
    if found or (_URL_NAME.fullmatch(variable) and is_named_like_a_database(variable)):
        by_name = next((each for pattern, each in _BY_NAME if pattern.search(variable)), None)
        yield Use(variable, found.kind if found else kind or by_name, place, default if found else "")


def _rails(file: str, text: str) -> Iterator[Use]:
    kind: str | None = None
    for number, line in _lines(text, "#"):
        if match := re.match(r"\s*adapter:\s*[\"']?(\w+)", line):
            kind = _KINDS.get(match[1])
        yield from _read(f"{file}:{number}", line, kind)
        if kind and re.match(r"\s*database:\s*[\"']?[\w./-]", line):
            yield Use(None, kind, f"{file}:{number}")


def _django(file: str, text: str) -> Iterator[Use]:
    for number, line in _lines(text, "#"):
        place = f"{file}:{number}"
        if match := _USUAL.search(line):
            yield from _use("DATABASE_URL", match[1] or "", place, None)
        yield from _read(place, line)
        if (match := _ENGINE.search(line)) and match[1] in _KINDS:
            yield Use(None, _KINDS[match[1]], place)


def _prisma(file: str, text: str) -> Iterator[Use]:
    match = re.search(r"datasource\s+\w+\s*\{[^}]{0,2000}?\bprovider\s*=\s*\"(\w+)\"", text)
    kind = _KINDS.get(match[1]) if match else None
    for number, line in _lines(text, "//"):
        if match := re.match(r"\s*url\s*=\s*(?:env\(\s*\"(\w+)\"\s*\)|\")", line):
            yield Use(match[1], kind, f"{file}:{number}")


def _dotnet(file: str, text: str) -> Iterator[Use]:
    """Yield the connection strings of .NET, which are no URLs."""
    try:
        content = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return
    strings = content.get("ConnectionStrings") if isinstance(content, dict) else None
    for name, value in (strings if isinstance(strings, Mapping) else {}).items():
        line = next((n for n, each in enumerate(text.splitlines(), 1) if f'"{name}"' in each), 1)
        if isinstance(value, str) and (kind := _of_connection_string(value)):
            yield Use(None, kind, f"{file}:{line}")


def _of_connection_string(value: str) -> str | None:
    if found := reached(value):
        return found.kind
    keys = {part.partition("=")[0].strip().lower() for part in value.split(";") if "=" in part}
    if "data source" in keys and re.search(r"\.(?:db|sqlite3?)\b", value, re.IGNORECASE):
        return "sqlite"
    if "host" in keys and {"database", "username"} & keys:  # Npgsql's words
        return "postgres"
    return "mysql" if {"uid", "user"} & keys and "server" in keys and "database" in keys else None


_READERS: Mapping[str, Callable[[str, str], Iterator[Use]]] = {
    r"(?:.*/)?config/database\.yml": _rails,
    r"(?:.*/)?(?:settings\.py|settings/\w+\.py)": _django,
    r"(?:.*/)?(?:schema|schema/.*|prisma/.*)\.prisma": _prisma,
    r"(?:.*/)?appsettings(?:\.\w+)?\.json": _dotnet,
}
PATTERNS = ("**/config/database.yml", "**/settings.py", "**/settings/*.py", "**/*.prisma", "**/appsettings*.json")
"""Where these files are in a checkout, as git's `:(glob)` patterns."""
