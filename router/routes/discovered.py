"""Which of a worktree's own listening servers is which of its services, where no file says so."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from router.model import Container, Listener, Problem, ServiceSpec, Worktree
from router.routes.choice import Choice, Last, choose
from router.routes.claims import Candidate
from router.routes.servers import AWAITED, may_serve
from router.text import shown
from router.values import dataclass, field

MOST = 20
"""How many ports of one worktree's servers are looked at; a monorepo has ten."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The found candidate of each service that has one, the problems of services by name, and the worktree's own.

    `extra` are the ports of services that the worktree has only while their server runs, by name. `undecided` are the
    ports of servers of which one request for a page would say more.
    """

    found: Mapping[str, Candidate]
    unclear: Mapping[str, Problem]
    problems: tuple[Problem, ...] = ()
    extra: Mapping[str, int] = field(default_factory=dict)
    undecided: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of a worktree's services before its servers are looked at: ports by service.

    `declared` are those that files name, `assigned` those of the strategies, `last` those where a server was last seen
    that no file names.
    """

    declared: Mapping[str, int]
    assigned: Mapping[str, int]
    last: Last


def discover(
    worktree: Worktree,
    specs: Sequence[ServiceSpec],
    hints: Hints,
    *,
    listeners: Iterable[Listener],
    containers: Iterable[Container],
    reserved: frozenset[int],
) -> Discovery:
    """Return which of its own servers are a worktree's services; `listeners` and `containers` are its own.

    A published port of a Compose service is that service, a server at a service's assigned port too. Of the other
    servers, those that no file gives to a service are looked at, see `choose`. One whose first answer has not come yet
    is none of them.
    """
    own = _dev_servers(listeners, reserved)
    looked_at = _looked_at(own, hints)
    published = {c.service: Candidate(c.port, f"container:{c.name}") for c in containers if c.port not in reserved}
    settled = {name for name, port in hints.declared.items() if port in looked_at} | set(published)
    free = _without(looked_at, {*hints.declared.values(), *(candidate.port for candidate in published.values())})
    open_specs = [spec for spec in specs if spec.name not in settled]
    assigned = {s.name: Candidate(port, s.ports) for s in open_specs if (port := hints.assigned[s.name]) in free}
    left = _without(free, {candidate.port for candidate in assigned.values()})
    choice = choose(
        worktree,
        {port: each for port, each in left.items() if each.serves != AWAITED},
        missing={spec.name for spec in open_specs} - set(assigned),
        names={spec.name for spec in specs},
        last=hints.last,
    )
    guessed = {name: Candidate(port, "listener") for name, port in choice.found.items()}
    return Discovery(
        {**published, **assigned, **guessed},
        {name: _ambiguous(name, choice, specs) for name in choice.alike},
        _too_many(worktree, own, looked_at),
        choice.extra,
        choice.undecided,
    )


def _dev_servers(listeners: Iterable[Listener], reserved: frozenset[int]) -> dict[int, Listener]:
    """Return the listeners that may be a dev server, by port; of both families, the one that was understood."""
    own: dict[int, Listener] = {}
    for listener in sorted(listeners, key=lambda each: (each.serves is None, each.address)):
        if may_serve(listener, reserved):
            own.setdefault(listener.port, listener)
    return own


def _looked_at(own: Mapping[int, Listener], hints: Hints) -> Mapping[int, Listener]:
    """Return as many of the servers as are looked at: those that something points to, then the lowest ports."""
    if len(own) <= MOST:
        return own
    expected = {*hints.declared.values(), *hints.assigned.values(), *hints.last.ports.values()}
    return {port: own[port] for port in sorted(own, key=lambda port: (port not in expected, port))[:MOST]}


def _without(servers: Mapping[int, Listener], ports: AbstractSet[int]) -> dict[int, Listener]:
    return {port: listener for port, listener in servers.items() if port not in ports}


def _ambiguous(service: str, choice: Choice, specs: Sequence[ServiceSpec]) -> Problem:
    variable = next((spec.env[0] for spec in specs if spec.name == service and spec.env), "PORT")
    taken = f"; {choice.found[service]} is taken for it" if service in choice.found else ""
    return Problem(
        "ambiguous-port",
        f"{service} could be any of the ports {', '.join(map(str, choice.alike[service]))}{taken}",
        f"say which: {variable}=… in .env.local",
        service,
    )


def _too_many(
    worktree: Worktree, own: Mapping[int, Listener], looked_at: Mapping[int, Listener]
) -> tuple[Problem, ...]:
    if len(own) == len(looked_at):
        return ()
    message = f"servers of {shown(worktree.path)} listen on {len(own)} ports; {MOST} of them are looked at, at most"
    hint = "name the ports that count in .env.local or router.toml, and stop what is not needed"
    return (Problem("too-many", message, hint),)
