"""One look at one repository: its worktrees with what their files declare, and its `router.toml`."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from router import repository_file
from router.errors import FileError, SettingsError
from router.model import Problem, Repository, ServiceSpec, Worktree
from router.observe import declared, git, git_files, git_worktrees
from router.observe.copies import Copies, copies
from router.observe.owners import with_owners
from router.observe.said import Said, said
from router.observe.written import own_database, written_names
from router.repository_file import FILE
from router.text import shown
from router.values import replace


def repository(common: Path, *, before: Repository | None = None, state: Path | None = None) -> Repository:
    """Return one repository as it is now; what cannot be read of it stays as it was in `before`, with a problem.

    `state` is the state directory of a command, where what a `router.toml` says stays for the next one.
    GitError, FileError, OSError or ValueError where it cannot be read as a whole.
    """
    listing = git_worktrees.worktrees(common, before=_linked(before))
    main = next((each for each in listing.worktrees if each.main), None)
    found = Repository(git.name(common), main.path if main else str(common), str(common), ())
    told, wrong = _said(Path(found.path), state) if main else (Said(), ())
    found = told.of(found) if told else _configured_as(found, before)
    extra = _copies(found, told, listing.worktrees, before)
    everyone = (*listing.worktrees, *extra.worktrees)
    return replace(
        found,
        worktrees=_with_files(everyone, found.services, before, first=told.variables if told else ()),
        problems=(*listing.problems, *_of_none(everyone), *wrong, *extra.problems),
    )


def with_changed(before: Repository, names: Collection[str]) -> Repository | None:
    """Return a repository as it is now where nothing of it has changed but the worktrees of these names.

    The names are those of administrative directories, which may be new or gone. None where only a look at the whole
    can tell. Raises as `repository` does.
    """
    if not before.answered or before.problems or any(each.same_as for each in before.worktrees):
        return None
    common, linked = Path(before.common_dir), _linked(before)
    there = git_files.names(common)
    looked = git_worktrees.some(common, [name for name in there if name in names], before=linked)
    others = [each for each in before.worktrees if each.id.admin not in names]
    touched = (*(looked or ()), *(each for each in before.worktrees if each.id.admin in names))
    if looked is None or len(there) > git_worktrees.MOST or any(each.main or each.copy for each in touched):
        return None
    found = _with_files(looked, before.services, before, first=())
    everyone = with_owners(sorted((*others, *found), key=_place), settled={each.id for each in others})
    return replace(before, worktrees=everyone, problems=tuple(_of_none(everyone)))


def _place(worktree: Worktree) -> tuple[bool, bool, str]:
    return worktree.copy, bool(worktree.id.admin), worktree.path


def _linked(before: Repository | None) -> tuple[Worktree, ...]:
    return tuple(each for each in before.worktrees if not each.copy) if before else ()


def _said(main: Path, state: Path | None) -> tuple[Said | None, tuple[Problem, ...]]:
    """Return what `router.toml` says, None where the system fails to read it, and the problems there are with it."""
    path = main / FILE
    try:
        found = said(repository_file.text(main), state=state)
    except FileError as exc:
        if isinstance(exc.__cause__, OSError):
            return None, (_unreadable(path, exc.reason, rest="what it said before counts"),)
        return Said(), (_unreadable(path, exc.reason, rest="nothing in it counts"),)
    except SettingsError as exc:
        return Said(), (_unreadable(path, exc.message, rest="nothing in it counts"),)
    hint = "remove what you do not need; the rest of the file counts"
    return found, tuple(Problem("too-many", f"{shown(str(path))}: {each}", hint) for each in found.too_many)


def _configured_as(found: Repository, before: Repository | None) -> Repository:
    if before is None:
        return found
    return replace(before, name=found.name, path=found.path, common_dir=found.common_dir, answered=True)


def _copies(found: Repository, told: Said | None, worktrees: Iterable[Worktree], before: Repository | None) -> Copies:
    earlier = tuple(each for each in before.worktrees if each.copy) if before else ()
    if told is None:
        return Copies(earlier)
    if told.copies is None or found.path == found.common_dir:
        return Copies(())
    return copies(Path(found.path), told.copies, common=Path(found.common_dir), worktrees=worktrees, before=earlier)


def _with_files(
    worktrees: Iterable[Worktree], specs: tuple[ServiceSpec, ...], before: Repository | None, *, first: Sequence[str]
) -> tuple[Worktree, ...]:
    known = {each.id: each for each in before.worktrees} if before else {}
    return tuple(
        _with_its_files(each, specs, known.get(each.id), first=first) if each.present else each for each in worktrees
    )


def _with_its_files(
    worktree: Worktree, specs: tuple[ServiceSpec, ...], before: Worktree | None, *, first: Sequence[str]
) -> Worktree:
    root = Path(worktree.path)
    found = declared.with_files(worktree, specs, before=before.declared if before else ())
    database = own_database(root, first=first) if worktree.main else ""
    if not database and before and len(found.problems) > len(worktree.problems):  # a file cannot be read for a moment
        database = before.own_database
    return replace(found, written=written_names(root), own_database=database)


def _of_none(worktrees: Iterable[Worktree]) -> tuple[Problem, ...]:
    """Return the problems of worktrees that have no route to show them at."""
    return tuple(problem for each in worktrees if not (each.present and each.made) for problem in each.problems)


def _unreadable(path: Path, reason: str, *, rest: str) -> Problem:
    return Problem("unreadable-file", f"{shown(str(path))}: {shown(reason)}", f"fix it; until then {rest}")
