"""Which of a worktree's own servers is `web`, which `api`, and which a service of its own."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

from router.model import Listener, Worktree
from router.naming import suffixed
from router.routes.servers import SPEAKS_HTTP, as_api, as_web, called, is_tool, may_be_api, rank
from router.values import dataclass, field

Servers = Mapping[int, Listener]
"""The servers of a worktree that no file gives to a service, by port."""


@dataclass(frozen=True, slots=True)
class Last:
    """Where services were last seen that no file names: their ports, and whether `web` was a tool then."""

    ports: Mapping[str, int] = field(default_factory=dict)
    tool: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The ports of the services that were found, and of those that are named after their server.

    `alike` are the ports of a service that nothing tells apart. `undecided` are those of servers of which one request
    for a page would say more.
    """

    found: Mapping[str, int]
    extra: Mapping[str, int]
    alike: Mapping[str, tuple[int, ...]]
    undecided: frozenset[int] = frozenset()


def choose(
    worktree: Worktree, servers: Servers, *, missing: AbstractSet[str], names: AbstractSet[str], last: Last
) -> Choice:
    """Return which servers are the services that are `missing`; `names` are those of all that the worktree has.

    A package that is a service by name is that one. `web` is the best for a browser, as it is now: one that was taken
    for it before gives way to a better one. What is left and speaks HTTP is a service of its own.
    """
    found = _packages(worktree, servers, missing)
    left = _without(servers, found.values())
    web = _candidates(left, missing, last) if "web" in missing else {}
    chosen, alike = _best("web", web, lambda each: as_web(each, worktree.path), last)
    found |= chosen
    undecided = _undecided(web, worktree.path)
    left = _without(left, chosen.values())
    apis = {port: each for port, each in left.items() if may_be_api(each, worktree.path)} if "api" in missing else {}
    if alike and not chosen:  # whatever may still be `web` is nothing else
        left, apis = _without(left, alike), _without(apis, alike)
    api, alike_apis = _best("api", apis, lambda each: as_api(each, worktree.path), last)
    found |= api
    elsewhere = missing & last.ports.keys() - found.keys()
    extra = _without(left, (*api.values(), *(last.ports[name] for name in elsewhere)))
    unclear = {"web": alike, "api": alike_apis}
    own = _extra(worktree, extra, names=names, beside=servers.get(chosen.get("web", 0)))
    return Choice(found, own, {name: ports for name, ports in unclear.items() if ports}, undecided)


def _packages(worktree: Worktree, servers: Servers, missing: AbstractSet[str]) -> dict[str, int]:
    """Return the servers of packages that are services by name, but for `web` and `api`, which more can be."""
    found: dict[str, int] = {}
    for port, each in sorted(servers.items()):
        name = called(each, worktree)
        if each.serves in SPEAKS_HTTP and name in missing - {"web", "api"}:
            found.setdefault(name, port)
    return found


def _candidates(servers: Servers, missing: AbstractSet[str], last: Last) -> dict[int, Listener]:
    """Return what may be `web`: not what was another service just now, unless it may have pages and is not alone.

    A tool is `web` only where there is no other, and not while that one is started again.
    """
    others = {port for name, port in last.ports.items() if name != "web" and name in missing}
    main = last.ports.get("web") if not last.tool else None
    return {
        port: each
        for port, each in servers.items()
        if not (main is not None and is_tool(each.program) and port != main)
        and not (port in others and (rank(each) > 0 or len(servers) == 1))
    }


def _best(
    service: str, servers: Servers, score: Callable[[Listener], tuple[int, ...]], last: Last
) -> tuple[dict[str, int], tuple[int, ...]]:
    """Return the best server by score, as a service found, and the ports that nothing tells apart, if several are best.

    Of these the one that was it before goes on, else the lowest port is taken; as `web` only one that may have pages.
    """
    if not servers:
        return {}, ()
    scores = {port: score(each) for port, each in servers.items()}
    best = sorted(port for port, each in scores.items() if each == min(scores.values()))
    if len(best) == 1:
        return {service: best[0]}, ()
    if service == "web" and rank(servers[best[0]]) > 0:
        return {}, tuple(best)
    before = last.ports.get(service)
    return {service: before if before in best else best[0]}, tuple(best)


def _undecided(candidates: Servers, root: str) -> frozenset[int]:
    """Return the servers with an unclear answer, where several are best but for that."""
    scores = {port: as_web(each, root)[:-1] for port, each in candidates.items()}
    best = [port for port, each in scores.items() if each == min(scores.values())]
    return frozenset(port for port in best if candidates[port].serves == "unclear") if len(best) > 1 else frozenset()


def _extra(worktree: Worktree, servers: Servers, *, names: AbstractSet[str], beside: Listener | None) -> dict[str, int]:
    """Return the other servers by what each is called; a second port of the process that is `web` is none."""
    found: dict[str, int] = {}
    for port, each in sorted(servers.items()):
        same = beside is not None and beside.pid is not None and beside.pid == each.pid
        if each.serves in SPEAKS_HTTP and not same:
            name = called(each, worktree)
            found[name if name not in names and name not in found else suffixed(name, str(port))] = port
    return found


def _without(servers: Servers, ports: Iterable[int]) -> dict[int, Listener]:
    gone = frozenset(ports)
    return {port: listener for port, listener in servers.items() if port not in gone}
