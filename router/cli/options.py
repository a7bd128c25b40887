"""What the commands share: their options, the opened state directory, the worktree they are about, how they speak."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.errors import UsageError
from router.settings import Settings, load
from router.store import Store

if TYPE_CHECKING:
    from router.status import Document

Repositories = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[REPO]...", help="Repositories, or a pattern of them; default: that of the current directory."
    ),
]
Port = Annotated[int | None, typer.Option("--port", help="Where Caddy listens on the loopback (ROUTER_PORT).")]
Name = Annotated[str | None, typer.Argument(help="Label, alias or branch; default: the current directory's worktree.")]
Service = Annotated[str, typer.Option("--service", help="Which of the worktree's services.")]


def opened(**flags: object) -> tuple[Settings, Store]:
    """Return the settings, with these flags, and the state directory, made and checked."""
    settings = load(**flags)
    store = Store(settings.state_dir)
    store.prepare()
    return settings, store


def worktree(settings: Settings, store: Store, name: str | None) -> "Document":
    """Return a worktree of the status document: the one named, else that of the current directory."""
    from router.status import find
    from router.watcher import client

    document, own = client.here(settings, store, cwd=Path.cwd())
    if name is None and own is None:
        raise UsageError("this directory is in no worktree", hint="name one: `router status` lists them")
    return find(document, name or own or "")


def line(text: str) -> None:
    """Print one line for people who watch, at once."""
    print(text, flush=True)


def say(text: str) -> None:
    """Tell people something, on standard error."""
    print(text, file=sys.stderr)
