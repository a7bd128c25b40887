"""Ends the servers of one worktree, and leaves whatever else works there."""

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from router.errors import RouterError
from router.observe.listeners import Listeners
from router.processes import containers, sockets
from router.processes.belonging import Place, Scene, scene
from router.processes.containers import Container
from router.processes.end import PATIENCE, Ended, end
from router.processes.ending import Bounds, Ending, Left, plan_of_ending, spared, stragglers
from router.processes.look import Process, look
from router.processes.sockets import Ports


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


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of a worktree, in the scene that one look found."""

    scene: Scene
    place: Place
    listening: tuple[Process, ...]
    ports: Ports

    def on(self, ports: Collection[int] | None) -> tuple[Process, ...]:
        """Return those that listen on one of these ports; all of them for None."""
        return tuple(p for p in self.listening if ports is None or not set(ports).isdisjoint(self.ports[p.pid]))


def servers(path: str, *, roots: Iterable[str]) -> Servers:
    """Return the servers of the worktree at a path; `roots` are the paths of all worktrees.

    Those are its processes that listen, and those that are routed to it since an ancestor works there.
    """
    places = tuple(roots)
    seen, place = scene(look(), living=map(os.path.realpath, places)), Place(os.path.realpath(path))
    routed = {each.pid: place for each in Listeners().scan(places) if each.worktree == path and each.pid}
    seen = replace(seen, where={**routed, **seen.where})
    ports = sockets.held(process.pid for process in seen.of(place))
    return Servers(seen, place, tuple(each for each in seen.of(place) if each.pid in ports), ports)


def stop(
    path: str,
    *,
    roots: Sequence[str],
    routers: Collection[int],
    ports: Collection[int] | None = None,
    composed: Callable[[], tuple[Container, ...]] = containers.running,
    patience: float = PATIENCE,
) -> Stopped:
    """End the servers of the worktree at a path, or those on some ports. `roots` are the paths of all worktrees.

    `routers` are the pids of the watcher and its Caddy. `patience` is how long a server has to end by itself, in
    seconds. Containers are stopped that publish these ports; for None all of the worktree's projects.
    """
    found = servers(path, roots=roots)
    bounds = Bounds(found.place, os.getuid(), spared(found.scene, caller=os.getpid(), routers=routers))
    begun = plan_of_ending(found.on(ports), found.scene, bounds)

    def again() -> Ending:
        return stragglers(begun, servers(path, roots=roots).scene, bounds)

    ended = end(begun, again=again, patience=patience)
    told = {each.pid for each in (*ended.processes, *(left.process for left in ended.left))} | {os.getpid()}
    others = (each for each in found.scene.of(found.place) if each.pid not in told)
    bystanders = tuple(Left(each, _why(each, found, bounds)) for each in others)
    return _with_containers(Stopped(found.ports, ended, bystanders), found.place, roots, ports, composed())


def _why(process: Process, found: Servers, bounds: Bounds) -> str:
    other = "another server" if process.pid in found.ports else "does not listen"
    return bounds.objection(process, found.scene) or other


def _with_containers(
    stopped: Stopped, place: Place, roots: Iterable[str], ports: Collection[int] | None, running: Sequence[Container]
) -> Stopped:
    own = containers.within(running, place.root, roots=map(os.path.realpath, roots))
    chosen = [each for each in own if ports is None or not set(ports).isdisjoint(each.ports)]
    done: list[Container] = []
    failed: list[RouterError] = []
    for key in sorted({(each.engine, each.project) for each in chosen}):
        try:
            done += _stopped(key, chosen, own, running)
        except RouterError as exc:
            failed.append(exc)
    return replace(stopped, containers=tuple(done), failed=tuple(failed))


def _stopped(
    key: tuple[str, str], chosen: Iterable[Container], own: Collection[Container], running: Iterable[Container]
) -> list[Container]:
    """Stop the chosen containers of a project. RouterError where Docker says no, or another worktree has it too."""
    mine = [each for each in chosen if (each.engine, each.project) == key]
    services = {each.service for each in mine}
    shared = [
        each for each in running if (each.engine, each.project) == key and each.service in services and each not in own
    ]
    if shared:
        raise RouterError(
            f"the Compose project {key[1]} also runs in {shared[0].directory}: {mine[0].name} is left",
            hint=f"run `docker stop {' '.join(each.name for each in mine)}`",
        )
    containers.stop(mine)
    return mine
