"""Which port each service is routed to: every service ranks its candidates, the strongest claim on a port wins.

The ranking is the order of trust (declared and listening, found, last seen, declared, assigned). On a port where
worktrees' own processes listen only theirs count; else a claim is strong because the service had the port already,
then by age. A service whose claim loses falls to its next candidate, so the outcome does not depend on the order of
asking.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from router.model import Problem, RememberedService, ServiceSpec, Worktree
from router.ports import HIGHEST, LOWEST, STRATEGIES
from router.routes.sockets import Sockets


@dataclass(frozen=True, slots=True)
class Candidate:
    """A port that a service could be routed to, and who says so."""

    port: int
    source: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One service's claim on a port.

    `age` is its worktree's rank, 0 the oldest. `named` are the candidates that a file, a server or the memory names,
    most trusted first; then follows `assigned`, the port that its strategy gave it. `had` are the ports that it had
    before, `natural` the ports that it would have by default: the assigned one and the hash port of its present branch.
    """

    worktree: Worktree
    service: ServiceSpec
    age: int
    named: tuple[Candidate, ...]
    assigned: Candidate
    had: frozenset[int]
    natural: tuple[int, ...]
    declared: Candidate | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """The port that a claim was granted, and who says so."""

    claim: Claim
    port: int
    source: str


def named_candidates(
    known: RememberedService | None,
    declared: Candidate | None,
    own: Candidate | None,
    *,
    sockets: Sockets,
    reserved: frozenset[int],
) -> Iterator[Candidate]:
    """Yield what a service could be routed to before its assigned port, in the order of trust.

    `declared` is what its files say, `own` the worktree's own server that was found for it.
    """
    there = declared is not None and _is_served(known, declared, own, sockets)
    if declared and there:
        yield declared
    if own:
        # at its assigned port too, a server that is not where a file says has moved: that is what is remembered
        yield replace(own, source="listener") if declared and own.source in STRATEGIES else own
    if known and last_seen(known, declared) and known.port not in reserved:
        yield Candidate(known.port, known.source)
    if declared and not there:
        yield declared


def published(source: str) -> bool:
    """Tell whether a port is one that a container publishes."""
    return source.startswith("container:")


def last_seen(known: RememberedService, declared: Candidate | None) -> bool:
    """Tell whether a server was found where no file says so, and the files say the same still."""
    found_there = known.source == "listener" or published(known.source)
    return found_there and known.declared == (declared.port if declared else None)


def _is_served(known: RememberedService | None, declared: Candidate, own: Candidate | None, sockets: Sockets) -> bool:
    """Tell whether somebody who may be routed to listens at a declared port, and the worktree's server did not move.

    It moved where a stranger has the port, and the worktree's pages are elsewhere, or were when last seen: Vite takes
    the next port then. A process that cannot be seen is no stranger: a container's port looks like that.
    """
    listening = sockets.by_port.get(declared.port, ())
    if not listening or sockets.is_another_users(declared.port):
        return False
    if not all(map(sockets.of_a_stranger, listening)):
        return True
    last = known.port if known and known.source == "listener" and last_seen(known, declared) else declared.port
    pages = own and any(each.serves == "html" for each in sockets.by_port.get(own.port, ()))
    return declared.port == (own.port if own and pages else last)


def settle(claims: Sequence[Claim], sockets: Sockets, *, reserved: frozenset[int]) -> tuple[Grant, ...]:
    """Return what each claim is granted: no port goes to two worktrees, unless both listen there.

    A port on which only another worktree's process listens is nobody else's: routing there would show one
    worktree's pages on another's host.
    """
    candidates = [_candidates(claim, sockets, reserved) for claim in claims]
    grants = [_grant(claim, next(each)) for claim, each in zip(claims, candidates, strict=True)]
    rivals: dict[int, set[int]] = defaultdict(set)
    for number, grant in enumerate(grants):
        rivals[grant.port].add(number)
    contested = set(rivals)
    while losers := [n for port in contested for n in _losers(port, {n: grants[n] for n in rivals[port]}, sockets)]:
        contested = set()
        for number in losers:
            lost = grants[number].port
            grants[number] = _grant(claims[number], next(each for each in candidates[number] if each.port != lost))
            rivals[lost].remove(number)
            rivals[grants[number].port].add(number)
            contested |= {lost, grants[number].port}
    return tuple(grants)


def _grant(claim: Claim, candidate: Candidate) -> Grant:
    return Grant(claim, candidate.port, candidate.source)


def _candidates(claim: Claim, sockets: Sockets, reserved: frozenset[int]) -> Iterator[Candidate]:
    """Yield a claim's candidates without end: after the assigned port each above it on which nobody else listens."""
    yield from claim.named
    first = claim.assigned.port
    for port in chain(range(first, HIGHEST + 1), range(LOWEST, first)):
        own = port not in sockets.by_port or claim.worktree.path in sockets.owners.get(port, ())
        if port not in reserved and (own or port == first):
            yield Candidate(port, claim.assigned.source)


def _losers(port: int, rivals: Mapping[int, Grant], sockets: Sockets) -> Iterator[int]:
    """Yield the claims that cannot keep a port: those of others than who listens there, weaker ones, unnamed ones.

    Of one worktree's services several may keep it, but none that is only assigned it.
    """
    if not rivals:
        return
    owners, strongest = sockets.owners.get(port, frozenset()), _strongest(port, rivals.values())
    for number, grant in rivals.items():
        if owners and grant.claim.worktree.path not in owners:
            yield number
        elif grant.claim.worktree is strongest.claim.worktree:
            if grant is not strongest and grant.source in STRATEGIES:
                yield number
        elif not owners:
            yield number


def _strongest(port: int, rivals: Collection[Grant]) -> Grant:
    """Return the grant that keeps its port; of one worktree's services, one that somebody named before an assigned."""
    first = min(rivals, key=lambda grant: _rank(port, grant.claim))
    own = (grant for grant in rivals if grant.claim.worktree is first.claim.worktree)
    return min(own, key=lambda grant: (grant.source in STRATEGIES, _rank(port, grant.claim)))


def _rank(port: int, claim: Claim) -> tuple[bool, int, str]:
    return (port not in claim.had, claim.age, claim.service.name)
