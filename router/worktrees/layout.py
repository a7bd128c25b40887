"""Where the worktrees of `router hook worktree-create` are, what their branches are called, and how they are marked."""

import contextlib
from pathlib import Path

from router import files

DIRECTORY = (".claude", "worktrees")  # below the main checkout, where Claude Code has its own
BRANCH_PREFIX = "worktree-"
_MARK = "worktree-router"  # in a worktree's administrative directory: the branch that was created with it


def path_of(main: Path, name: str) -> Path:
    """Return the path of the worktree of that name."""
    return main.joinpath(*DIRECTORY, name)


def branch_of(name: str) -> str:
    """Return the branch of the worktree of that name."""
    return f"{BRANCH_PREFIX}{name}"


def mark(admin: Path, branch: str) -> None:
    """Record in a worktree's administrative directory that the branch was created with it. FileError says why not."""
    files.write(admin / _MARK, branch)


def marked_branch(admin: Path) -> str | None:
    """Return the branch that was created with a worktree, None where the branch existed before."""
    return files.text(admin / _MARK)


def remove_empty_parents(path: Path) -> None:
    """Remove the directories that `worktree-create` made above a worktree, unless another worktree is in them."""
    for parent in (path.parent, path.parent.parent):
        with contextlib.suppress(OSError):
            parent.rmdir()
