"""What tells that a repository has changed: directories to follow for events, files whose signature counts."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from router.errors import FileError
from router.model import Repository, Worktree
from router.observe import envfiles, git_files
from router.observe.projects import project
from router.observe.projects.checkout import GROUPS
from router.repository_settings import FILE

_HEADS = ("HEAD", "gitdir", "locked", "rebase-merge", "rebase-apply", "BISECT_START", "reftable/tables.list")

Signature = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """The smallest set that misses nothing. The directories are in groups, the most telling group first."""

    directories: tuple[tuple[str, ...], ...] = ()
    files: tuple[str, ...] = ()


def watched(repository: Repository) -> Watched:
    """Return what to watch of a repository; looks which of git's own directories there are."""
    common = repository.common_dir
    admins = _admins(common)
    reftables = (f"{each}/reftable" for each in (common, *admins))
    own = (*admins, *(each for each in reftables if os.path.isdir(each)))  # noqa: PTH112 - as text, as all of these
    return Watched(((common, f"{common}/worktrees"), own, roots(repository)), tuple(_files(repository, admins)))


def directories(everything: Iterable[Watched]) -> tuple[str, ...]:
    """Return the directories of several repositories, those that tell most of each first."""
    groups = zip_longest(*(each.directories for each in everything), fillvalue=())
    return tuple(dict.fromkeys(chain.from_iterable(chain.from_iterable(groups))))


def roots(repository: Repository) -> tuple[str, ...]:
    """Return the paths of the repository's worktrees that are there, each in a directory of its own."""
    return tuple(each.path for each in repository.worktrees if each.present and each.made and each.same_as is None)


def signature(files: Iterable[str]) -> Signature:
    """Return what identifies the content of files and the presence of directories, by one `stat` each.

    A directory counts by its inode alone, as its time changes with every file in it; written with a slash at
    its end it counts by its entries. A file's time is that of its inode: permissions count as well.
    """
    return tuple(_stat(path) for path in files)


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs more than the call, and there are hundreds
    except (OSError, ValueError):
        return None
    is_directory = not path.endswith("/") and stat.S_ISDIR(found.st_mode)
    return (found.st_ino, 0, 0) if is_directory else (found.st_ino, found.st_ctime_ns, found.st_size)


def _files(repository: Repository, admins: Iterable[str]) -> Iterator[str]:
    yield f"{repository.common_dir}/worktrees/"
    yield f"{repository.common_dir}/config"
    if repository.copies:
        yield f"{Path(repository.path).parent}/"
    yield f"{repository.path}/{FILE}"
    for admin in (repository.common_dir, *admins):
        yield from (f"{admin}/{name}" for name in _HEADS)
    for worktree in repository.worktrees:
        yield worktree.path
        yield from (f"{worktree.path}/{name}" for name in envfiles.watched(Path(worktree.path)))
        yield from (f"{worktree.path}/{name}" for name in _projects(worktree))


def _projects(worktree: Worktree) -> Iterator[str]:
    """Yield the files of other tools that say something of a worktree, and those of its packages that did."""
    yield from project.FILES
    yield from (f"{group}/" for group in GROUPS)
    sources = (each.source.partition(":")[2] for each in worktree.declared)
    yield from dict.fromkeys(name for name in sources if "/" in name)


def _admins(common: str) -> list[str]:
    """Return git's own directories of the linked worktrees, one that `git worktree add` has only begun included.

    Git lists a worktree once its `gitdir` is there; nothing around the directory tells when that is written.
    """
    try:
        return [f"{common}/worktrees/{name}" for name in git_files.names(Path(common))]
    except FileError:
        return []
