"""Ends the servers of one worktree, and leaves whatever else works there."""

import os
from collections.abc import Callable, Collection, Iterable, Sequence

from router.errors import RouterError
from router.processes import containers
from router.processes.belonging import WorktreeRoot
from router.processes.containers import Container
from router.processes.end import PATIENCE, Ended, end
from router.processes.ending import Ending, Left, plan_of_ending, stragglers
from router.processes.servers import Servers, place_of, servers
from router.processes.sockets import Ports
from router.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop came to: the ports of the servers, the processes that ended and those that stay, the containers.

    `bystanders` only have their directory there. `failed` says of each project of Compose why it runs on.
    """

    ports: Ports
    ended: Ended
    bystanders: tuple[Left, ...] = ()
    containers: tuple[Container, ...] = ()
    failed: tuple[RouterError, ...] = ()


def stop(
    path: str,
    *,
    roots: Sequence[str],
    routers: Collection[int],
    ports: Collection[int] | None = None,
    sessions: Collection[int] = (),
    composed: Callable[[], tuple[Container, ...]] = containers.running,
    patience: float = PATIENCE,
) -> Stopped:
    """End the servers of the worktree at a path, or those on some ports. `roots` are the paths of all worktrees.

    What runs in one of these `sessions` is ended too, as it was started to be a server, whether it listens or not.
    `routers` are the pids of the watcher and its Caddy. `patience` is how long a server has to end by itself, in
    seconds. Containers are stopped that publish these ports; for None all of the worktree's projects.
    """
    place = place_of(path)

    def look() -> Servers:
        return _with_sessions(servers(roots), place, sessions)

    found = look()
    bounds = found.bounds(place, routers=routers)
    begun = plan_of_ending(found.of(place, ports, sessions=sessions), found.mapped, bounds)

    def again() -> Ending:
        return stragglers(begun, look().mapped, bounds)

    ended = end(begun, again=again, patience=patience)
    told = {each.pid for each in (*ended.processes, *(left.process for left in ended.left))} | {os.getpid()}
    others = (each for each in found.mapped.of(place) if each.pid not in told)
    server = ("does not listen", "another server")
    left = tuple(Left(each, bounds.objection(each, found.mapped) or server[each.pid in found.ports]) for each in others)
    stopped = Stopped(found.ports, ended, left)
    return with_containers(stopped, composed(), place.root, roots=roots, ports=ports)


def _with_sessions(found: Servers, place: WorktreeRoot, sessions: Collection[int]) -> Servers:
    """Return what was found with the processes of these sessions that are of no worktree as of this one.

    They were started there: the directory may be gone by now, or they went elsewhere.
    """
    own = {each.pid: place for each in found.mapped.processes if each.session in sessions}
    return replace(found, mapped=replace(found.mapped, where={**own, **found.mapped.where}))


def with_containers(
    stopped: Stopped, running: Sequence[Container], root: str, *, roots: Iterable[str],
    ports: Collection[int] | None = None,
) -> Stopped:  # fmt: skip
    """Stop the containers of a worktree too, or those that publish some ports; return what all of it came to.

    `running` are all that run, `root` is the worktree's root, links resolved, `roots` are the paths of all worktrees.
    """
    own = containers.within(running, root, roots=[place_of(each).root for each in roots])
    chosen = [each for each in own if ports is None or not set(ports).isdisjoint(each.ports)]
    done: list[Container] = []
    failed: list[RouterError] = []
    for mine in containers.by_project(chosen):
        try:
            _refuse_shared(mine, [each for each in running if each not in own])
            containers.stop(mine)
        except RouterError as exc:
            failed.append(exc)
        else:
            done += mine
    return replace(stopped, containers=tuple(done), failed=tuple(failed))


def _refuse_shared(mine: Sequence[Container], others: Iterable[Container]) -> None:
    """Raise RouterError where Compose would stop containers of another worktree by the same names."""
    first, services = mine[0], {each.service for each in mine}
    for other in others:
        if (other.engine, other.project) == (first.engine, first.project) and other.service in services:
            raise RouterError(
                f"the Compose project {first.project} also runs in {other.directory}: {first.name} is left",
                hint=f"run `docker stop {' '.join(each.name for each in mine)}`",
            )
