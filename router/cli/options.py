"""What the commands share: their options, the opened state directory, and the worktree that they are about."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.errors import RouterError, UsageError

if TYPE_CHECKING:
    from router.settings import Settings
    from router.status import Document
    from router.store import Store

Repositories = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[REPO]...", help="Repositories, or a pattern of them; default: that of the current directory."
    ),
]
Port = Annotated[int | None, typer.Option("--port", help="The loopback port that Caddy listens on (ROUTER_PORT).")]
Name = Annotated[str | None, typer.Argument(help="Label, alias or branch; default: the current directory's worktree.")]
Service = Annotated[str, typer.Option("--service", help="Which service of the worktree.")]


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


def named_worktree(settings: "Settings", store: "Store", name: str | None) -> "tuple[Document, Document]":
    """Return the status document, and the worktree in it of that name, else that of the current directory.

    UsageError where the current directory is in none, UnknownNameError where no worktree has the name.
    """
    from router.status import find
    from router.watcher import client

    document, own = client.here(settings, store, cwd=current_directory())
    if name is None and own is None:
        raise UsageError("the current directory is in no worktree", hint="name one: `router status` lists them")
    return document, find(document, name or own or "")
