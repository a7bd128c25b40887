"""Whose each resource is: which worktrees are there, how long each resource is kept, which templates nobody needs."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from router.data import lives
from router.data.ledger import Ledger, Record
from router.data.lives import Presence, Tree
from router.errors import RouterError
from router.model import Repository, WorktreeId
from router.observe import survey
from router.remembered import Memory
from router.repository_settings import load_repository_settings
from router.resource_settings import Resource


def trees(
    repositories: Iterable[Repository], memory: Memory, records: Iterable[Record], *, now: float,
    gone: Mapping[WorktreeId, float] = MappingProxyType({}),
) -> dict[WorktreeId, Tree]:  # fmt: skip
    """Return whether the worktree of each record is there, as far as it was looked at.

    What git lists is there, locked, prunable and hidden ones included; gone is what git answered to list no more while
    its repository is there, and whose directory is not there either. One of which nothing is remembered (the memory may
    have been lost) counts as gone since the time in `gone`, else since `now`.
    """
    repositories = tuple(repositories)
    listed = {tree.id for repository in repositories for tree in repository.worktrees}
    answered = {each.common_dir for each in repositories if each.worktrees and each.answered}
    since = {**gone, **{each.id: each.since for each in memory.gone}}
    found = {}
    for record in records:
        owner = record.worktree
        presence = lives.presence(
            repository=Path(owner.common_dir).is_dir(), answered=owner.common_dir in answered,
            listed=owner in listed, directory=os.path.lexists(record.path),
        )  # fmt: skip
        found[owner] = Tree(presence, since.get(owner, now) if presence is Presence.GONE else None)
    return found


def repositories(ledger: Ledger) -> tuple[Repository, ...]:
    """Return the repositories of what is in the ledger, as they are now, served or not."""
    return survey.repositories(dict.fromkeys(record.worktree.common_dir for record in ledger.records()))


def keep(records: Iterable[Record], repositories: Iterable[Repository]) -> dict[str, float]:
    """Return for how many seconds each resource is kept, as its `router.toml` says now."""
    settings, found = _settings(repositories), {}
    for record in records:
        if resource := settings.get(record.worktree.common_dir, {}).get(record.resource):
            found[record.nonce] = resource.keep
    return found


def unnamed(records: Iterable[Record], repositories: Iterable[Repository]) -> dict[str, str]:
    """Return the templates of which nobody makes copies any more, each with why; a new one is quickly made."""
    answered = [each for each in repositories if each.worktrees and each.answered and Path(each.path).is_dir()]
    settings, found = _settings(answered), {}
    for record in records:
        named = settings.get(record.worktree.common_dir)
        if record.is_template and not Path(record.worktree.common_dir).is_dir():
            found[record.nonce] = "the repository of this template is not there"
        elif record.is_template and named is not None and record.resource not in named:
            found[record.nonce] = f"router.toml names no resource {record.resource} for this template"
    return found


def _settings(repositories: Iterable[Repository]) -> dict[str, Mapping[str, Resource]]:
    """Return the resources that the `router.toml` of each repository names, where it can be read."""
    found: dict[str, Mapping[str, Resource]] = {}
    for each in repositories:
        with contextlib.suppress(RouterError):
            found[each.common_dir] = load_repository_settings(Path(each.path)).resources
    return found
