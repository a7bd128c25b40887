"""One look at one repository: its worktrees with what their files declare, and its `router.toml`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from router.errors import FileError, SettingsError
from router.model import Problem, Repository, ServiceSpec, Worktree
from router.naming import shown
from router.observe import declared, git, git_worktrees
from router.observe.copies import Copies, copies
from router.observe.written import own_database, written_names
from router.repository_settings import FILE, RepositorySettings, load_repository_settings
from router.resource_settings import by_rank


def repository(common: Path, *, before: Repository | None = None) -> Repository:
    """Return one repository as it is now; what cannot be read of it stays as it was in `before`, with a problem.

    GitError, FileError, OSError or ValueError where it cannot be read as a whole.
    """
    listing = git_worktrees.worktrees(common, before=_linked(before))
    main = next((each for each in listing.worktrees if each.main), None)
    found = Repository(git.name(common), main.path if main else str(common), str(common), ())
    settings, wrong = _settings(Path(found.path)) if main else (RepositorySettings(), ())
    found = _configured(found, settings) if settings else _configured_as(found, before)
    extra = _copies(found, settings, listing.worktrees, before)
    everyone = (*listing.worktrees, *extra.worktrees)
    return replace(
        found,
        worktrees=_with_files(everyone, found.services, before, first=_variables(settings)),
        problems=(*listing.problems, *_of_none(everyone), *wrong, *extra.problems),
    )


def _linked(before: Repository | None) -> tuple[Worktree, ...]:
    return tuple(each for each in before.worktrees if not each.copy) if before else ()


def _settings(main: Path) -> tuple[RepositorySettings | None, tuple[Problem, ...]]:
    """Return what `router.toml` says, None where the system fails to read it, and the problem there is with it."""
    path = main / FILE
    try:
        settings = load_repository_settings(main)
    except FileError as exc:
        if isinstance(exc.__cause__, OSError):
            return None, (_unreadable(path, exc.reason, rest="what it said before counts"),)
        return RepositorySettings(), (_unreadable(path, exc.reason, rest="nothing in it counts"),)
    except SettingsError as exc:
        return RepositorySettings(), (_unreadable(path, exc.message, rest="nothing in it counts"),)
    hint = "remove what you do not need; the rest of the file counts"
    return settings, tuple(Problem("too-many", f"{shown(str(path))}: {each}", hint) for each in settings.too_many)


def _configured(found: Repository, settings: RepositorySettings) -> Repository:
    return replace(
        found,
        services=settings.specs(),
        callback_paths=settings.callback_paths,
        overrides=settings.overrides(),
        copies=settings.copies is not None,
        strip=settings.names.strip,
        env=settings.env,
        env_template=settings.env_template,
        shared=settings.shared,
        resources=tuple(name for name, _ in by_rank(settings.resources)),
    )


def _configured_as(found: Repository, before: Repository | None) -> Repository:
    if before is None:
        return found
    return replace(before, name=found.name, path=found.path, common_dir=found.common_dir, answered=True)


def _copies(
    found: Repository, settings: RepositorySettings | None, worktrees: Iterable[Worktree], before: Repository | None
) -> Copies:
    earlier = tuple(each for each in before.worktrees if each.copy) if before else ()
    if settings is None:
        return Copies(earlier)
    if settings.copies is None or found.path == found.common_dir:
        return Copies(())
    return copies(
        Path(found.path), settings.copies.glob, common=Path(found.common_dir), worktrees=worktrees, before=earlier
    )


def _variables(settings: RepositorySettings | None) -> tuple[str, ...]:
    """Return the variables that `[resources]` names, that of the database whose name is `DATABASE_NAME` first."""
    resources = by_rank(settings.resources) if settings else ()
    return tuple(resource.variable for _, resource in resources if resource.variable)


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
