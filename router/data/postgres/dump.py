"""A copy by PostgreSQL's own tools, of a database to which others are connected."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from router import files, proc
from router.data.connection import Connection
from router.data.kind import Order, ResourceError
from router.errors import RouterError

_LONGEST = 3600.0  # seconds for one program
_FOLDERS = (
    "/usr/lib/postgresql/{major}/bin",
    "/usr/pgsql-{major}/bin",
    "/opt/homebrew/opt/postgresql@{major}/bin",
    "/usr/local/opt/postgresql@{major}/bin",
    "/Applications/Postgres.app/Contents/Versions/{major}/bin",
)


def load(connection: Connection, *, source: str, target: str, major: int, order: Order) -> None:
    """Copy what is in one database into an empty one of the same server.

    Needs the programs of the server's own major version: an older `pg_dump` refuses, a newer `pg_restore` sets what the
    server does not know. ResourceError says what is missing, or what they said.
    """
    folder = _tools(major, _folders(major) if order.tools is None else order.tools)
    files.make_private_directory(order.work)
    archive = order.work / f"{target}.dump"
    environment = {"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": connection.password, "PGAPPNAME": "worktree-router"}
    where = ["--no-password", f"--port={connection.port}"]
    where += [f"--host={connection.host}"] if connection.host else []
    where += [f"--username={connection.user}"] if connection.user else []
    dump = [f"{folder}/pg_dump", *where, "--format=custom", "--compress=1", "--lock-wait-timeout=30s"]
    restore = [f"{folder}/pg_restore", *where, "--exit-on-error", f"--dbname={_as_value(target)}", str(archive)]
    try:
        archive.touch(0o600)
        _run([*dump, f"--file={archive}", f"--dbname={_as_value(source)}"], environment)
        _run(restore, environment)
    finally:
        archive.unlink(missing_ok=True)


def _as_value(database: str) -> str:
    """Return a name so that libpq does not take it for a connection string."""
    text = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{text}'"


def _run(command: list[str], environment: dict[str, str]) -> None:
    program = Path(command[0]).name
    try:
        done = proc.run(command, env=environment, timeout=_LONGEST)
    except RouterError as exc:
        raise ResourceError("failed", exc.message, hint=exc.hint or "it is tried again") from exc
    if done.code:
        said = next((line for line in done.err.splitlines() if "error:" in line), done.err[-300:])
        raise ResourceError(_cause(said), f"{program} says: {said}", hint="see what it says; it is tried again")


def _cause(said: str) -> str:
    causes = (("No space left", "full"), ("permission denied", "denied"), ("lock timeout", "busy"))
    return next((cause for text, cause in causes if text in said), "failed")


def _folders(major: int) -> Iterable[Path]:
    yield from (Path(folder.format(major=major)) for folder in _FOLDERS)
    if found := shutil.which("pg_dump"):
        yield Path(found).parent


def _tools(major: int, folders: Iterable[Path]) -> Path:
    for folder in folders:
        if (folder / "pg_dump").exists() and (folder / "pg_restore").exists() and _major(folder) == major:
            return folder
    raise ResourceError(
        "tool-missing", f"pg_dump and pg_restore of PostgreSQL {major} are not installed",
        hint=f"install them (Debian: postgresql-client-{major}), or close what is connected to the main checkout's"
        " database: it is copied without them then",
    )  # fmt: skip


def _major(folder: Path) -> int | None:
    try:
        done = proc.run([f"{folder}/pg_dump", "--version"], env={"PATH": os.defpath}, timeout=30)
    except RouterError:
        return None
    found = re.search(rb"\) (\d+)", done.out)
    return int(found[1]) if found else None
