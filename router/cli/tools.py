"""The commands for the tools that make worktrees: `router init` and `router hook`."""

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from router.cli.options import opened, say
from router.errors import UsageError

app = typer.Typer()
hook = typer.Typer(name="hook", help="What the tools call when they make or remove a worktree.", no_args_is_help=True)
app.add_typer(hook)

_LARGEST = 1 << 20  # bytes of a hook's input

Tool = StrEnum("Tool", ["mise", "worktrunk", "claude", "direnv", "compose", "agents"])


@app.command()
def init(
    tools: Annotated[list[Tool], typer.Argument(metavar="TOOL...", help="Which tools to set up for this repository.")],
    write: Annotated[bool, typer.Option("--write", help="Write the changes; without it they are only shown.")] = False,
) -> None:
    """Make a tool give each worktree its own: show the change to this checkout's files, or write it."""
    from router.tools import init

    settings, _ = opened()
    proposal = init.propose(tools, cwd=Path.cwd(), port=settings.port, redirect_uri=settings.redirect_uris[0])
    sys.stdout.buffer.write(proposal.text.encode("utf-8", "surrogateescape"))
    for note in proposal.notes:
        say(note)
    if write:
        init.write(proposal)
    say(proposal.summary(written=write))


@hook.command("worktree-create")
def worktree_create() -> None:
    """Make a worktree as Claude Code's WorktreeCreate asks on stdin; the last line printed is its path."""
    from router.worktrees import create

    settings, store = opened()
    asked = _asked()
    name = asked.get("name", asked.get("worktree_name"))
    if not isinstance(name, str):
        raise UsageError("the hook's input has no `name`", hint='it is like {"name": "fix-auth"}')
    print(create.create(name, cwd=_directory(asked), settings=settings, store=store, say=say))


@hook.command("worktree-remove")
def worktree_remove(
    path: Annotated[Path | None, typer.Argument(help="The worktree; default: `worktree_path` on stdin.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also where uncommitted work goes with it.")] = False,
) -> None:
    """Remove a worktree that worktree-create made; refuse where work would be lost."""
    from router.worktrees import create

    opened()
    told = path.absolute() if path else _asked().get("worktree_path")
    if not isinstance(told, str | Path):
        raise UsageError("the hook's input has no `worktree_path`", hint='it is like {"worktree_path": "/…"}')
    create.remove(Path(told), force=force, say=say)


@hook.command("post-create")
def post_create() -> None:
    """Give the worktree of the current directory its files, links and env block, whoever made it."""
    from router.worktrees import create

    settings, store = opened()
    create.post_create(cwd=Path.cwd(), settings=settings, store=store, say=say)


def _asked() -> dict[str, Any]:
    """Return the object on stdin, as soon as it is whole: a tool may keep the pipe open."""
    given = b""
    while len(given) <= _LARGEST:
        chunk = os.read(sys.stdin.fileno(), 65536)
        given += chunk
        try:
            found = json.loads(given)
        except (ValueError, RecursionError):
            if chunk:
                continue
            break
        if isinstance(found, dict):
            return found
        break
    raise UsageError("the hook's input is not a JSON object", hint="a tool calls this and writes it to stdin")


def _directory(asked: dict[str, Any]) -> Path:
    """Return the directory the session is in: that of the input where there is one, else our own."""
    cwd = asked.get("cwd")
    return Path(cwd) if isinstance(cwd, str) and os.path.isabs(cwd) and os.path.isdir(cwd) else Path.cwd()  # noqa: PTH112, PTH117 - Path's raise for odd text
