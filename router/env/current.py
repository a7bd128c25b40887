"""The worktree of a directory, with the ports and names that a watcher would assign to it."""

import os
from collections.abc import Iterable
from pathlib import Path

from router.errors import UsageError
from router.model import Repository, Worktree, WorktreeId
from router.observe import git, survey
from router.observe.listeners import Listeners
from router.paths import deepest_root
from router.remembered import Memory, RememberedWorktree
from router.route_table import RouteTable
from router.routes.memory import with_assignments
from router.routes.plan import plan
from router.settings import Settings
from router.store import Store
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class CurrentWorktree:
    """The worktree of a directory, all repositories that were read, and what is remembered of every worktree.

    `strangers` are its services on whose port a process of nobody's worktree listens.
    """

    repository: Repository
    worktree: Worktree
    repositories: tuple[Repository, ...]
    memory: Memory
    strangers: frozenset[str] = frozenset()

    @property
    def remembered(self) -> RememberedWorktree | None:
        """What is remembered of this worktree, None where it has no ports and names yet."""
        return next((each for each in self.memory.worktrees if each.id == self.worktree.id), None)


def current_worktree(
    settings: Settings, store: Store, *, cwd: Path, listeners: Listeners | None = None
) -> CurrentWorktree:
    """Return the worktree of a directory; the ports and names that it gets now are remembered.

    The repository of `cwd` need not be one that the router serves. `listeners` are those of whoever looks often.
    NotARepositoryError or UsageError outside of every worktree.
    """
    served = survey.repositories(store.memory().repositories, state=store.directory)
    common = str(git.common_dir(cwd))
    unserved = [] if _locate(served, cwd, common) else [common]
    repositories = (*served, *survey.repositories(unserved, state=store.directory))
    heard = (listeners or Listeners()).scan(survey.roots(repositories))
    with store.changing() as memory:
        if not {each.id for each in memory.worktrees} <= _expected(repositories, memory):
            # a worktree was created or removed since we looked
            commons = [repository.common_dir for repository in repositories]
            repositories = survey.repositories(commons, state=store.directory)
        observed = survey.observed(repositories, heard, reserved=settings.reserved)
        planned = plan(observed, survey.living(memory))
        after = with_assignments(memory, planned.memory)
        if after != memory:
            store.remember(after)
    located = _locate(repositories, cwd, common)
    if located is None:
        raise UsageError(f"{cwd} is in no worktree", hint="change into one: `git worktree list` shows them")
    return CurrentWorktree(*located, repositories, after, _strangers(planned.table, located[1]))


def _strangers(table: RouteTable, worktree: Worktree) -> frozenset[str]:
    problems = (problem for route in table.routes if route.worktree.id == worktree.id for problem in route.problems)
    return frozenset(each.service for each in problems if each.kind == "stranger-on-port" and each.service)


def _expected(repositories: Iterable[Repository], memory: Memory) -> set[WorktreeId]:
    """Return the worktrees that were seen, and those remembered of repositories that were not read."""
    repositories = tuple(repositories)
    read = {repository.common_dir for repository in repositories}
    elsewhere = {each.id for each in memory.worktrees if each.id.common_dir not in read}
    return elsewhere | {worktree.id for repository in repositories for worktree in repository.worktrees}


def _locate(repositories: Iterable[Repository], cwd: Path, common: str) -> tuple[Repository, Worktree] | None:
    """Return the worktree around a directory, with its repository; a folder copy has a git directory of its own."""
    candidates = {
        os.path.realpath(worktree.path): (repository, worktree)
        for repository in repositories
        for worktree in repository.worktrees
        if worktree.same_as is None
        if repository.common_dir == common or (worktree.copy and f"{worktree.path}/.git" == common)
    }
    root = deepest_root(os.path.realpath(cwd), candidates)
    return None if root is None else candidates[root]
