"""What came of the claims on ports: whose every port is, and what is wrong with a service."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from router.model import Problem
from router.naming import shown
from router.routes.claims import Candidate, Claim, Holders


@dataclass(frozen=True, slots=True)
class PortOwners:
    """Whose every port is once the claims are settled, and who declares it: paths of worktrees by port."""

    owners: Mapping[int, str]
    declarers: Mapping[int, frozenset[str]]


def port_owners(claims: Iterable[Claim], held: Holders) -> PortOwners:
    """Return the outcome of claims that are settled; a port that nobody claims is whose process listens there."""
    owners, declarers = {port: min(paths) for port, paths in held.items()}, defaultdict(set)
    for claim in claims:
        owners[claim.current.port] = claim.worktree.path
        if claim.declared:
            declarers[claim.declared.port].add(claim.worktree.path)
    return PortOwners(owners, {port: frozenset(paths) for port, paths in declarers.items()})


def problems(claim: Claim, settled: PortOwners) -> Iterator[Problem]:
    """Yield what is wrong with a service, once the claims are settled.

    All of it is read off the outcome: it is shown for as long as it lasts, and not only in the pass that moved a port.
    """
    yield from claim.problems
    if claim.current.source == "hash":
        yield from _collision(claim, settled.owners)
    if claim.declared and claim.declared.port != claim.current.port:
        yield from _displaced(claim, claim.declared, settled)


def _collision(claim: Claim, owners: Mapping[int, str]) -> Iterator[Problem]:
    """Yield a `hash-collision` where a service has the next free port, as those from its hash port on are taken."""
    name, port = claim.service.name, claim.current.port
    for first in claim.hashed:
        if first < port and all(taken in owners for taken in range(first, port)):
            message = f"hash port {first} belongs to {_whose(owners[first], claim)}; the next free one is used"
            hint = f"declare a port in .env.local, or give {name} the port that `router url --direct` names"
            yield Problem("hash-collision", message, hint, name)
            return


def _displaced(claim: Claim, declared: Candidate, settled: PortOwners) -> Iterator[Problem]:
    """Yield why a service is not where a file says: another has the port, or its own server is elsewhere.

    A server that moved out of the way of another is no conflict, unless both have the port in their files.
    """
    name, own = claim.service.name, claim.worktree.path
    owner, moved = settled.owners.get(declared.port, own), claim.current.source == "listener"
    if owner != own and (not moved or settled.declarers[declared.port] != {own}):
        message = f"port {declared.port} ({declared.source}) belongs to {_whose(owner, claim)}"
        hint = f"give {name} a port of its own in {declared.source.partition(':')[2] or 'router.toml'}"
        yield Problem("port-conflict", message, hint, name)
    elif moved:
        message = f"{name} listens on {claim.current.port}, not on {declared.port} ({declared.source})"
        hint = f"nothing to do: {claim.current.port} is routed; to move back, free {declared.port} and start it again"
        yield Problem("moved-port", message, hint, name)


def _whose(path: str, claim: Claim) -> str:
    return "its own other service" if path == claim.worktree.path else shown(path)
