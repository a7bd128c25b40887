"""Everything that can be observed, as one value: worktrees, what their files declare, who listens."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from router.errors import GitError, SettingsError
from router.model import (
    COPY,
    Container,
    Listener,
    Memory,
    Observed,
    Problem,
    Repository,
    ServiceSpec,
    Worktree,
    WorktreeId,
)
from router.naming import shown
from router.observe import envfiles, git
from router.repository_settings import FILE, RepositorySettings, read_repository_settings

_HEADS = ("HEAD", "gitdir", "locked", "rebase-merge", "rebase-apply", "BISECT_START", "reftable/tables.list")


@dataclass(frozen=True, slots=True)
class Watched:
    """What tells that something changed: directories to follow for events, files whose signature counts."""

    directories: tuple[str, ...]
    files: tuple[str, ...]


def repositories(commons: Iterable[str], *, before: Iterable[Repository] = ()) -> tuple[Repository, ...]:
    """Return each repository as it is now.

    One that is there but cannot be asked stays as it was in `before`, with a problem: what was routed stays
    routed. One that is gone from the disk is left out.
    """
    known = {repository.common_dir: repository for repository in before}
    found = []
    for common in commons:
        if os.path.isdir(common):  # noqa: PTH112 - Path's raises where it may not look
            try:
                found.append(repository(Path(common)))
            except GitError as exc:
                found.append(_unanswered(Path(common), known.get(common), exc))
    return tuple(found)


def repository(common: Path) -> Repository:
    """Return one repository: its worktrees with what their files declare, and its `router.toml`. GitError as in git."""
    worktrees = git.worktrees(common)
    main = next((w for w in worktrees if w.main), None)
    settings, problems = _settings(Path(main.path)) if main else (RepositorySettings(), ())
    specs = settings.specs()
    copies = _copies(common, Path(main.path), settings.copies.glob, worktrees) if main and settings.copies else ()
    return Repository(
        name=git.name(common),
        path=main.path if main else str(common),
        common_dir=str(common),
        worktrees=tuple(_with_files(worktree, specs) for worktree in (*worktrees, *copies)),
        services=specs,
        callback_paths=settings.callback_paths,
        overrides=settings.overrides(),
        copies=settings.copies is not None,
        env=settings.env,
        env_template=settings.env_template,
        problems=problems,
    )


def observed(
    found: tuple[Repository, ...],
    listeners: tuple[Listener, ...],
    containers: tuple[Container, ...] = (),
    *,
    reserved: frozenset[int],
) -> Observed:
    """Return the whole observation; the router's own listeners are nobody's server."""
    return Observed(
        repositories=found,
        listeners=tuple(listener for listener in listeners if listener.port not in reserved),
        containers=containers,
        reserved=reserved,
    )


def roots(found: Iterable[Repository]) -> tuple[str, ...]:
    """Return the paths of all worktrees that are there."""
    worktrees = (worktree for repository in found for worktree in repository.worktrees)
    return tuple(worktree.path for worktree in worktrees if worktree.present and worktree.made)


def watched(found: Iterable[Repository]) -> Watched:
    """Return what to watch: the smallest set that misses nothing, most telling first."""
    found = tuple(found)
    commons = [repository.common_dir for repository in found]
    linked = {common: _admins(common) for common in commons}
    admins = [*chain.from_iterable(linked.values())]
    lists = [f"{common}/worktrees" for common in commons]
    reftables = [f"{admin}/reftable" for admin in dict.fromkeys(commons + admins) if Path(admin, "reftable").is_dir()]
    directories = dict.fromkeys([*commons, *lists, *admins, *reftables, *roots(found)])
    return Watched(tuple(directories), tuple(_files(found, linked)))


def living(memory: Memory) -> Memory:
    """Return a memory without worktrees whose repository or administrative directory is gone from the disk.

    Of repositories that nobody looks at nothing else would tell; their names and ports are free again.
    """
    return replace(memory, worktrees=tuple(kept for kept in memory.worktrees if _is_there(kept.id)))


def _is_there(worktree: WorktreeId) -> bool:
    common, admin = worktree.common_dir, worktree.admin
    place = f"{common}/worktrees/{admin}" if admin and not admin.startswith(COPY) else common
    return os.path.isdir(place)  # noqa: PTH112 - Path's raises where it may not look


def _files(found: Iterable[Repository], linked: Mapping[str, list[str]]) -> Iterator[str]:
    for repository in found:
        yield f"{repository.common_dir}/worktrees/"
        yield f"{repository.common_dir}/config"
        if repository.copies:
            yield f"{Path(repository.path).parent}/"
        yield f"{repository.path}/{FILE}"
        for admin in (repository.common_dir, *linked[repository.common_dir]):
            yield from (f"{admin}/{name}" for name in _HEADS)
        for worktree in repository.worktrees:
            yield worktree.path
            yield from (f"{worktree.path}/{name}" for name in envfiles.FILES)


def _admins(common: str) -> list[str]:
    """Return git's own directories of the linked worktrees, one that `git worktree add` has only begun included.

    Git lists a worktree once its `gitdir` is there; nothing around the directory tells when that is written.
    """
    place = f"{common}/worktrees"
    try:
        return [f"{place}/{name}" for name in sorted(os.listdir(place))]  # noqa: PTH208 - as text, like all of these
    except OSError:
        return []


def _with_files(worktree: Worktree, specs: tuple[ServiceSpec, ...]) -> Worktree:
    if not worktree.present:
        return worktree
    declared, problems = envfiles.declarations(Path(worktree.path), specs)
    return replace(worktree, declared=declared, problems=problems)


def _copies(common: Path, main: Path, pattern: str, known: Iterable[Worktree]) -> tuple[Worktree, ...]:
    """Return the folders beside the main checkout that match: whole copies of it, named by their directories."""
    taken = {os.path.realpath(worktree.path) for worktree in known}
    folders = sorted(main.parent.glob(pattern.removeprefix("../")))
    return tuple(
        Worktree(WorktreeId(str(common), f"{COPY}{folder.name}", folder.stat().st_ino), str(folder), None)
        for folder in folders
        if folder.is_dir() and not folder.is_symlink() and os.path.realpath(folder) not in taken
    )


def _settings(main: Path) -> tuple[RepositorySettings, tuple[Problem, ...]]:
    path = main / FILE
    try:
        content = envfiles.text(path)
        return (read_repository_settings(content) if content else RepositorySettings()), ()
    except (SettingsError, OSError, ValueError) as exc:
        reason = exc.message if isinstance(exc, SettingsError) else str(exc)
        problem = Problem(
            "unreadable-file", f"{shown(str(path))}: {shown(reason)}", "mend it; until then nothing in it counts"
        )
        return RepositorySettings(), (problem,)


def _unanswered(common: Path, before: Repository | None, exc: GitError) -> Repository:
    place = f"{shown(str(common))}: "
    known = before or Repository(git.name(common), str(common), str(common), ())
    others = (problem for problem in known.problems if not problem.message.startswith(place))
    return replace(known, problems=(*others, Problem("unreadable-file", f"{place}{shown(exc.message)}", exc.hint)))
