"""The command that a server was started by: of the processes above it in its job, the topmost that can be run again."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from router.observe.programs import program
from router.processes.look import Raw, from_proc, from_psutil
from router.processes.roles import SHELLS, role
from router.values import dataclass

_LONGEST = 4096  # characters of a command
_TITLED = re.compile(r"(?:npm|pnpm|yarn|npx|bun|bunx)(?: [A-Za-z0-9_./:=@%+,-]+)+")
"""A title that a package manager writes over its command, and that is the command all the same."""
_BOUNDED = frozenset({"timeout", "gtimeout"})


@dataclass(frozen=True, slots=True)
class Led:
    """A command: its words, which may have secrets in them, and the directory that it was started in."""

    words: tuple[str, ...]
    cwd: str


def everything() -> dict[int, Raw]:
    """Return every process that can be seen, by pid."""
    return {raw.id.pid: raw for raw in (from_proc() if sys.platform == "linux" else from_psutil())}


def leading(pid: int, known: Mapping[int, Raw], *, root: str) -> Led | None:
    """Return the command that started a server, as it can be run again in the worktree at `root`, links resolved.

    That is the topmost process of the server's group which works in the worktree, but no shell of one command, and
    nobody's agent or editor. None where its words cannot be told. `known` are all processes by pid.
    """
    job = [raw for raw in _job(pid, known) if f"{raw.cwd}/".startswith(f"{root}/")]
    while job and not _again(job[-1]):
        job.pop()
    words = _words(job[-1].argv) if job else ()
    if not words or len(shlex.join(words)) > _LONGEST or not all(map(str.isprintable, words)):
        return None
    cwd = _package(job[-2].id.pid, root) if len(job) > 1 and _is_titled(job[-1].argv) else ""
    return Led((_program(words[0], job[-1].id.pid, root), *words[1:]), cwd or job[-1].cwd)


def _job(pid: int, known: Mapping[int, Raw]) -> Iterator[Raw]:
    """Yield a process and those above it in its group, the deepest first, as far as none is an agent or the like."""
    raw = known.get(pid)
    group, seen = raw.group if raw else 0, set[int]()
    while raw and group and raw.group == group and raw.uid == os.getuid() and raw.id.pid not in seen:
        called = program(raw.argv, cwd=raw.cwd) if raw.argv else None
        if role(raw.argv, name=raw.name, program=called, leads_terminal=raw.leads_terminal):
            return
        seen.add(raw.id.pid)
        yield raw
        raw = known.get(raw.parent)


def _again(raw: Raw) -> bool:
    """Tell whether a process is worth to be started again: no shell that was given one command, nothing with an end."""
    name = raw.argv[0].rpartition("/")[2].lstrip("-") if raw.argv else ""
    commanded = name in SHELLS and any(re.fullmatch(r"-[a-z]*c", word) for word in raw.argv[1:3])
    return bool(name) and not commanded and name not in _BOUNDED


def _words(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a command line; none where a program has written something else over it."""
    if len(argv) == 1 and " " in argv[0].strip():
        return tuple(argv[0].split()) if _is_titled(argv) else ()
    return tuple(argv) if "\ufffd" not in "".join(argv) else ()


def _is_titled(argv: Sequence[str]) -> bool:
    return len(argv) == 1 and _TITLED.fullmatch(argv[0].strip()) is not None


def _package(pid: int, root: str) -> str:
    """Return the directory of the package whose script a process runs, empty where that is unknown.

    The title of the package manager leaves out `--prefix` and `--workspace`.
    """
    found = os.path.realpath(os.path.dirname(_variable(pid, "npm_package_json")) or "/")  # noqa: PTH120
    return found if f"{found}/".startswith(f"{root}/") else ""


def _program(name: str, pid: int, root: str) -> str:
    """Return a program by its path where its own PATH found it in the worktree, as in an environment of Python's."""
    if "/" in name:
        return name
    found = shutil.which(name, path=_variable(pid, "PATH")) or ""
    return found if found.startswith(f"{root}/") else name


def _variable(pid: int, name: str) -> str:
    """Return a variable that a process was given, empty where it has none or cannot be read; no other one is kept."""
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    start = os.fsencode(f"{name}=")
    return next((os.fsdecode(each.removeprefix(start)) for each in environ if each.startswith(start)), "")
