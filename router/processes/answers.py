"""What `router whose` answers: a worktree, what of it was asked about, and how that is known."""

import os
import pwd
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from router.document import Document
from router.errors import GitError, NobodyKnowsError
from router.model import Listener
from router.observe import git
from router.processes.look import Process
from router.processes.words import duration
from router.remembered import GoneWorktree
from router.text import shown
from router.values import dataclass

_KNOWN_BY = {
    "working directory": "its working directory",
    "job": "the working directory of what started it",
    "declared": "a file or setting of the worktree: nothing listens there now",
    "container": "its Compose project",
    "host": "its host",
    "label": "its label",
    "path": "its path",
}


@dataclass(frozen=True, slots=True)
class Tree:
    """A worktree: its label (None where the router does not serve it), and what it is of."""

    name: str | None
    repository: str
    branch: str | None
    path: str
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Whose something is; `known_by` is a key of `_KNOWN_BY`, and says how.

    `started_by` are the base names of what started the process, from its parent up to a shell, an agent or an editor.
    """

    tree: Tree
    known_by: str
    service: str | None = None
    port: int | None = None
    process: Process | None = None
    started_by: tuple[str, ...] = ()
    container: str | None = None


def routed(tree: Document) -> Tree:
    """Return a worktree of the status document."""
    return Tree(tree["name"], tree["repository"], tree["branch"], tree["path"])


def lost(tree: GoneWorktree) -> Tree:
    """Return a worktree that is gone, as it is remembered."""
    return Tree(next(iter(tree.names), None), tree.repository, tree.branch, tree.path, gone=True)


def elsewhere(directory: str) -> Tree:
    """Return the worktree that git has around a directory. NobodyKnowsError where that is in none."""
    place = Path(directory)
    try:
        root = os.fsdecode(git.change(place, "rev-parse", "--show-toplevel").removesuffix(b"\n"))
        branch = os.fsdecode(git.change(place, "branch", "--show-current").removesuffix(b"\n"))
        return Tree(None, git.name(git.common_dir(place)), branch or None, root)
    except GitError as exc:
        raise NobodyKnowsError(f"{shown(directory)} is in no worktree: {shown(exc.message)}", hint=exc.hint) from exc


def around(process: Process) -> Tree:
    """Return the worktree that git has around a process. NobodyKnowsError where that is in none, or not to be seen."""
    who = f"process {process.pid} ({process.program}) of {user(process.uid)}"
    if process.cwd and not process.removed:
        try:
            return elsewhere(process.cwd)
        except NobodyKnowsError as exc:
            raise NobodyKnowsError(f"{who}: {exc.message}", hint=exc.hint) from exc
    if process.cwd:
        raise NobodyKnowsError(
            f"{who} works in {shown(process.cwd)}, which was deleted",
            hint="run `router reap` to see what is left of worktrees",
        )
    show = f"ls -l /proc/{process.pid}/cwd" if sys.platform == "linux" else f"lsof -a -d cwd -p {process.pid}"
    raise NobodyKnowsError(f"the directory of {who} cannot be seen", hint=f"run `sudo {show}`")


def unseen(listener: Listener) -> NobodyKnowsError:
    """Return the error that says whose a socket is of which no more can be seen, and what would show it."""
    owner = f"{user(listener.uid)}'s" if listener.uid is not None else "another user's"
    show = (
        f"ss -ltnp 'sport = :{listener.port}'"
        if sys.platform == "linux"
        else f"lsof -nP -iTCP:{listener.port} -sTCP:LISTEN"
    )
    return NobodyKnowsError(
        f"port {listener.port} is {owner}, in a process that cannot be seen", hint=f"run `sudo {show}`"
    )


def facts(answer: Answer, *, now: float) -> dict[str, Any]:
    """Return an answer as plain values, with the commit that the worktree is at and whether its tree is dirty."""
    commit, dirty = (None, None) if answer.tree.gone else _commit(answer.tree.path)
    return {
        "worktree": answer.tree.name,
        "repository": answer.tree.repository,
        "branch": answer.tree.branch,
        "path": shown(answer.tree.path),
        "gone": answer.tree.gone,
        "commit": commit,
        "dirty": dirty,
        "service": answer.service,
        "port": answer.port,
        "process": _process(answer.process, answer.started_by, now) if answer.process else None,
        "container": answer.container,
        "known_by": answer.known_by,
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the facts of an answer as people read them."""
    state = "gone" if found["gone"] else f"at {found['commit']}{', dirty' if found['dirty'] else ''}"
    branch = f"branch {found['branch']}" if found["branch"] else "no branch"
    yield f"{found['worktree'] or '(not served)'} of {found['repository']}, {branch}, {state}"
    yield found["path"]
    what = [f"service {found['service']}"] if found["service"] else []
    what += [f"port {found['port']}"] if found["port"] else []
    what += [f"container {found['container']}"] if found["container"] else []
    if what:
        yield ", ".join(what)
    if process := found["process"]:
        who = f"{process['program']} (pid {process['pid']}) of {process['user']}"
        chain = f", started by {' ← '.join(process['started_by'])}" if process["started_by"] else ""
        yield f"{who}, runs for {duration(process['age_s'])}{chain}"
    yield f"known by {_KNOWN_BY[found['known_by']]}"


def _process(process: Process, started_by: tuple[str, ...], now: float) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "program": process.program,
        "role": process.role,
        "user": user(process.uid),
        "age_s": max(0, round(now - process.started)),
        "started_by": list(started_by),
    }


def user(uid: int) -> str:
    """Return a user's name, its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _commit(path: str) -> tuple[str | None, bool | None]:
    """Return the short name of the commit that a worktree is at, and whether it has changes that are in none."""
    try:
        place = Path(path)
        commit = git.change(place, "rev-parse", "--short", "HEAD").decode().strip()
        return commit, bool(git.change(place, "status", "--porcelain", "--untracked-files=normal"))
    except GitError:  # no commit yet
        return None, None
