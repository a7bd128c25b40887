"""The worktrees of a repository: what git lists, completed and checked by git's own files."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from router.errors import FileError
from router.model import Problem, Worktree, WorktreeId
from router.observe import git_files
from router.observe.directories import inode, is_directory, may_be_there
from router.observe.git_answer import Answer, asked, needs_git
from router.observe.git_files import Admin, ListedWorktree
from router.observe.owners import with_owners
from router.text import shown
from router.values import dataclass, replace

MOST = 2000
"""Linked worktrees of one repository that are looked at."""
_SETTLED = 5.0  # seconds after which git counts as done with what it had begun, or as gone


@dataclass(frozen=True, slots=True)
class Listing:
    """The worktrees of a repository, and what is wrong with it as a whole."""

    worktrees: tuple[Worktree, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """What a listing is built from: git's answer, what was there before by administrative name, and the time."""

    common: Path
    answer: Answer
    before: Mapping[str, Worktree]
    now: float

    def directory(self, admin: Admin) -> Path:
        """Return git's own directory of a worktree."""
        return self.common / "worktrees" / admin.name if admin.name else self.common


def worktrees(common: Path, *, before: Iterable[Worktree] = (), now: float | None = None) -> Listing:
    """Return the worktrees of a repository, those that `git worktree add` is still making included: to be watched.

    A bare repository's record is none; the worktree of its default branch counts as the main checkout. What is wrong
    with the files of one worktree is its own problem: it stays as it was in `before`; one that was not there is
    neither present nor made. `now` is the time in seconds since the epoch. GitError, FileError or ValueError where
    the repository as a whole cannot be read.
    """
    admins = git_files.admins(common)
    answer = asked(common, admins)
    earlier = {each.id.admin: each for each in before}
    look = _Look(common, answer, earlier, time.time() if now is None else now)
    oldest = sorted(admins, key=lambda admin: admin.created)[:MOST]
    problems = (_too_many(common, len(admins)),) if len(admins) > MOST else ()
    found = with_owners(_worktrees(look, oldest))
    without = (_without_main(common),) if answer.main.bare and found and not any(each.main for each in found) else ()
    return Listing(found, (*answer.problems, *problems, *without))


def some(
    common: Path, names: Iterable[str], *, before: Iterable[Worktree], now: float | None = None
) -> tuple[Worktree, ...] | None:
    """Return the worktrees with administrative directories of these names, read without git.

    Each is as `worktrees` returns it, but for `same_as`. None where only git can tell. FileError or ValueError where
    the repository as a whole cannot be read.
    """
    if needs_git(common):
        return None
    answer = Answer(git_files.own_main_record(common))
    earlier = {each.id.admin: each for each in before}
    look = _Look(common, answer, earlier, time.time() if now is None else now)
    found = _worktrees(look, [git_files.admin(common, name) for name in names])
    return tuple(_named_as_before(each, earlier.get(each.id.admin)) for each in found if each.id.admin)


def hint_for_bare(common: Path) -> str:
    """Return what to do where a bare repository's default branch has no worktree. FileError or ValueError as above."""
    branch = shown(git_files.head(common).branch or "BRANCH")
    return f"give it one: `git -C {shown(str(common))} worktree add ../{branch} {branch}`"


def _named_as_before(worktree: Worktree, before: Worktree | None) -> Worktree:
    """Return a worktree with the path that git gave it where that leads to the same place: there may be links in it."""
    if before is None or before.path == worktree.path or inode(before.path) is None:
        return worktree
    return replace(worktree, path=before.path) if inode(before.path) == inode(worktree.path) else worktree


def _worktrees(look: _Look, admins: Iterable[Admin]) -> Iterator[Worktree]:
    main = look.answer.main
    default = git_files.head(look.common).branch if main.bare else None
    checkout = () if main.bare else (Admin("", path=main.path),)
    for admin in (*checkout, *sorted(admins, key=lambda each: each.path)):
        try:
            found = _worktree(look, admin, default)
        except (FileError, OSError, ValueError) as exc:
            found = _as_it_was(look, admin, git_files.reason(exc))
        if found:
            yield found


def _worktree(look: _Look, admin: Admin, default: str | None) -> Worktree | None:
    """Return one worktree, None where it comes or goes while we look. Raises where its files are of no use."""
    record = _record(look, admin) if admin.name else look.answer.main
    if record is None:
        before = look.before.get(admin.name) if look.directory(admin).exists() else None
        return replace(before, present=is_directory(before.path)) if before else None
    made, branch, attached = not _is_being_added(record, admin, look.now), record.branch, record.branch
    if branch is None and made:
        branch = git_files.interrupted_branch(look.directory(admin))
    if branch is None and made:  # a rebase may have ended since git looked: it restores HEAD first
        branch = attached = git_files.head(look.directory(admin)).branch
    return Worktree(
        WorktreeId(str(look.common), admin.name, admin.created),
        record.path,
        branch,
        main=record.branch == default if look.answer.main.bare else not admin.name,
        detached=attached is None,
        present=is_directory(record.path),
        made=made,
    )


def _record(look: _Look, admin: Admin) -> ListedWorktree | None:
    if admin.fault:
        raise ValueError(admin.fault)
    before = look.before.get(admin.name)
    if before and before.id.created and not admin.created and git_files.lock(look.directory(admin)) is None:
        raise ValueError("its commondir is missing")
    if look.answer.linked is None:
        return git_files.own_record(look.common, admin)
    records = look.answer.linked.get(admin.path) or look.answer.linked.get(os.path.realpath(admin.path), ())
    return git_files.own_record(look.common, admin) if len(records) > 1 else next(iter(records), None)


def _is_being_added(record: ListedWorktree, admin: Admin, now: float) -> bool:
    """Tell whether `git worktree add` is at work: it locks first ("initializing" in any language), then writes HEAD.

    Git lists HEAD before it looks for the lock, which may be gone by then: no HEAD alone tells as much.
    """
    if not admin.name or (admin.created and now - admin.created / 1e9 > _SETTLED):
        return False
    return record.locked == "initializing" or (record.branch is None and not record.head.strip("0"))


def _as_it_was(look: _Look, admin: Admin, reason: str) -> Worktree | None:
    """Return a worktree whose files are of no use as it was before; None for one that comes or goes at this moment."""
    directory, before = look.directory(admin), look.before.get(admin.name)
    if admin.fault == git_files.MISSING and (before is None or not may_be_there(before.path)):
        return None
    if before is None and _is_young(directory, look.now):
        return None
    problem = Problem(
        "unreadable-worktree",
        f"{shown(str(directory))}: {shown(reason)}; what was last seen of the worktree stands",
        "restore the file, or run `git worktree repair` or `git worktree prune`",
    )
    if before:
        return replace(before, present=before.present and may_be_there(before.path), problems=(problem,))
    identity = WorktreeId(str(look.common), admin.name, admin.created)
    path = admin.path or str(directory)
    return Worktree(identity, path, None, main=not admin.name, present=False, made=False, problems=(problem,))


def _is_young(directory: Path, now: float) -> bool:
    try:
        return now - directory.stat().st_mtime < _SETTLED
    except OSError:
        return False


def _without_main(common: Path) -> Problem:
    """Return the problem of a bare repository whose default branch is checked out nowhere."""
    return Problem(
        "missing-directory",
        f"{shown(str(common))} is bare and its default branch has no worktree: nothing is its main checkout, "
        "whose router.toml and env files would count",
        hint_for_bare(common),
    )


def _too_many(common: Path, count: int) -> Problem:
    return Problem(
        "too-many",
        f"{shown(str(common))} has {count} linked worktrees: only the {MOST} oldest are looked at",
        "remove those that are no longer needed: `git worktree remove PATH`",
    )
