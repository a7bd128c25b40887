"""Makes and drops resources by the ledger: intent first, then the server, then what was made, so that a crash is found.

Whatever is killed in between, the next call with the same ledger finishes or finds it. What cannot be done is a value.
"""

import time
from collections.abc import Callable, Collection

from router.data import wanted
from router.data.connection import Connection
from router.data.kind import Identity, Kind, Order, ResourceError
from router.data.ledger import NEXT_TEMPLATE, OLD_TEMPLATE, TEMPLATE, Ledger, Record
from router.data.wanted import Wanted
from router.errors import RouterError
from router.values import dataclass, replace

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Work:
    """All that making a resource takes: what is wanted, where, how, and the ledger that keeps it.

    `hosts` are the other machines that are allowed, `expected` is the identifier of the only server that is, empty
    for any.
    """

    wanted: Wanted
    kind: Kind
    connection: Connection
    ledger: Ledger
    order: Order
    hosts: Collection[str] = ()
    expected: str = ""
    clock: Clock = time.time


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that is there. `template` is what it was copied from; `refresh_due` says that this is too old by now,
    while the main checkout's database is in use: `refresh` copies it beside."""

    record: Record
    template: Record | None = None
    refresh_due: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a resource is not there: `cause` is one of `kind.CAUSES`, `hint` the next step."""

    cause: str
    message: str
    hint: str


def make(work: Work) -> Made | Failure:
    """Make a resource, or find it made."""
    try:
        _expect_allowed(work)
        with work.kind.in_one_session(work.connection) as kind:
            return _made(replace(work, kind=kind))
    except RouterError as exc:
        return failure(exc)


def refused(work: Work) -> Failure | None:
    """Return why nothing may be done on this server, None where it answers and is the one that was allowed."""
    try:
        _expect_allowed(work)
        _identify(work)
    except RouterError as exc:
        return failure(exc)
    return None


def refresh(work: Work) -> Made | Failure:
    """Make the template again where the main checkout's database has changed, even while that is in use."""
    try:
        _expect_allowed(work)
        with work.kind.in_one_session(work.connection) as kind:
            return Made(_refreshed(replace(work, kind=kind)))
    except RouterError as exc:
        return failure(exc)


def drop(ledger: Ledger, kind: Kind, connection: Connection, record: Record) -> Failure | None:
    """Drop what was made for a record and forget it; what cannot be dropped stays in the ledger."""
    try:
        kind.drop(connection, record)
        ledger.forget(record)
    except RouterError as exc:
        return failure(exc)
    return None


def _made(work: Work) -> Made:
    identity = _identify(work)
    known = _own(work, identity)
    if known and known.ready and work.kind.is_ours(work.connection, known):
        return Made(known)
    order, template, due = work.order, None, False
    if work.wanted.is_copy and work.kind.has_templates:
        template, due = _template(work, identity)
        order = replace(order, copy=template.name)
    elif work.wanted.is_copy and work.kind.copies:
        order = replace(order, copy=work.connection.database)
    record = work.ledger.begin(_intent(work, identity))
    order = replace(order, known=lambda oid: work.ledger.change(replace(record, oid=oid)))
    made = replace(record, oid=work.kind.make(work.connection, record, order), ready=True)
    if not work.ledger.change(made):  # nobody else would drop it any more
        work.kind.drop(work.connection, made)
        raise ResourceError("busy", f"{made.name} was dropped while it was made", hint="it is tried again")
    return Made(made, template, due)


def _own(work: Work, identity: Identity) -> Record | None:
    """Return what the worktree has, or has begun; what one that is gone left under its name becomes its own."""
    records = work.ledger.records()
    mine = wanted.own(work.wanted, records, identifier=identity.identifier)
    left = None if mine and mine.ready else wanted.left(work.wanted, records, identifier=identity.identifier)
    if left is None:
        return mine
    if mine:  # it was begun while the other worktree was there
        work.kind.drop(work.connection, mine)
        work.ledger.forget(mine)
    adopted = replace(left, worktree=work.wanted.worktree, path=work.wanted.path)
    work.ledger.change(adopted)
    return adopted


def _refreshed(work: Work) -> Record:
    identity = _identify(work)
    known = wanted.template(work.wanted, work.ledger.records(), identifier=identity.identifier)
    if known and known.version == identity.version and work.kind.is_ours(work.connection, known):
        return known
    return _new_template(work, identity)


def _template(work: Work, identity: Identity) -> tuple[Record, bool]:
    """Return the template, refreshed where nobody is in the way, and whether it is due to be by a dump."""
    known = wanted.template(work.wanted, work.ledger.records(), identifier=identity.identifier)
    if known and not work.kind.is_ours(work.connection, known):
        known = None
    if known and known.version == identity.version:
        return known, False
    if known and identity.sessions:
        return known, work.clock() - known.since >= work.wanted.refresh
    try:
        return _new_template(work, identity), False
    except ResourceError as exc:
        if known and exc.cause in ("busy", "tool-missing"):  # somebody has connected since it was looked at
            return known, True
        raise


def _new_template(work: Work, identity: Identity) -> Record:
    intent = _intent(work, identity)
    record = work.ledger.begin(
        replace(intent, worktree=work.wanted.main, path=work.wanted.main_path, use=NEXT_TEMPLATE,
                name=work.wanted.template, version=identity.version)
    )  # fmt: skip
    # Read after the intent: another maker may just have made it
    replaced = wanted.template(work.wanted, work.ledger.records(), identifier=identity.identifier)
    if replaced and replaced.version == identity.version and work.kind.is_ours(work.connection, replaced):
        return replaced
    order = replace(work.order, copy=work.connection.database, dumped=bool(identity.sessions), replaced=replaced)
    try:
        oid = work.kind.make(work.connection, record, order)
    except ResourceError as exc:
        if exc.cause != "busy" or order.dumped:
            raise
        oid = work.kind.make(work.connection, record, replace(order, dumped=True))  # somebody came meanwhile
    made = replace(record, use=TEMPLATE, oid=oid, ready=True)
    if replaced and replaced.nonce != made.nonce:
        old = replace(replaced, use=OLD_TEMPLATE)
        work.ledger.change(made, old)
        drop(work.ledger, work.kind, work.connection, old)
    else:
        work.ledger.change(made)
    _retire_others(work, made)
    return made


def _retire_others(work: Work, made: Record) -> None:
    """Drop the templates that are called otherwise: those for the files as they were before."""
    for each in work.ledger.records():
        if each.key == made.key and each.nonce != made.nonce:
            old = replace(each, use=OLD_TEMPLATE)
            work.ledger.change(old)
            drop(work.ledger, work.kind, work.connection, old)


def _intent(work: Work, identity: Identity) -> Record:
    return wanted.intent(work.wanted, work.connection, identifier=identity.identifier, since=work.clock())


def _identify(work: Work) -> Identity:
    """Return which server this is. ResourceError where another one was allowed: its port may be a tunnel by now."""
    identity = work.kind.identify(work.connection)
    if work.expected and identity.identifier != work.expected:
        raise ResourceError(
            "foreign",
            f"another server than the one that was allowed answers where {work.wanted.source or 'its URL'} leads",
            hint="see what it is; `router allow` allows it",
        )
    return identity


def _expect_allowed(work: Work) -> None:
    asked, connection = work.wanted, work.connection
    if not connection.on_this_machine() and connection.host not in work.hosts:
        raise ResourceError(
            "elsewhere", f"{asked.source} names a server on {connection.host}, which is not this machine",
            hint="allow that host in the machine's own config.toml, or leave this resource out",
        )  # fmt: skip
    if connection.database in (asked.name, asked.template) and not asked.is_original:
        raise ResourceError(
            "foreign", f"{connection.database} is the main checkout's own", hint="choose another name for the copy"
        )


def failure(exc: RouterError) -> Failure:
    """Return an error as the value of what could not be done."""
    return Failure(exc.cause if isinstance(exc, ResourceError) else "failed", exc.message, exc.hint)
