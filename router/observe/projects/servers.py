"""The server that a line of a file starts, and the port that the line fixes for it."""

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from router.launch.commands import Seen, seen, seen_line
from router.launch.servers import named_port
from router.launch.several import Member, servers
from router.launch.tree import Tree
from router.ports import parse_port
from router.values import replace

_NUMBER = re.compile(r"(?:\S*:)?(\d{1,5})")
_NO_SERVER = frozenset({"preview", "build"})


def of_words(words: tuple[str, ...], files: Tree, *, folder: str, name: str = "") -> tuple[Member, ...]:
    """Return the servers that a command typed in a directory starts."""
    return _servers(seen(words, files, folder=folder), name)


def of_line(line: str, files: Tree, *, folder: str, name: str = "") -> tuple[Member, ...]:
    """Return the servers that a line for a shell starts."""
    return _servers(seen_line(line, files, folder=folder), name)


def only(members: Sequence[Member]) -> Member | None:
    """Return the only one of several servers; None where there are more: a port of one is not that of the line."""
    return members[0] if len(members) == 1 else None


def fixed_port(member: Member | None) -> int | None:
    """Return the port that a server's words, or a variable in front of them, fix; None where nothing does."""
    if member is None:
        return None
    variables = [member.running.server.variable] if member.running else []
    said = named_port(member.running.arguments, member.running.server) if member.running else None
    said = said or next((value for name in (*variables, "PORT") if (value := member.at.variables.get(name))), None)
    match = _NUMBER.fullmatch(said or "")
    return parse_port(match[1]) if match else None


def typed_in(folder: str, command: str) -> str:
    """Return a command that is meant for a directory of the checkout as it is typed in the checkout itself."""
    return f"cd {shlex.quote(folder)} && {command}" if folder else command


def inner_folder(cwd: object) -> str | None:
    """Return a directory as other tools write it, relative to the checkout; None where it is not in there."""
    if not isinstance(cwd, str):
        return ""
    path = PurePosixPath(re.sub(r"^\$\{workspace(?:Folder|Root)\}/?", "", cwd.strip()) or ".")
    return None if path.is_absolute() or ".." in path.parts or "$" in str(path) else str(path).removeprefix(".")


def _servers(found: Sequence[Seen], name: str) -> tuple[Member, ...]:
    named = tuple(replace(each, name=name or each.name) for each in found)
    return tuple(each for each in servers(named) if not _NO_SERVER & set(each.at.words[1:2]))
