"""What commands begin with: the settings, the state directory, the current directory and the worktree meant."""

from pathlib import Path
from typing import TYPE_CHECKING

from router.errors import RouterError, UsageError

if TYPE_CHECKING:
    from router.document import Document
    from router.settings import Settings
    from router.store import Store


def opened(**flags: object) -> "tuple[Settings, Store]":
    """Return the settings, with these flags, and the state directory, which is created where it is missing.

    SettingsError or StoreError where one of them cannot be used.
    """
    from router.settings import load  # `--help` and `--version` start without it
    from router.store import Store

    settings = load(**flags)
    store = Store(settings.state_dir)
    store.prepare()
    return settings, store


def current_directory() -> Path:
    """Return the current directory. RouterError where it is gone, as after `git worktree remove` elsewhere."""
    try:
        return Path.cwd()
    except OSError as exc:
        raise RouterError(
            f"the current directory cannot be used: {exc.strerror}", hint="change into a directory that is there"
        ) from exc


def named_worktree(
    settings: "Settings", store: "Store", name: str | None, *, cwd: Path | None = None
) -> "tuple[Document, Document]":
    """Return the status document, and the worktree in it of that name; for None or `.` that of the directory `cwd`.

    UsageError where the current directory is in none, UnknownNameError where no worktree has the name.
    """
    from router.watcher import client

    name = None if name == "." else name
    document, own = client.here(settings, store, cwd=cwd or current_directory())
    if name is None and own is None:
        raise UsageError("the current directory is in no worktree", hint="name one: `router status` lists them")
    return client.named(settings, store, document, name or own or "")
