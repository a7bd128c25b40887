"""Which port each service is routed to: every service ranks its candidates, the strongest claim on a port wins.

The ranking is the order of trust (declared and listening, found, last seen, declared, assigned); a claim is strong
because the worktree's own process listens there, else because the service had the port already, else by age.
A service whose claim loses falls to its next candidate, so the outcome does not depend on the order of asking.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from router.model import Declaration, Listener, Problem, RememberedService, Repository, ServiceSpec, Worktree
from router.naming import shown
from router.ports import HIGHEST, LOWEST, STRATEGIES


@dataclass(frozen=True, slots=True)
class Candidate:
    """A port that a service could be routed to, and who says so."""

    port: int
    source: str


@dataclass(slots=True)
class Claim:
    """One service's way through its candidates.

    `age` is its worktree's place, 0 the oldest. `had` are the ports that it had before, `hashed` the one assigned once
    and the hash port of the branch it has now.
    """

    worktree: Worktree
    service: ServiceSpec
    age: int
    candidates: Iterator[Candidate]
    had: frozenset[int]
    hashed: tuple[int, ...]
    current: Candidate
    declared: Candidate | None = None
    problems: list[Problem] = field(default_factory=list)


Holders = Mapping[int, frozenset[str]]
Listening = Mapping[int, tuple[Listener, ...]]
Inherited = Mapping[tuple[str, str], frozenset[int]]


def holders(listeners: Iterable[Listener]) -> Holders:
    """Return the worktrees whose own processes listen on each port."""
    found: dict[int, set[str]] = defaultdict(set)
    for listener in listeners:
        if listener.worktree:
            found[listener.port].add(listener.worktree)
    return {port: frozenset(paths) for port, paths in found.items()}


def by_port(listeners: Iterable[Listener]) -> dict[int, tuple[Listener, ...]]:
    """Return what listens on each port."""
    found: dict[int, tuple[Listener, ...]] = {}
    for listener in listeners:
        found[listener.port] = (*found.get(listener.port, ()), listener)
    return found


def inherited(repositories: Iterable[Repository]) -> Inherited:
    """Return the ports that each main checkout's files give a service, by common directory and service."""
    ports: dict[tuple[str, str], set[int]] = defaultdict(set)
    for repository in repositories:
        for worktree in repository.worktrees:
            for declaration in worktree.declared if worktree.main else ():
                if declaration.port:
                    ports[repository.common_dir, declaration.service].add(declaration.port)
    return {key: frozenset(found) for key, found in ports.items()}


def candidates(
    known: RememberedService | None,
    declared: Candidate | None,
    own: Candidate | None,
    *,
    assigned: Candidate,
    listening: Listening,
    reserved: frozenset[int],
) -> Iterator[Candidate]:
    """Yield a service's candidates in the order of trust, without end: after the assigned port each above it.

    `declared` is what its files say, `own` the worktree's own server that was found for it, `assigned` the port that
    its strategy gave it.
    """
    there = declared is not None and declared.port in listening and not _moved_away(known, declared, own, listening)
    if declared and there:
        yield declared
    if own:
        # at its assigned port too, a server that is not where a file says has moved: that is what is remembered
        yield replace(own, source="listener") if declared and own.source in STRATEGIES else own
    if known and last_seen(known, declared) and known.port not in reserved:
        yield Candidate(known.port, known.source)
    if declared and not there:
        yield declared
    for port in chain(range(assigned.port, HIGHEST + 1), range(LOWEST, assigned.port)):
        if port not in reserved:
            yield replace(assigned, port=port)


def published(source: str) -> bool:
    """Tell whether a port is one that a container publishes."""
    return source.startswith("container:")


def last_seen(known: RememberedService, declared: Candidate | None) -> bool:
    """Tell whether a server was found where no file says so, and the files say the same still."""
    found_there = known.source == "listener" or published(known.source)
    return found_there and known.declared == (declared.port if declared else None)


def _moved_away(
    known: RememberedService | None, declared: Candidate, own: Candidate | None, listening: Listening
) -> bool:
    """Tell whether a stranger has the declared port, and the worktree's pages are elsewhere, or were when last seen.

    Vite takes the next port then. A process that cannot be seen is no stranger: a container's port looks like that.
    """
    if not all(each.pid and not each.worktree for each in listening[declared.port]):
        return False
    last = known.port if known and known.source == "listener" and last_seen(known, declared) else declared.port
    pages = own and any(each.serves == "html" for each in listening.get(own.port, ()))
    return declared.port != (own.port if own and pages else last)


def settle(claims: list[Claim], held: Holders) -> None:
    """Move every claim along its candidates until no port is claimed by two worktrees.

    A port on which only another worktree's process listens is nobody else's: routing there would show one
    worktree's pages on another's host.
    """
    pending = claims
    while pending:
        losers: dict[int, Claim] = {}
        by_port: dict[int, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_port[claim.current.port].append(claim)
        for port, rivals in by_port.items():
            strongest = _strongest(rivals, held)
            for claim in rivals:
                if _is_beaten(claim, strongest, held.get(port, frozenset())):
                    losers[id(claim)] = claim
        for claim in losers.values():
            _lose(claim)
        pending = list(losers.values())


def _strongest(rivals: list[Claim], held: Holders) -> Claim:
    """Return the claim that keeps its port; of one worktree's services, one that somebody named before an assigned."""
    first = min(rivals, key=lambda c: _rank(c, held))
    own = (claim for claim in rivals if claim.worktree is first.worktree)
    return min(own, key=lambda c: (c.current.source in STRATEGIES, _rank(c, held)))


def _rank(claim: Claim, held: Holders) -> tuple[bool, bool, int, str]:
    port = claim.current.port
    own = claim.worktree.path in held.get(port, frozenset())
    return (not own, port not in claim.had, claim.age, claim.service.name)


def _is_beaten(claim: Claim, strongest: Claim, paths: frozenset[str]) -> bool:
    """Tell whether something keeps a claim from its port: who else listens there, a stronger claim, a named one."""
    own = claim.worktree.path
    if paths and own not in paths:
        return True
    if strongest.worktree.path != own:
        return own not in paths
    return claim is not strongest and claim.current.source in STRATEGIES


def _lose(claim: Claim) -> None:
    lost = claim.current.port
    while claim.current.port == lost:
        claim.current = next(claim.candidates)


def own_declaration(
    worktree: Worktree, service: ServiceSpec, *, inherited: frozenset[int], reserved: frozenset[int], held: Holders
) -> tuple[Candidate | None, list[Problem]]:
    """Return the port that a worktree's files give a service, and what is wrong with values that do not count.

    The first value that counts decides; what stands behind it is nobody's problem. `inherited` are the ports
    that the main checkout's files give the same service: they count where the worktree's own process listens.
    """
    problems: list[Problem] = []
    for declaration in worktree.declared:
        if declaration.service == service.name:
            problem = _unusable(declaration, worktree, inherited=inherited, reserved=reserved, held=held)
            if problem is None and declaration.port is not None:
                return Candidate(declaration.port, declaration.source), problems
            problems += [problem] if problem else []
    return None, problems


def _unusable(
    declaration: Declaration, worktree: Worktree, *, inherited: frozenset[int], reserved: frozenset[int], held: Holders
) -> Problem | None:
    where = declaration.source.partition(":")[2] or declaration.source
    setting = f"{declaration.variable}={shown(declaration.text)[:40]!r} in {where}"
    if declaration.port is None or declaration.port in reserved:
        why = "is not a port from 1024 to 65535" if declaration.port is None else "is a port of the router's own"
        return Problem("bad-port", f"{setting} {why}", f"write a free port into {where}", declaration.service)
    if declaration.port in inherited and worktree.path not in held.get(declaration.port, frozenset()):
        return Problem(
            "inherited-port",
            f"{setting} is the main checkout's port and does not count here",
            f"give this worktree a port of its own in {where}, or start its server there",
            declaration.service,
        )
    return None
