"""What a command leaves alone: other worktrees, where it is run in a linked one, and the router itself."""

import os
from pathlib import Path

from router.caddy import record
from router.document import Document
from router.errors import GitError, OtherWorktreeError
from router.observe import git
from router.store import Store


def check(target: Document, *, own: Document | None, cwd: Path, other: bool, what: str = "") -> None:
    """Raise OtherWorktreeError where a command in `cwd` may not act on a worktree.

    `own` is the worktree of `cwd`, None where the router knows none there; `other` is whether the user said that
    another one is meant. From the main checkout, or outside of every worktree, each may be named. `what` is what
    leads to the worktree, such as `port 5173`.
    """
    if other or (own and own["name"] == target["name"]):
        return
    if own["main"] if own else not _is_linked(cwd):
        return
    here = f"this is {own['name']}" if own else "this is another worktree"
    branch = f", branch {target['branch']}" if target["branch"] else ""
    whose = f"{what} is {target['name']}'s" if what else f"{target['name']} is another worktree"
    raise OtherWorktreeError(
        f"{whose} ({target['repository']}{branch}); {here}: nothing was changed",
        hint="leave it alone, or say `--other` if it is meant",
    )


def routers(store: Store) -> frozenset[int]:
    """Return the pids of the watcher and of the Caddy that it started."""
    watcher, caddy = store.running_watcher(), record.recorded(store.directory)
    return frozenset({*([watcher.pid] if watcher else []), *([caddy.process.pid] if caddy else [])})


def _is_linked(cwd: Path) -> bool:
    """Tell whether a directory is in a linked worktree, by the two directories that git has for one."""
    try:
        own, common = git.change(cwd, "rev-parse", "--git-dir", "--git-common-dir").splitlines()
    except (GitError, ValueError):
        return False
    return os.path.realpath(cwd / os.fsdecode(own)) != os.path.realpath(cwd / os.fsdecode(common))
