"""What runs of the worktrees that may sleep: their servers, and what else works there."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from router.model import SleepRules, WorktreeId
from router.observe.listeners import Listeners
from router.processes.belonging import WorktreeRoot
from router.processes.containers import Container, within
from router.processes.containers import running as running_containers
from router.processes.ending import Bounds, Ending, plan_of_ending
from router.processes.look import Process
from router.processes.servers import Servers, place_of, servers
from router.route_table import Route
from router.servers import records
from router.servers.records import Server
from router.store import Store
from router.values import dataclass

# Editors and the router itself ask git all the time; what git changes shows in the reflog and in the files' times
_ONLY_LOOKS = frozenset({"router", "git"})
_FIRST = frozenset({"systemd", "init", "launchd"})  # what adopts a process whose parent has ended


@dataclass(frozen=True, slots=True)
class Running:
    """What runs of a worktree.

    `started` are the servers that the router started, `services` the names of those that could be stopped by their
    rules, `ending` and `containers` what would be stopped then. `ports` are those of all of the worktree's servers,
    `processes` are theirs, and `commands` is what else runs there, but for agents, editors and shells.
    """

    started: tuple[Server, ...]
    services: tuple[str, ...]
    ending: tuple[Process, ...]
    containers: tuple[Container, ...]
    ports: Mapping[int, str]
    processes: tuple[Process, ...]
    commands: tuple[Process, ...]


def running(
    sleepers: Iterable[tuple[Route, SleepRules]], store: Store, *, roots: Sequence[str], routers: Collection[int],
    listeners: Listeners, composed: Callable[[], tuple[Container, ...]] = running_containers,
) -> dict[WorktreeId, Running]:  # fmt: skip
    """Return what runs of each of these worktrees. `roots` are the paths of all of them.

    `routers` are the pids of the watcher and its Caddy; `listeners` are kept by whoever asks often. Raises nothing.
    """
    sleepers, found = tuple(sleepers), servers(roots, listeners=listeners)
    boxes = composed() if any(rules.containers for _, rules in sleepers) else ()
    real = frozenset(place_of(root).root for root in roots)
    every = [each for each in records.every(store) if each.runs]
    return {
        route.worktree.id: _running(route, rules, found, every, routers=routers, boxes=within(
            boxes, place_of(route.worktree.path).root, roots=real) if rules.containers else ())
        for route, rules in sleepers
    }  # fmt: skip


def _running(
    route: Route, rules: SleepRules, found: Servers, every: Iterable[Server], *, routers: Collection[int],
    boxes: tuple[Container, ...],
) -> Running:  # fmt: skip
    place = place_of(route.worktree.path)
    started = tuple(each for each in every if each.record.worktree == route.worktree.id)
    sessions = {each.record.server.pid for each in started}
    bounds = found.bounds(place, routers=routers)
    all_servers = plan_of_ending(found.of(place, sessions=sessions), found.mapped, bounds)
    ending = all_servers
    if not rules.adopted:
        ending = plan_of_ending(found.of(place, (), sessions=sessions), found.mapped, bounds)
    published = {port for each in boxes for port in each.ports}
    stopped = {port for each in ending.processes for port in _ports(found, each)}
    held = {port for each in all_servers.processes for port in _ports(found, each)}
    return Running(
        started=started,
        services=_services(route, started, stopped | published),
        ending=ending.processes,
        containers=boxes,
        ports=_named(route, held | (published if rules.containers else _of_containers(route))),
        processes=all_servers.processes,
        commands=tuple(_commands(place, found, all_servers, bounds)),
    )


def _ports(found: Servers, process: Process) -> tuple[int, ...]:
    return found.ports.get(process.pid, ())


def _services(route: Route, started: Iterable[Server], ports: Collection[int]) -> tuple[str, ...]:
    """Return the services that these servers are of, in the order of the route; none where none are to be stopped."""
    begun = {each.record.service for each in started}
    return tuple(each.name for each in route.services if each.name in begun or (each.up and each.port in ports))


def _named(route: Route, ports: Iterable[int]) -> dict[int, str]:
    """Return ports with the service that each is of, or the port itself where it is of none."""
    services = {each.port: each.name for each in route.services}
    return {port: services.get(port, f"port {port}") for port in ports}


def _of_containers(route: Route) -> set[int]:
    """Return the ports of the services that containers are, as the last pass found them."""
    return {each.port for each in route.services if each.up and each.source.startswith("container:")}


def _commands(place: WorktreeRoot, found: Servers, ending: Ending, bounds: Bounds) -> Iterable[Process]:
    """Yield what works in a worktree and is no server: a test that watches, a build, a script."""
    known = {each.pid: each for each in found.mapped.processes}
    servers = {each.pid for each in ending.processes} | {each.process.pid for each in ending.left}
    for each in found.mapped.of(place):
        looks = each.pid in bounds.spared or each.program in _ONLY_LOOKS
        if each.pid not in servers and each.role is None and not looks and not _is_daemon(each, place, known, found):
            yield each


def _is_daemon(process: Process, place: WorktreeRoot, known: Mapping[int, Process], found: Servers) -> bool:
    """Tell whether a process stays behind by itself: git's file monitor, the daemon of a build tool.

    Such a one leads a session of its own, or is in that of one, and nobody who started it is there any more.
    """
    leader = known.get(process.session)
    if leader is None or leader.role or found.mapped.where.get(leader.pid) != place:
        return False
    parent = known.get(leader.parent)
    return leader.parent == 1 or (parent is not None and parent.program in _FIRST)
