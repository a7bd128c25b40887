"""The commands for the tools that create worktrees: `router init` and `router hook`."""

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import output
from router.cli.opened import current_directory, opened
from router.cli.output import Output
from router.errors import RouterError, UsageError

if TYPE_CHECKING:
    from router.settings import Settings
    from router.store import Store

app = typer.Typer()
hook = typer.Typer(name="hook", help="Commands that tools call for a worktree.", no_args_is_help=True)
app.add_typer(hook)

_LARGEST = 1 << 20  # bytes of a hook's input

Tool = StrEnum(
    "Tool",
    ["mise", "worktrunk", "claude", "conductor", "cursor", "codex", "direnv", "compose", "agents", "resources"],
)
Tools = Annotated[
    list[Tool] | None,
    typer.Argument(metavar="[TOOL]...", help="The tools to set up; without one, a router.toml is proposed."),
]
Write = Annotated[bool, typer.Option("--write", help="Write the changes; without it they are only shown.")]
Removed = Annotated[Path | None, typer.Argument(help="The worktree; default: `worktree_path` on stdin.")]
Force = Annotated[bool, typer.Option("--force", help="Remove it even where uncommitted work is lost.")]


@app.command()
def init(tools: Tools = None, write: Write = False) -> Output:
    """Propose a router.toml, or set up tools. Show the changes to this checkout's files, or write them."""
    from router.ports import ADMIN_PORT
    from router.tools import init

    settings, store = opened()
    cwd = current_directory()
    if tools:
        url = _url(settings, store, cwd) if Tool.claude in tools else ""
        proposal = init.propose(tools, cwd=cwd, port=settings.port, url=url, hosts=settings.data_hosts)
    else:
        proposal = init.propose_settings(cwd=cwd, reserved={settings.port, ADMIN_PORT})
    if write:
        init.write(proposal)
    return Output(proposal.text, (*proposal.notes, proposal.summary(written=write)))


@app.command()
def mcp() -> None:
    """Serve tools for agents over stdin and stdout. An agent starts it in the worktree in which it works."""
    try:
        from router.tools.agent_server import serve
    except ImportError as exc:
        raise RouterError(
            f"`router mcp` needs a package that is not installed: {exc.name}",
            hint="install it with `pipx inject worktree-router 'mcp>=2.3'` or `pip install 'worktree-router[mcp]'`",
        ) from exc
    serve()


def _url(settings: "Settings", store: "Store", cwd: Path) -> str:
    """Return the URL of the worktree of a directory, empty where it has none."""
    from router.env import worktree_env

    try:
        return worktree_env.resolve(settings, store, cwd=cwd).environment.urls.get("web", "")
    except RouterError:
        return ""


@hook.command("worktree-create")
def worktree_create() -> Output:
    """Create a worktree. Claude Code's WorktreeCreate asks for it on stdin; the last line printed is its path."""
    from router.worktrees import create

    settings, store = opened()
    request = _request()
    name = request.get("name", request.get("worktree_name"))
    if not isinstance(name, str):
        raise UsageError("the hook's input has no `name`", hint='write an object such as {"name": "fix-auth"} to stdin')
    path = create.create(
        name, cwd=_directory(request), settings=settings, store=store, say=output.note, progress=output.progress
    )
    return Output(f"{path}\n")


@hook.command("worktree-remove")
def worktree_remove(path: Removed = None, force: Force = False) -> None:
    """Remove a worktree. It was created by worktree-create, and is refused where work would be lost."""
    from router.processes import guard
    from router.worktrees import remove

    _, store = opened()
    wanted = current_directory() / path if path else _request().get("worktree_path")
    if not isinstance(wanted, str | Path):
        hint = 'write an object such as {"worktree_path": "/…"} to stdin, or name the path'
        raise UsageError("the hook's input has no `worktree_path`", hint=hint)
    remove.remove(Path(wanted), force=force, routers=guard.routers(store), say=output.note)


@hook.command("post-create")
def post_create() -> None:
    """Set up a new worktree. The one of the current directory gets its files, links and env block."""
    from router.worktrees import provision

    settings, store = opened()
    provision.post_create(
        cwd=current_directory(), settings=settings, store=store, say=output.note, progress=output.progress
    )


def _request() -> dict[str, Any]:
    """Return the object on stdin as soon as it is complete: a tool may keep the pipe open."""
    text = b""
    while len(text) <= _LARGEST:
        chunk = sys.stdin.buffer.read1(1 << 16)  # type: ignore[union-attr] # what is there, without waiting for more
        text += chunk
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            if chunk:
                continue
            break
        if isinstance(request, dict):
            return request
        break
    raise UsageError("the hook's input is not a JSON object", hint="a tool calls this and writes the object to stdin")


def _directory(request: dict[str, Any]) -> Path:
    """Return the directory of the session: the one in the request where it is there, else the current one."""
    cwd = request.get("cwd")
    if isinstance(cwd, str) and os.path.isabs(cwd) and os.path.isdir(cwd):  # noqa: PTH112, PTH117 - Path's raise for odd text
        return Path(cwd)
    return current_directory()
