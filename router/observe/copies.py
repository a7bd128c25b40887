"""Folders beside the main checkout that are whole copies of it, as `[copies]` in `router.toml` asks for."""

import fnmatch
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from router.model import COPY, Problem, Worktree, WorktreeId
from router.observe.directories import inode
from router.text import shown
from router.values import dataclass

MOST = 500
"""Copies of one repository that are looked at."""
_ENTRIES = 20_000  # of the directory beside the main checkout


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies, each a worktree named by its directory, and what keeps others from being found."""

    worktrees: tuple[Worktree, ...]
    problems: tuple[Problem, ...] = ()


def copies(
    main: Path, pattern: str, *, common: Path, worktrees: Iterable[Worktree], before: Iterable[Worktree]
) -> Copies:
    """Return the folders beside a main checkout whose names match the pattern `../NAME`, by name.

    Links are none, nor are `worktrees`, those that git knows. Where a folder, or the directory that they are in,
    cannot be read, what was found in `before` stands.
    """
    earlier = {each.id.admin: each for each in before if each.copy}
    taken = set(filter(None, map(inode, (each.path for each in worktrees))))
    name = pattern.removeprefix("../")
    try:
        with os.scandir(main.parent) as entries:
            seen = list(islice(entries, _ENTRIES + 1))
    except FileNotFoundError:
        return Copies(())
    except OSError as exc:
        return Copies(tuple(earlier.values()), (_unreadable(main.parent, exc),))
    matching = sorted((each for each in seen if fnmatch.fnmatchcase(each.name, name)), key=lambda each: each.name)
    found = list(_folders(matching, common, taken, earlier))
    return Copies(tuple(found[:MOST]), tuple(_too_many(main.parent, entries=len(seen), folders=len(found))))


def _folders(
    entries: Iterable["os.DirEntry[str]"], common: Path, taken: set[tuple[int, int]], earlier: dict[str, Worktree]
) -> Iterator[Worktree]:
    for entry in entries:
        admin = f"{COPY}{entry.name}"
        try:
            status = entry.stat(follow_symlinks=False)
            is_folder = entry.is_dir(follow_symlinks=False)
        except FileNotFoundError:  # it went while we looked
            continue
        except OSError:
            if admin in earlier:
                yield earlier[admin]
            continue
        if is_folder and (status.st_dev, status.st_ino) not in taken:
            yield Worktree(WorktreeId(str(common), admin, status.st_ino), entry.path, None)


def _unreadable(directory: Path, exc: OSError) -> Problem:
    message = f"{shown(str(directory))}: {exc.strerror}; the copies in it stay as they were"
    return Problem("unreadable-file", message, "fix its permissions, or take [copies] out of router.toml")


def _too_many(directory: Path, *, entries: int, folders: int) -> Iterator[Problem]:
    hint = "name fewer of them in router.toml, `[copies] glob`, or remove some"
    if entries > _ENTRIES:
        message = f"{shown(str(directory))} has more than {_ENTRIES} entries: no copies are looked for among the rest"
        yield Problem("too-many", message, "move the checkout into a directory of its own")
    if folders > MOST:
        message = (
            f"{shown(str(directory))} has {folders} folders that [copies] names: only the first {MOST} are looked at"
        )
        yield Problem("too-many", message, hint)
