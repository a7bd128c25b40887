"""Which commands of `[setup] run` a worktree has had: what is found without reading `router.toml` once more."""

from collections.abc import Sequence
from pathlib import Path

from router import files
from router.trust.statements import Statement, digest
from router.worktrees import git_commands
from router.worktrees.git_commands import Checkout

_FILE = "worktree-router-setup"  # in a worktree's administrative directory: a hash of the commands that were run


def admin_directory(checkout: Checkout) -> Path | None:
    """Return the administrative directory of a linked worktree, None for any other directory."""
    worktree = git_commands.worktree_at(checkout.common, checkout.root)
    return None if worktree is None or worktree.main else git_commands.admin_directory(checkout.common, worktree)


def is_done(checkout: Checkout, lines: Sequence[str]) -> bool:
    """Tell whether exactly these commands have been run in a worktree. FileError where that cannot be read."""
    admin = admin_directory(checkout)
    return admin is not None and files.text(admin / _FILE) == _hash(lines)


def note(admin: Path, lines: Sequence[str]) -> None:
    """Write down that these commands have been run. FileError where that cannot be written."""
    files.replace(admin / _FILE, _hash(lines))


def _hash(lines: Sequence[str]) -> str:
    return digest(Statement("run", line) for line in lines)
