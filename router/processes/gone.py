"""Which remembered worktrees may be gone, as git's own files have it; what a process works in decides the rest.

Nothing counts as gone because git did not answer: a repository that cannot be reached has no worktree that is gone.
"""

import functools
import os

from router.model import COPY, WorktreeId
from router.observe.lanes import Lanes
from router.remembered import GoneWorktree, Memory
from router.routes.gone import departed

_PATIENCE = 2.0  # seconds for the disks to answer


def gone(memory: Memory, *, now: float, patience: float = _PATIENCE) -> tuple[GoneWorktree, ...]:
    """Return the remembered worktrees that are gone, those included that went while no watcher ran.

    That is: git lists them no longer, or lists them without a lock though their directory is not there. `now` is when
    the latter are first seen to be gone, in seconds since the epoch. There are none where a disk does not answer within
    `patience` seconds.
    """
    this = object()  # another one each time: a late answer is about another memory
    return _lanes().run({this: functools.partial(_gone, memory, now)}, patience=patience).get(this, ())


@functools.cache
def _lanes() -> Lanes[object, tuple[GoneWorktree, ...]]:
    """Return where the disks are asked: in one thread, so that no more than that is ever stuck."""
    return Lanes(threads=1)


def _gone(memory: Memory, now: float) -> tuple[GoneWorktree, ...]:
    kept = (departed(each, now) for each in memory.worktrees if not _may_stand(each.id, each.path))
    known = (each for each in memory.gone if not _stands(each.id, each.path))
    return tuple(each for each in (*known, *kept) if each.path)


def unlisted(worktree: WorktreeId) -> bool:
    """Tell whether the files of a repository that is there have a linked worktree no more.

    That is more than that it may be gone: git lists one whose directory is not there until it is pruned, and that may
    have been moved, or its disk be away.
    """
    if not worktree.admin or worktree.admin.startswith(COPY) or not os.path.isdir(worktree.common_dir):  # noqa: PTH112
        return False
    try:
        made = os.stat(f"{worktree.common_dir}/worktrees/{worktree.admin}/commondir").st_mtime_ns  # noqa: PTH116
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return made != worktree.created


def _may_stand(worktree: WorktreeId, path: str) -> bool:
    """Tell whether a worktree is there, or its repository cannot be reached to tell."""
    if not os.path.isdir(worktree.common_dir) and not _inside_checkout(path, worktree.common_dir):  # noqa: PTH112
        return True
    return _stands(worktree, path)


def _stands(worktree: WorktreeId, path: str) -> bool:
    """Tell whether git's files have a worktree that is there, or that is locked while its disk is away."""
    there = os.path.isdir(path)  # noqa: PTH112 - Path's raises where it may not look
    if worktree.admin.startswith(COPY):  # a repository of its own, told from another by its inode
        return there and os.stat(path).st_ino == worktree.created  # noqa: PTH116
    admin = f"{worktree.common_dir}/worktrees/{worktree.admin}" if worktree.admin else worktree.common_dir
    if worktree.admin and _created(admin) != worktree.created:
        return False
    return there or os.path.lexists(f"{admin}/locked")


def _inside_checkout(path: str, common: str) -> bool:
    """Tell whether a worktree was in the directory of its repository: who deleted one deleted the other."""
    return f"{path}/".startswith(f"{os.path.dirname(common)}/")  # noqa: PTH120


def _created(admin: str) -> int | None:
    """Return when git made an administrative directory, in nanoseconds: `commondir` is written once and never again."""
    try:
        return os.stat(f"{admin}/commondir").st_mtime_ns  # noqa: PTH116
    except OSError:
        return None
