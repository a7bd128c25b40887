"""Drops the resources whose worktree is gone: who is asked, what is decided, what is done."""

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from router.data import fresh, lives, making
from router.data.connection import Connection, read
from router.data.kind import Description
from router.data.kinds import kind
from router.data.ledger import Ledger, Record
from router.data.lives import Action, Presence, Tree, Verdict
from router.data.making import Failure
from router.data.stock import values_of
from router.errors import RouterError
from router.model import Repository, WorktreeId
from router.observe import survey
from router.remembered import Memory
from router.repository_settings import load_repository_settings


@dataclass(frozen=True, slots=True)
class Known:
    """A record with how its server is reached and how its resource is now; a Failure where that cannot be told."""

    record: Record
    connection: Connection | Failure
    description: Description | Failure


@dataclass(frozen=True, slots=True)
class Decided:
    """What to do with a resource, and how its server is reached; a Failure where that cannot be told."""

    verdict: Verdict
    connection: Connection | Failure


@dataclass(frozen=True, slots=True)
class Outlived:
    """What a look at the ledger came to: each record that was due, with why it could not be dropped (None: it was).

    `next_due` is when time alone makes another one due, in seconds since the epoch, None where it makes none. `gone`
    are the worktrees that are gone, and since when.
    """

    dropped: tuple[tuple[Record, Failure | None], ...]
    next_due: float | None
    gone: Mapping[WorktreeId, float]


def drop_outlived(
    ledger: Ledger,
    repositories: Iterable[Repository],
    memory: Memory,
    *,
    now: float,
    hosts: Collection[str],
    gone: Mapping[WorktreeId, float],
) -> Outlived:
    """Drop what has outlived its worktree by as long as it is kept.

    `gone` are the worktrees that the last look found gone. Servers are asked only where something is due. StoreError
    where the ledger cannot be read: then nothing is dropped.
    """
    repositories = tuple(repositories)
    records = ledger.records()
    there = trees(repositories, memory, records, now=now, gone=gone)
    keep = _keep(records, repositories)
    held = fresh.held(ledger.file.parent, records)
    unasked = _unasked(records, there, keep, now=now, held=held)
    due = known((each.record for each in unasked if each.action is Action.DROP), repositories, hosts=hosts)
    dropped = tuple(retire(ledger, verdicts(due, there, now=now, keep=keep, held=held)))
    next_due = min((each.at for each in unasked if each.at is not None), default=None)
    since = {owner: each.gone_since for owner, each in there.items() if each.gone_since is not None}
    return Outlived(dropped, next_due, since)


def outlived(
    ledger: Ledger, repositories: Iterable[Repository], memory: Memory, *, now: float, hosts: Collection[str]
) -> tuple[Decided, ...]:
    """Return what has outlived its worktree, for however long it is to be kept, and what would be done with it."""
    repositories = tuple(repositories)
    records = ledger.records()
    there = trees(repositories, memory, records, now=now)
    keep = dict.fromkeys((each.nonce for each in records), 0.0)
    held = fresh.held(ledger.file.parent, records)
    due = [each.record for each in _unasked(records, there, keep, now=now, held=held) if each.action is Action.DROP]
    return verdicts(known(due, repositories, hosts=hosts), there, now=now, keep=keep, held=held)


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


def known(
    records: Iterable[Record], repositories: Iterable[Repository], *, hosts: Collection[str]
) -> tuple[Known, ...]:
    """Return each record with how its resource is now; every server is asked as its main checkout's files say.

    `hosts` are the other machines that may be asked.
    """
    mains = {each.common_dir: Path(each.path) for each in repositories}
    values: dict[str, Mapping[str, str]] = {}
    found = []
    for record in records:
        common = record.worktree.common_dir
        main = mains.get(common, Path(common).parent)
        if common not in values:
            values[common] = values_of(main)
        found.append(_known(record, values[common], main, hosts))
    return tuple(found)


def verdicts(
    everything: Iterable[Known],
    trees: Mapping[WorktreeId, Tree],
    *,
    now: float,
    keep: Mapping[str, float],
    held: Iterable[str],
) -> tuple[Decided, ...]:
    """Return what to do with each resource, and why; `keep` and `held` are as in `lives.verdicts`."""
    everything = tuple(everything)
    sessions = {
        each.record.nonce: each.description.sessions for each in everything if isinstance(each.description, Description)
    }
    found = lives.verdicts((each.record for each in everything), trees, sessions, now=now, keep=keep, held=held)
    return tuple(Decided(verdict, each.connection) for verdict, each in zip(found, everything, strict=True))


def retire(ledger: Ledger, decided: Iterable[Decided]) -> Iterator[tuple[Record, Failure | None]]:
    """Drop what is to be dropped, and yield each with why it could not be, None where it is gone now."""
    for each in decided:
        record = each.verdict.record
        if each.verdict.action is Action.DROP and isinstance(each.connection, Connection):
            yield record, making.drop(ledger, kind(record.kind), each.connection, record)


def _unasked(
    records: Iterable[Record],
    there: Mapping[WorktreeId, Tree],
    keep: Mapping[str, float],
    *,
    now: float,
    held: Iterable[str],
) -> tuple[Verdict, ...]:
    """Return what would be done if nobody were connected to anything."""
    records = tuple(records)
    return lives.verdicts(records, there, {each.nonce: () for each in records}, now=now, keep=keep, held=held)


def _keep(records: Iterable[Record], repositories: Iterable[Repository]) -> dict[str, float]:
    """Return for how many seconds each resource is kept, as its `router.toml` says now."""
    settings = {}
    for each in repositories:
        with contextlib.suppress(RouterError):
            settings[each.common_dir] = load_repository_settings(Path(each.path)).resources
    found = {}
    for record in records:
        if resource := settings.get(record.worktree.common_dir, {}).get(record.resource):
            found[record.nonce] = resource.keep
    return found


def _known(record: Record, values: Mapping[str, str], main: Path, hosts: Collection[str]) -> Known:
    try:
        connection = read(values.get(record.source, ""), kind=record.kind, directory=main)
    except RouterError as exc:
        failure = Failure("failed", f"{record.source}: {exc.message}", exc.hint)
        return Known(record, failure, failure)
    if not connection.on_this_machine() and connection.host not in hosts:
        failure = Failure("elsewhere", f"{record.source} leads to another machine by now", "see `data_hosts`")
        return Known(record, failure, failure)
    try:
        return Known(record, connection, kind(record.kind).describe(connection, record))
    except RouterError as exc:
        return Known(record, connection, making.failure(exc))
