"""What came of the claims on ports: whose every port is, and what is wrong with a service."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from router.model import Listener, Problem, Worktree
from router.ports import STRATEGIES
from router.routes.claims import Claim, Grant
from router.routes.declared import is_fixed
from router.routes.sockets import Sockets
from router.text import shown
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class PortOwners:
    """Whose every port is once the claims are settled, and who declares it: paths of worktrees by port.

    `worktrees` are those that have a claim, by path.
    """

    owners: Mapping[int, str]
    declarers: Mapping[int, frozenset[str]]
    sockets: Sockets
    worktrees: Mapping[str, Worktree]

    def is_taken(self, port: int) -> bool:
        """Tell whether somebody has a port: a worktree, or a process that listens there."""
        return port in self.owners or port in self.sockets.by_port

    def is_of_the_same_branch_elsewhere(self, port: int, claim: Claim) -> bool:
        """Tell whether a worktree of another repository has a port, one whose branch has the name of this one's.

        Every repository has a `main`, so that is how things are, and nothing to warn of.
        """
        owner = self.worktrees.get(self.owners.get(port, ""))
        if owner is None or owner.id.common_dir == claim.worktree.id.common_dir:
            return False
        return owner.branch is not None and owner.branch == claim.worktree.branch

    def whose(self, port: int, claim: Claim) -> str:
        """Return whose a port is, in words: a worktree's by its path, else the process's that listens there."""
        owner = self.owners.get(port)
        if owner is None:
            return _processes(self.sockets.by_port.get(port, ()), self.sockets)
        return "its own other service" if owner == claim.worktree.path else shown(owner)


def port_owners(grants: Collection[Grant], sockets: Sockets) -> PortOwners:
    """Return whose each port is; one that was granted to nobody is whose process listens there."""
    owners = {port: min(paths) for port, paths in sockets.owners.items()}
    declarers: dict[int, set[str]] = defaultdict(set)
    for grant in grants:
        path, declared = grant.claim.worktree.path, grant.claim.declared
        owners[grant.port] = path
        if declared:
            declarers[declared.port].add(path)
    worktrees = {grant.claim.worktree.path: grant.claim.worktree for grant in grants}
    return PortOwners(owners, {port: frozenset(paths) for port, paths in declarers.items()}, sockets, worktrees)


def problems(grant: Grant, outcome: PortOwners) -> Iterator[Problem]:
    """Yield what is wrong with a service, once the claims are settled.

    All of it is read off the outcome: it is shown for as long as it lasts, and not only in the pass that moved a port.
    """
    yield from grant.claim.problems
    yield from _wrong_sockets(grant, outcome.sockets)
    yield from _silence(grant, outcome.sockets)
    if grant.source == "hash":
        yield from _collision(grant, outcome)
    yield from _displaced(grant, outcome)


def _wrong_sockets(grant: Grant, sockets: Sockets) -> Iterator[Problem]:
    """Yield the `shared-port` or `stranger-on-port` of a service on whose port others listen."""
    listening = sockets.by_port.get(grant.port, ())
    target = sockets.target(grant.port, worktree=grant.claim.worktree.path)
    if target is None and any(each.shared for each in listening):
        yield _shared(grant, listening, sockets)
        return
    strangers = [target] if target else list(listening)
    if stranger := next((each for each in strangers if sockets.of_a_stranger(each)), None):
        yield _stranger(grant, stranger, sockets)


def _silence(grant: Grant, sockets: Sockets) -> Iterator[Problem]:
    """Yield the `not-answering` of a service whose server accepts connections and says nothing."""
    target = sockets.target(grant.port, worktree=grant.claim.worktree.path)
    if target and not target.answers:
        name = grant.claim.service.name
        message = f"{_process(target, sockets)} listens on port {grant.port} and gives no answer"
        hint = "look at what it printed: it may wait for an error to be corrected, or stand in a debugger"
        yield Problem("not-answering", message, hint, name)


def _shared(grant: Grant, listening: Iterable[Listener], sockets: Sockets) -> Problem:
    name = grant.claim.service.name
    owners = _processes(listening, sockets)
    return Problem(
        "shared-port",
        f"port {grant.port} ({_source(grant)}) has the sockets of two owners, {owners}: either may answer, "
        f"so {name} is not routed there",
        "stop one of the two, or start it on another port",
        name,
    )


def _stranger(grant: Grant, stranger: Listener, sockets: Sockets) -> Problem:
    name, path = grant.claim.service.name, shown(grant.claim.worktree.path)
    process, port = _process(stranger, sockets), f"port {grant.port} ({_source(grant)})"
    if sockets.of_another_user(stranger):
        message = f"{process} listens on {port}: another user's process is never routed to, so {name} is down"
        hint = f"start {name} on another port, it is found wherever it listens; or have that process stopped"
    else:
        message = f"{process} listens on {port}, and that is no process of {path}; {name} is routed to it all the same"
        hint = f"start {name} in {path}, and stop the other one if it is not meant to be there"
    return Problem("stranger-on-port", message, hint, name)


def _processes(listening: Iterable[Listener], sockets: Sockets) -> str:
    return " and ".join(sorted({_process(each, sockets) for each in listening}))


def _process(listener: Listener, sockets: Sockets) -> str:
    """Return a process in words, as far as it is known: `node (pid 77, user 1001) in /tmp`."""
    user = listener.uid if sockets.of_another_user(listener) else None
    facts = (("pid", listener.pid), ("user", user))
    known = ", ".join(f"{what} {value}" for what, value in facts if value is not None)
    place = listener.worktree or listener.directory
    return f"{listener.program or 'a process'}{f' ({known})' if known else ''}{f' in {shown(place)}' if place else ''}"


def _source(grant: Grant) -> str:
    """Return where a service's port comes from, in words."""
    if grant.source in STRATEGIES:
        return "assigned"
    words = {"listener": "found", "settings": "router.toml"}
    return words.get(grant.source, grant.source.partition(":")[2] or grant.source)


def _collision(grant: Grant, outcome: PortOwners) -> Iterator[Problem]:
    """Yield a `hash-collision` where a service has the next free port, as those from its hash port on are taken."""
    name, port = grant.claim.service.name, grant.port
    for first in grant.claim.natural:
        if first < port and all(map(outcome.is_taken, range(first, port))):
            if outcome.is_of_the_same_branch_elsewhere(first, grant.claim):
                return
            message = f"hash port {first} is taken by {outcome.whose(first, grant.claim)}; the next free one is used"
            hint = f"declare a port in .env.local, or give {name} the port that `router url --direct` names"
            yield Problem("hash-collision", message, hint, name)
            return


def _displaced(grant: Grant, outcome: PortOwners) -> Iterator[Problem]:
    """Yield why a service is not where a file says: another has the port, or its own server is elsewhere.

    A server that moved out of the way of another is no conflict, unless both have the port in their files. A port that
    another tool's file fixes for everybody is no promise of this worktree's.
    """
    declared = grant.claim.declared
    if declared is None or declared.port == grant.port or is_fixed(declared.source):
        return
    name, own = grant.claim.service.name, grant.claim.worktree.path
    owner, moved = outcome.owners.get(declared.port, own), grant.source == "listener"
    where = declared.source.partition(":")[2] or "router.toml"
    if owner != own and (not moved or outcome.declarers[declared.port] != {own}):
        message = f"port {declared.port} ({where}) belongs to {outcome.whose(declared.port, grant.claim)}"
        yield Problem("port-conflict", message, f"give {name} a port of its own in {where}", name)
    elif moved:
        by = f", taken by {outcome.whose(declared.port, grant.claim)}" if outcome.is_taken(declared.port) else ""
        message = f"{name} listens on {grant.port}, not on {declared.port} ({where}{by})"
        hint = f"nothing to do: {grant.port} is routed; to move back, free {declared.port} and start it again"
        yield Problem("moved-port", message, hint, name)
