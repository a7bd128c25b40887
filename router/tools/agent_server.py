"""The router as tools of an agent (https://modelcontextprotocol.io) over standard input and output.

Each tool is a command that runs in the directory in which the agent started this. None of them destroys anything, and
those that start and stop take no name: they are for the worktree of that directory.
"""

import json
import os
import sys

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

from router import __version__, proc
from router.document import name_at
from router.errors import RouterError
from router.tools import brief

_PATIENCE = 600.0  # seconds, for a server that takes long to start
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_STARTS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

server = MCPServer(
    "router",
    version=__version__,
    instructions="This repository's worktrees each have their own URL, port and database. Use those of this one alone.",
    log_level="ERROR",
)


@server.tool(annotations=_READS)
def status() -> str:
    """Show this worktree, what is wrong with it, and every other one: URL, branch, which services are up."""
    document = json.loads(_said("status", "--json", whole=True))
    return brief.status(document, own=name_at(document, os.curdir))


@server.tool(annotations=_READS)
def url(service: str = "web") -> str:
    """Return the URL of a service of this worktree. Test there, never on a port of localhost."""
    return _said("url", f"--service={service}")


@server.tool(annotations=_READS)
def whose(what: str) -> str:
    """Say whose a port, URL, pid, path or container is: worktree, branch, commit, process."""
    return _said("whose", "--", what)


@server.tool(annotations=_READS)
def env() -> str:
    """List the environment of this worktree: ports, database, names. Of what may be secret only the name is there."""
    return brief.environment(json.loads(_said("env", "--format=json", whole=True)))


@server.tool(annotations=_READS)
def logs(service: str = "") -> str:
    """Return the last lines that the servers of this worktree printed, which `start` started."""
    return brief.log(_said("logs", *([f"--service={service}"] if service else []), ".", whole=True))


@server.tool(annotations=_READS)
def explain(what: str) -> str:
    """Say where a URL or an OAuth state leads, and by which rule."""
    return _said("explain", "--", what)


@server.tool(annotations=_STARTS)
def start(service: str = "") -> str:
    """Start the servers of this worktree, or one of them, wait until they listen, and return their URLs."""
    return _said("start", *([f"--service={service}"] if service else []))


@server.tool(annotations=_STARTS)
def stop(service: str = "") -> str:
    """Stop the servers of this worktree, or one of them, and nobody else's."""
    return _said("stop", *([f"--service={service}"] if service else []))


def serve() -> None:
    """Answer until standard input ends."""
    server.run("stdio")


def _said(*arguments: str, whole: bool = False) -> str:
    """Return what a command prints, `whole` or what an agent reads of it. ToolError with what it says where it fails.

    Nothing of the worktree is imported: `-P` leaves the current directory out of Python's path.
    """
    try:
        done = proc.run([sys.executable, "-P", "-m", "router", *arguments], env=os.environ, timeout=_PATIENCE)
    except RouterError as exc:
        raise ToolError(f"{exc.message}; {exc.hint}") from exc
    out = done.out.decode(errors="replace")
    if done.code:
        raise ToolError(brief.log(f"{out}{done.err}"))
    return out if whole else brief.cut([*out.splitlines(), *done.err.splitlines()])
