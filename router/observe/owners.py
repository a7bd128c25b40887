"""Whose directory a worktree's path really leads to: a link, or a wrong `gitdir`, may make it another's."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from router.errors import FileError
from router.model import Worktree, WorktreeId
from router.observe import git_files
from router.observe.directories import inode
from router.values import replace


def with_owners(
    worktrees: Iterable[Worktree], *, settled: Collection[WorktreeId] = frozenset()
) -> tuple[Worktree, ...]:
    """Return the worktrees of a repository; one that leads to another's directory has that one's path as `same_as`.

    The owner of a directory is the worktree that its own `.git` leads back to, in this repository or in another.
    Where that is none of several, the main checkout owns it, else the oldest of them. Those that are `settled` are
    known to be nobody else's.
    """
    found = tuple(
        replace(each, same_as=owner) if each.id not in settled and (owner := _owner(each)) else each
        for each in worktrees
    )
    directories: dict[tuple[int, int], list[Worktree]] = defaultdict(list)
    for each in found:
        if each.present and not each.same_as and (place := inode(each.path)):
            directories[place].append(each)
    shared = (sorted(each, key=_age) for each in directories.values() if len(each) > 1)
    later = {rival.id: oldest.path for oldest, *rivals in shared for rival in rivals}
    return tuple(replace(each, same_as=later.get(each.id, each.same_as)) for each in found) if later else found


def _owner(worktree: Worktree) -> str | None:
    """Return the path of the worktree that owns a linked worktree's directory, None where it is its own."""
    if not (worktree.present and worktree.id.admin):
        return None
    mine = f"{worktree.id.common_dir}/worktrees/{worktree.id.admin}"
    try:
        theirs = _leads_to(worktree.path, mine)
        owner = _path(theirs) if theirs else None
        return owner if owner and Path(owner).samefile(worktree.path) else None
    except (FileError, OSError, ValueError):  # nobody can tell
        return None


def _leads_to(path: str, mine: str) -> str | None:
    """Return the real git directory that a worktree's own `.git` leads to, None where that is `mine` or none."""
    dot = f"{path}/.git"
    if os.path.isdir(dot):  # noqa: PTH112 - as text, as all of these
        return os.path.realpath(dot)
    prefix, _, pointer = (git_files.read(Path(dot)) or "").partition("gitdir: ")
    if prefix or not pointer or pointer == mine:
        return None
    real = os.path.realpath(os.path.join(path, pointer))  # noqa: PTH118
    return None if real == mine else real


def _path(directory: str) -> str | None:
    """Return the path of the worktree that a git directory is of, None where it is none, or none's."""
    if not os.path.exists(f"{directory}/HEAD"):  # noqa: PTH110
        return None
    if not os.path.exists(f"{directory}/commondir"):  # noqa: PTH110
        return os.path.dirname(directory)  # noqa: PTH120
    pointer = git_files.read(Path(directory, "gitdir"))
    return git_files.worktree_path(directory, pointer) if pointer else None


def _age(worktree: Worktree) -> tuple[bool, int, str]:
    return (worktree.id.admin != "", worktree.id.created, worktree.id.admin)
