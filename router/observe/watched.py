"""What tells that a repository has changed: directories to follow for events, files whose signature counts."""

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path

from router.model import Repository, Worktree
from router.observe import envfiles
from router.observe.projects import project
from router.observe.projects.checkout import GROUPS
from router.repository_file import FILE
from router.values import dataclass, field

_HEADS = ("HEAD", "gitdir", "locked", "rebase-merge", "rebase-apply", "BISECT_START", "reftable/tables.list")

Stamp = tuple[int, int, int, int]
"""What identifies the content of a file: its device, its inode, the time of that, and its size."""
Signature = tuple[Stamp | None, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """The smallest set that misses nothing. The directories are in groups, the most telling group first.

    `shared` are the files that say something of the repository as a whole; `each` those of one worktree, by its
    administrative name. Which of these there are, the directory `worktrees` says.
    """

    directories: tuple[tuple[str, ...], ...] = ()
    shared: tuple[str, ...] = ()
    each: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """All of these files."""
        return (*self.shared, *chain.from_iterable(self.each.values()))


def watched(
    repository: Repository, names: Sequence[str], *, before: Watched | None = None, new: Collection[str] = ()
) -> Watched:
    """Return what to watch of a repository with administrative directories of these names.

    What was watched `before` still is, but for the worktrees that are `new`: nothing of the others is looked at. Git
    lists a worktree once its `gitdir` is there; nothing around the directory tells when that is written.
    """
    common = repository.common_dir
    admins = [f"{common}/worktrees/{name}" for name in names]
    reftables = (f"{each}/reftable" for each in (common, *admins))
    own = (*admins, *(each for each in reftables if os.path.isdir(each)))  # noqa: PTH112 - as text, as all of these
    trees = {each.id.admin: each for each in repository.worktrees}
    known = before.each if before else {}
    each = {
        name: known[name] if name in known and name not in new else tuple(_files(common, name, trees.get(name)))
        for name in dict.fromkeys((*names, *trees))
    }
    return Watched(((common, f"{common}/worktrees"), own, roots(repository)), tuple(_shared(repository)), each)


def directories(everything: Iterable[Watched]) -> tuple[str, ...]:
    """Return the directories of several repositories, those that tell most of each first."""
    groups = zip_longest(*(each.directories for each in everything), fillvalue=())
    return tuple(dict.fromkeys(chain.from_iterable(chain.from_iterable(groups))))


def roots(repository: Repository) -> tuple[str, ...]:
    """Return the paths of the repository's worktrees that are there, each in a directory of its own."""
    return tuple(each.path for each in repository.worktrees if each.present and each.made and each.same_as is None)


def signature(files: Iterable[str]) -> Signature:
    """Return what identifies the content of files and the presence of directories, by one `stat` each."""
    return tuple(stamp(path) for path in files)


def stamp(path: str) -> Stamp | None:
    """Return what identifies the content of a file or the presence of a directory, None where there is nothing.

    A directory counts by its inode alone, as its time changes with every file in it; written with a slash at
    its end it counts by its entries. A file's time is that of its inode: permissions count as well.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs more than the call, and there are hundreds
    except (OSError, ValueError):
        return None
    is_directory = not path.endswith("/") and stat.S_ISDIR(found.st_mode)
    changed, size = (0, 0) if is_directory else (found.st_ctime_ns, found.st_size)
    return found.st_dev, found.st_ino, changed, size


def _shared(repository: Repository) -> Iterator[str]:
    yield f"{repository.common_dir}/config"
    if repository.copies:
        yield f"{Path(repository.path).parent}/"
    yield f"{repository.path}/{FILE}"
    yield from (f"{repository.common_dir}/{name}" for name in _HEADS)


def _files(common: str, admin: str, worktree: Worktree | None) -> Iterator[str]:
    if admin and not (worktree and worktree.copy):
        yield from (f"{common}/worktrees/{admin}/{head}" for head in _HEADS)
    if worktree:
        yield worktree.path
        yield from (f"{worktree.path}/{name}" for name in envfiles.watched(Path(worktree.path)))
        yield from (f"{worktree.path}/{name}" for name in _projects(worktree))


def _projects(worktree: Worktree) -> Iterator[str]:
    """Yield the files of other tools that say something of a worktree, and those of its packages that did."""
    yield from project.FILES
    yield from (f"{group}/" for group in GROUPS)
    sources = (each.source.partition(":")[2] for each in worktree.declared)
    yield from dict.fromkeys(name for name in sources if "/" in name)
