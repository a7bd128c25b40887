"""Which of a worktree's own listening servers is which of its services, where no file says so."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from router.model import Listener, Observed, Problem, ServiceSpec, Worktree
from router.ports import NOT_DEV_PORTS
from router.routes.claims import Candidate

Choice = tuple[dict[str, Candidate], list[Problem]]


def discover(
    worktree: Worktree,
    specs: Sequence[ServiceSpec],
    declared: Mapping[str, Candidate | None],
    observed: Observed,
    *,
    assigned: Mapping[str, int],
    last: Mapping[str, int],
) -> Choice:
    """Return the found candidate of each service that has one, and the `ambiguous-port` problems.

    A published port of a Compose service is that service, a listener at a service's own port (`assigned`) too.
    Of the worktree's other listeners, those that no file gives to a service are looked at: the only one is `web`,
    unless it is where another service was last seen (`last`) that is not found elsewhere; of several, the one that
    answers with HTML is `web` and another that speaks HTTP is `api`.
    """
    choices = _published(worktree, observed)
    own = _own(worktree, observed)
    named = {c.port for c in declared.values() if c} | {c.port for c in choices.values()}
    settled = {name for name, c in declared.items() if c and c.port in own} | set(choices)
    free = {port: listener for port, listener in own.items() if port not in named}
    for spec in specs:
        port = assigned[spec.name]
        if spec.name not in settled and port in free:
            choices[spec.name] = Candidate(port, spec.ports)
            del free[port]
    problems: list[Problem] = []
    names = {spec.name for spec in specs}
    for service in ("web", "api"):
        if service in names - settled - set(choices):
            others = {port for name, port in last.items() if name not in {service, *settled, *choices}}
            ports = _web(free, others) if service == "web" else _api(free)
            if len(ports) == 1:
                choices[service] = Candidate(ports[0], "listener")
            elif ports:
                problems.append(_ambiguous(service, ports, specs))
            for port in ports:
                del free[port]
    return choices, problems


def _published(worktree: Worktree, observed: Observed) -> dict[str, Candidate]:
    return {
        container.service: Candidate(container.port, f"container:{container.name}")
        for container in observed.containers
        if container.worktree == worktree.path and container.port not in observed.reserved
    }


def _own(worktree: Worktree, observed: Observed) -> dict[int, Listener]:
    """Return the worktree's own listeners that may be a dev server; of both families, the one that was understood."""
    closed = NOT_DEV_PORTS | observed.reserved
    mine = (each for each in observed.listeners if each.worktree == worktree.path and each.port not in closed)
    own: dict[int, Listener] = {}
    for listener in sorted(mine, key=lambda each: (each.serves is None, each.address)):
        own.setdefault(listener.port, listener)
    return own


def _web(free: Mapping[int, Listener], others: AbstractSet[int]) -> list[int]:
    if len(free) == 1:
        return [port for port in free if port not in others]
    html = [port for port, listener in free.items() if listener.serves == "html"]
    return sorted(html or free)


def _api(free: Mapping[int, Listener]) -> list[int]:
    return sorted(port for port, listener in free.items() if listener.serves)


def _ambiguous(service: str, ports: list[int], specs: Sequence[ServiceSpec]) -> Problem:
    variable = next((spec.env[0] for spec in specs if spec.name == service and spec.env), "PORT")
    return Problem(
        "ambiguous-port",
        f"{service} could be any of the ports {', '.join(map(str, ports))}",
        f"say which: {variable}=… in .env.local",
        service,
    )
