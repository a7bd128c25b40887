"""Which of a worktree's own listening servers is which of its services, where no file says so."""

from collections.abc import Mapping, Sequence

from router.claims import Candidate
from router.model import Listener, Observed, Problem, ServiceSpec, Worktree
from router.ports import NOT_DEV_PORTS

Choice = tuple[dict[str, Candidate], list[Problem]]


def found(
    worktree: Worktree, specs: Sequence[ServiceSpec], declared: Mapping[str, Candidate | None], observed: Observed
) -> Choice:
    """Return the found candidate of each service that has one, and the `ambiguous-port` problems.

    A published port of a Compose service is that service. Of the worktree's own listeners, those that no file
    gives to a service are looked at: the only one is `web`; of several, the one that answers with HTML is `web`
    and another that speaks HTTP is `api`.
    """
    choices = {
        container.service: Candidate(container.port, f"container:{container.name}")
        for container in observed.containers
        if container.worktree == worktree.path
    }
    own = {listener.port: listener for listener in observed.listeners if _may_serve(listener, worktree, observed)}
    named = {c.port for c in declared.values() if c} | {c.port for c in choices.values()}
    settled = {name for name, c in declared.items() if c and c.port in own} | set(choices)
    free = {port: listener for port, listener in own.items() if port not in named}
    problems: list[Problem] = []
    names = {spec.name for spec in specs}
    for service, choose in (("web", _web), ("api", _api)):
        if service in names and service not in settled:
            ports = choose(free)
            if len(ports) == 1:
                choices[service] = Candidate(ports[0], "listener")
                del free[ports[0]]
            elif ports:
                problems.append(_ambiguous(service, ports, specs))
    return choices, problems


def _may_serve(listener: Listener, worktree: Worktree, observed: Observed) -> bool:
    closed = listener.port in NOT_DEV_PORTS or listener.port in observed.reserved
    return listener.worktree == worktree.path and not closed


def _web(free: Mapping[int, Listener]) -> list[int]:
    if len(free) < 2:  # noqa: PLR2004
        return list(free)
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
