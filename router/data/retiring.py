"""Drops the resources whose worktree is gone: who is asked, what is decided, what is done."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from router.data import clients, fresh, lives, making, owners
from router.data.clients import Client
from router.data.connection import Connection
from router.data.kind import Description
from router.data.kinds import kind
from router.data.known import Known, known
from router.data.ledger import Ledger, Record
from router.data.lives import Action, Tree, Verdict
from router.data.making import Failure
from router.errors import RouterError
from router.model import Repository, WorktreeId
from router.remembered import Memory
from router.values import dataclass

_NONE: Mapping[str, str] = MappingProxyType({})
_BY_ITSELF = ("down", "busy")  # causes that pass: who has been connected for long is told apart
_AGAIN = 1.0  # seconds after which a server knows that its client has ended


@dataclass(frozen=True, slots=True)
class Decided:
    """What to do with a resource, how its server is reached, and what keeps it from being dropped."""

    verdict: Verdict
    connection: Connection | Failure
    trouble: Failure | None = None


@dataclass(frozen=True, slots=True)
class Outlived:
    """What a look at the ledger came to: each record that was due, with why it could not be dropped (None: it was).

    `for_user` are those which stay until their user does something. `next_due` is when time alone makes another one
    due, in seconds since the epoch, None where it makes none. `gone` are the worktrees that are gone, and since when.
    """

    dropped: tuple[tuple[Record, Failure | None], ...]
    for_user: tuple[tuple[Record, Failure], ...]
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
    routers: Collection[int],
) -> Outlived:
    """Drop what has outlived its worktree by as long as it is kept.

    Of those who are connected for twice as long, the worktree's own processes are ended, and the next look drops it.
    `gone` are the worktrees that the last look found gone, `routers` the pids of the watcher and its Caddy. Servers
    are asked only where something is due. StoreError where the ledger cannot be read: then nothing is dropped.
    """
    repositories = tuple(repositories)
    records = ledger.records()
    there = owners.trees(repositories, memory, records, now=now, gone=gone)
    keep = owners.keep(records, repositories)
    held = fresh.held(ledger.file.parent, records)
    unasked = _unasked(records, there, keep, now=now, held=held)
    asked = (each.record for each in unasked if each.action is Action.DROP)
    due = known(asked, repositories, hosts=hosts, state=ledger.file.parent)
    decided = verdicts(due, there, now=now, keep=keep, held=held)
    dropped = tuple(retire(ledger, decided))
    freed, stuck = _stuck(decided, memory, routers)
    times = (*(each.at for each in unasked if each.at is not None), *([now + _AGAIN] if freed else []))
    since = {owner: each.gone_since for owner, each in there.items() if each.gone_since is not None}
    return Outlived((*dropped, *stuck), (*_for_user(decided, dropped), *stuck), min(times, default=None), since)


def outlived(
    ledger: Ledger,
    repositories: Iterable[Repository],
    memory: Memory,
    *,
    now: float,
    hosts: Collection[str],
    environ: Mapping[str, str],
) -> tuple[Decided, ...]:
    """Return what has outlived its worktree, for however long it is to be kept, and what would be done with it.

    Templates that nothing names any more are among it. `environ` is as in `known`.
    """
    repositories = tuple(repositories)
    records = ledger.records()
    there = owners.trees(repositories, memory, records, now=now)
    keep = dict.fromkeys((each.nonce for each in records), 0.0)
    held, unnamed = fresh.held(ledger.file.parent, records), owners.unnamed(records, repositories)
    unasked = _unasked(records, there, keep, now=now, held=held, unnamed=unnamed)
    due = [each.record for each in unasked if each.action is Action.DROP]
    found = known(due, repositories, hosts=hosts, state=ledger.file.parent, environ=environ)
    return verdicts(found, there, now=now, keep=keep, held=held, unnamed=unnamed)


def verdicts(
    everything: Iterable[Known],
    trees: Mapping[WorktreeId, Tree],
    *,
    now: float,
    keep: Mapping[str, float],
    held: Iterable[str],
    unnamed: Mapping[str, str] = _NONE,
) -> tuple[Decided, ...]:
    """Return what to do with each resource, and why; `keep`, `held` and `unnamed` are as in `lives.verdicts`."""
    everything = tuple(everything)
    sessions = {
        each.record.nonce: each.description.sessions for each in everything if isinstance(each.description, Description)
    }
    records = (each.record for each in everything)
    found = lives.verdicts(records, trees, sessions, now=now, keep=keep, held=held, unnamed=unnamed)
    return tuple(
        Decided(verdict, each.connection, each.trouble) for verdict, each in zip(found, everything, strict=True)
    )


def retire(ledger: Ledger, decided: Iterable[Decided]) -> Iterator[tuple[Record, Failure | None]]:
    """Drop what is to be dropped, and yield each with why it could not be, None where it is gone now.

    What nobody can be asked about is among it.
    """
    for each in decided:
        record = each.verdict.record
        if each.verdict.action is Action.DROP and isinstance(each.connection, Connection):
            yield record, making.drop(ledger, kind(record.kind), each.connection, record)
        elif each.trouble:
            yield record, each.trouble


def _for_user(
    decided: Iterable[Decided], dropped: Iterable[tuple[Record, Failure | None]]
) -> Iterator[tuple[Record, Failure]]:
    """Yield what stays until its user does something: not what a server that is down has, or one that was replaced."""
    reached = {each.verdict.record.nonce: each.connection for each in decided}
    for record, failure in dropped:
        if failure and failure.cause not in _BY_ITSELF and not _is_elsewhere(record, reached[record.nonce]):
            yield record, failure


def _is_elsewhere(record: Record, connection: Connection | Failure) -> bool:
    """Tell whether another server answers by now than the one that has a resource."""
    if isinstance(connection, Failure):
        return False
    try:
        return kind(record.kind).identify(connection).identifier != record.identifier
    except RouterError:
        return False


def _stuck(
    decided: Iterable[Decided], memory: Memory, routers: Collection[int]
) -> tuple[bool, tuple[tuple[Record, Failure], ...]]:
    """End the worktrees' own clients of what has been in use for long; tell whether any was, and what stays in use."""
    freed, stuck = False, []
    for each in decided:
        verdict = each.verdict
        if verdict.action is Action.STUCK and isinstance(each.connection, Connection):
            stay = clients.end_own(verdict.sessions, each.connection, verdict.record, memory, routers=routers)
            freed = freed or len(stay) < len(verdict.sessions)
            if stay:
                stuck.append((verdict.record, _in_use(verdict.record, stay)))
    return freed, tuple(stuck)


def _in_use(record: Record, stay: Sequence[Client]) -> Failure:
    message = f"{record.name} is in use by {clients.named(stay)}, though its worktree has been gone for long"
    return Failure("busy", message, "end that program, if nobody needs it: then it is dropped")


def _unasked(
    records: Iterable[Record],
    there: Mapping[WorktreeId, Tree],
    keep: Mapping[str, float],
    *,
    now: float,
    held: Iterable[str],
    unnamed: Mapping[str, str] = _NONE,
) -> tuple[Verdict, ...]:
    """Return what would be done if nobody were connected to anything."""
    records = tuple(records)
    nobody = {each.nonce: () for each in records}
    return lives.verdicts(records, there, nobody, now=now, keep=keep, held=held, unnamed=unnamed)
