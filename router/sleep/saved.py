"""When a file of a worktree was last saved: looked up once, when its servers are about to be stopped."""

import os
import time
from pathlib import Path

from router.errors import RouterError
from router.model import Worktree
from router.observe import git
from router.text import shown
from router.values import dataclass

_PATIENCE = 20.0  # seconds for the times of all files


@dataclass(frozen=True, slots=True)
class Saved:
    """The file that was saved last, and when, in seconds since the epoch."""

    name: str
    at: float


def last_saved(worktree: Worktree) -> Saved | None:
    """Return which file of a worktree was saved last; a commit or checkout counts as well. None where it has none.

    Tracked files and those that git does not ignore count. RouterError where git or the disk does not tell in time.
    """
    deadline = time.monotonic() + _PATIENCE
    common, admin = worktree.id.common_dir, worktree.id.admin
    reflog = f"{worktree.path}/.git" if worktree.copy else f"{common}/worktrees/{admin}" if admin else common
    newest, when = "a commit or checkout", _time(f"{reflog}/logs/HEAD")
    for name in git.files(Path(worktree.path)):
        if (saved := _time(f"{worktree.path}/{name}")) > when:
            newest, when = name, saved
        if time.monotonic() > deadline:
            raise RouterError(f"the files of {shown(worktree.path)} take too long to look at", hint="see its disk")
    return Saved(shown(newest), when) if when else None


def _time(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return 0.0
