"""Which port each service is routed to: every service ranks its candidates, the strongest claim on a port wins.

The ranking is the order of trust (declared and listening, found, last seen, declared, assigned). On a port where
worktrees' own processes listen only theirs count; else a claim is strong because the service had the port already,
then by age. A service whose claim loses falls to its next candidate, so the outcome does not depend on the order of
asking.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import chain

from router.model import Problem, ServiceSpec, Worktree
from router.ports import HIGHEST, LOWEST, STRATEGIES
from router.remembered import RememberedService
from router.routes.sockets import Sockets
from router.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Candidate:
    """A port that a service could be routed to, and who says so."""

    port: int
    source: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One service's claim on a port.

    `named` are the candidates that a file, a server or the memory names, most trusted first; then follows `assigned`,
    the port that its strategy gave it. `had` are the ports that it had before, `natural` the ports that it would have
    by default: the assigned one and the hash port of its present branch.
    """

    worktree: Worktree
    service: ServiceSpec
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
    last = known.port if known and last_seen(known, declared) else declared.port
    pages = own and any(each.serves == "html" for each in sockets.by_port.get(own.port, ()))
    return declared.port == (own.port if own and pages else last)


def settle(claims: Sequence[Claim], sockets: Sockets, *, reserved: frozenset[int]) -> tuple[Grant, ...]:
    """Return what each claim is granted: no port goes to two worktrees, unless both listen there.

    `claims` are in the order of their worktrees' age. A port on which only another worktree's process listens is
    nobody else's: routing there would show one worktree's pages on another's host.
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
    """Yield a claim's candidates without end: after the assigned port each above it on which nobody listens."""
    yield from claim.named
    first = claim.assigned.port
    for port in chain(range(first, HIGHEST + 1), range(LOWEST, first)):
        if port not in reserved and (port == first or port not in sockets.by_port):
            yield Candidate(port, claim.assigned.source)


def _losers(port: int, rivals: Mapping[int, Grant], sockets: Sockets) -> list[int]:
    """Return which of the claims on a port cannot keep it."""
    if not rivals:
        return []
    strongest, owners = _strongest(port, rivals), sockets.owners.get(port, frozenset())
    return [number for number, grant in rivals.items() if _loses(grant, strongest, owners)]


def _loses(grant: Grant, strongest: Grant, owners: Set[str]) -> bool:
    """Tell whether a claim cannot keep its port: another worktree listens there, or a stronger claim has it.

    Of one worktree's services several may have a port together, but none that is only assigned it.
    """
    if owners and grant.claim.worktree.path not in owners:
        return True
    if grant.claim.worktree is strongest.claim.worktree:
        return grant is not strongest and grant.source in STRATEGIES
    return not owners


def _strongest(port: int, rivals: Mapping[int, Grant]) -> Grant:
    """Return the claim that keeps its port: one that had it before, else the oldest worktree's.

    Of that worktree's services, it is one that somebody named rather than one that is only assigned the port.
    """
    ranked = sorted(rivals.items(), key=lambda item: (port not in item[1].claim.had, item[0]))
    same = (grant for _, grant in ranked if grant.claim.worktree is ranked[0][1].claim.worktree)
    return min(same, key=lambda grant: grant.source in STRATEGIES)
