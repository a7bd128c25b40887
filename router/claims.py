"""Which port each service is routed to: every service ranks its candidates, the strongest claim on a port wins.

The ranking is the order of trust (declared and listening, found, last seen, declared, hash); a claim is strong
because the worktree's own process listens there, else because the service had the port already, else by age.
A service whose claim loses falls to its next candidate, so the outcome does not depend on the order of asking.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from router.model import Declaration, Listener, Problem, ServiceSpec, Worktree
from router.naming import shown
from router.ports import HIGHEST, LOWEST


@dataclass(frozen=True, slots=True)
class Candidate:
    """A port that a service could be routed to, and who says so."""

    port: int
    source: str
    declared: bool = False


@dataclass(slots=True)
class Claim:
    """One service's way through its candidates. `age` is its worktree's place, 0 the oldest."""

    worktree: Worktree
    service: ServiceSpec
    age: int
    candidates: Iterator[Candidate]
    had: frozenset[int]
    current: Candidate
    declared: Candidate | None = None
    problems: list[Problem] = field(default_factory=list)


Holders = Mapping[int, frozenset[str]]


def holders(listeners: Iterable[Listener]) -> Holders:
    """Return the worktrees whose own processes listen on each port."""
    found: dict[int, set[str]] = defaultdict(set)
    for listener in listeners:
        if listener.worktree:
            found[listener.port].add(listener.worktree)
    return {port: frozenset(paths) for port, paths in found.items()}


def hash_candidates(first: int, reserved: frozenset[int]) -> Iterator[Candidate]:
    """Yield a service's hash port, then each one above it that the router does not need itself."""
    for port in chain(range(first, HIGHEST + 1), range(LOWEST, first)):
        if port not in reserved:
            yield Candidate(port, "hash")


def settle(claims: list[Claim], held: Holders) -> None:
    """Move every claim along its candidates until no port is claimed by two worktrees.

    A port on which only another worktree's process listens is nobody else's: routing there would show one
    worktree's pages on another's host.
    """
    pending = claims
    while pending:
        losers: dict[int, tuple[Claim, str]] = {}
        by_port: dict[int, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_port[claim.current.port].append(claim)
        for port, rivals in by_port.items():
            strongest = min(rivals, key=lambda c: _rank(c, held))
            for claim in rivals:
                if other := _beaten_by(claim, strongest, held.get(port, frozenset())):
                    losers[id(claim)] = (claim, other)
        for claim, other in losers.values():
            _lose(claim, other)
        pending = [claim for claim, _ in losers.values()]


def _rank(claim: Claim, held: Holders) -> tuple[bool, bool, int, str]:
    port = claim.current.port
    own = claim.worktree.path in held.get(port, frozenset())
    return (not own, port not in claim.had, claim.age, claim.service.name)


def _beaten_by(claim: Claim, strongest: Claim, paths: frozenset[str]) -> str | None:
    """Return the path of the worktree that keeps this claim from its port, None where nothing does."""
    own = claim.worktree.path
    if paths and own not in paths:
        return min(paths)
    if strongest.worktree.path != own:
        return None if own in paths else strongest.worktree.path
    shares = claim is not strongest and claim.current.source == "hash"
    return own if shares else None


def _lose(claim: Claim, other: str) -> None:
    lost = claim.current
    claim.current = next(claim.candidates)
    while claim.current.port == lost.port:
        claim.current = next(claim.candidates)
    where = "its own other service" if other == claim.worktree.path else shown(other)
    if lost.declared:
        message = f"port {lost.port} ({lost.source}) belongs to {where}"
        hint = f"give {claim.service.name} a port of its own in {lost.source.partition(':')[2] or 'router.toml'}"
        claim.problems.append(Problem("port-conflict", message, hint, claim.service.name))
    elif lost.source == "hash" and not any(p.kind == "hash-collision" for p in claim.problems):
        message = f"hash port {lost.port} belongs to {where}; the next free one is used"
        hint = f"declare a port in .env.local, or give {claim.service.name} the port that `router url --direct` names"
        claim.problems.append(Problem("hash-collision", message, hint, claim.service.name))


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
                return Candidate(declaration.port, declaration.source, declared=True), problems
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
