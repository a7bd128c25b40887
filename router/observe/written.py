"""What a checkout's files call it in shared servers: the router's own block, and the URL of main's database."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from router.naming import is_label
from router.observe import envfiles
from router.shared_names import WrittenNames

_SQL = re.compile(r"(?:postgres(?:ql)?|postgis|psql|pgsql|mysql2?|mariadb)(?:\+[a-z0-9]+)?")
_URL = re.compile(r"(?:.*_)?(?:DATABASE|DB|PG|POSTGRES(?:QL)?|MYSQL|MARIADB)_(?:URL|URI|DSN)")
_USUAL = "DATABASE_URL"
_LONGEST = 63  # bytes: PostgreSQL keeps no more of a name


def written_names(root: Path) -> WrittenNames | None:
    """Return the names that the router's block in a worktree's files has, None where it has none that it gave out."""
    for block in envfiles.blocks(root):
        vhost, project = block.get("RABBITMQ_VHOST", ""), block.get("COMPOSE_PROJECT_NAME", "")
        scope = vhost.removeprefix("/")
        if vhost.startswith("/") and is_label(project) and (not scope or is_label(scope)):
            return WrittenNames(block.get("WORKTREE_BRANCH", ""), project, scope)
    return None


def own_database(main: Path, *, first: Iterable[str] = ()) -> str:
    """Return the name of the database that the URL in a main checkout's own files has, empty where there is none.

    It is the URL of a variable of `first`, else of `DATABASE_URL`, else of the first that is called alike. What the
    router wrote itself does not count, nor does what is for tests.
    """
    values: dict[str, str] = {}
    for name, value, _ in envfiles.values(main, blocks=False):
        values.setdefault(name, value)
    return next((name for each in _candidates(values, first) if (name := _database(values[each]))), "")


def _candidates(values: Mapping[str, str], first: Iterable[str]) -> list[str]:
    alike = [name for name in values if _URL.fullmatch(name) and "TEST" not in name.split("_")]
    return [*(name for name in first if name in values), *sorted(alike, key=lambda name: name != _USUAL)]


def _database(value: str) -> str:
    try:
        url = urlsplit(value)
    except ValueError:
        return ""
    name = unquote(url.path.removeprefix("/"))
    is_name = name.isprintable() and "/" not in name and 0 < len(name.encode(errors="replace")) <= _LONGEST
    return name if is_name and _SQL.fullmatch(url.scheme) else ""
