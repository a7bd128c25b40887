"""The servers of worktrees: which processes listen, on which ports, and what it takes to end them."""

import os
from collections.abc import Collection, Iterable

from router.observe.listeners import Listeners
from router.processes import sockets
from router.processes.belonging import ProcessMap, WorktreeRoot, process_map
from router.processes.ending import Bounds, spared
from router.processes.look import Process, look
from router.processes.sockets import Ports
from router.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Servers:
    """Every process that one look found, and the ports of those that belong to a worktree and listen."""

    mapped: ProcessMap
    ports: Ports

    def of(
        self, place: WorktreeRoot, ports: Collection[int] | None = None, *, sessions: Collection[int] = ()
    ) -> tuple[Process, ...]:
        """Return the servers of a worktree, or those of them that listen on one of these ports.

        What runs in one of these `sessions` is a server too, whether it listens or not.
        """

        def counts(process: Process) -> bool:
            held = self.ports.get(process.pid)
            listens = held is not None and (ports is None or not set(ports).isdisjoint(held))
            return listens or process.session in sessions

        return tuple(each for each in self.mapped.of(place) if counts(each))

    def bounds(self, place: WorktreeRoot, *, routers: Collection[int]) -> Bounds:
        """Return what this process may end of a worktree. `routers` are the pids of the watcher and its Caddy."""
        return Bounds(place, os.getuid(), spared(self.mapped, caller=os.getpid(), routers=routers))


def place_of(path: str) -> WorktreeRoot:
    """Return the worktree at a path as processes see it."""
    return WorktreeRoot(os.path.realpath(path))


def servers(roots: Iterable[str], *, listeners: Listeners | None = None) -> Servers:
    """Return the servers of the worktrees at these paths.

    Those are the processes of each that listen, and those that are routed to it since an ancestor works there, as
    `listeners` finds them, which whoever asks often keeps.
    """
    paths, listeners = tuple(roots), listeners or Listeners()
    seen = process_map(look(), living=[place_of(path).root for path in paths])
    routed = {each.pid: place_of(each.worktree) for each in listeners.scan(paths) if each.worktree and each.pid}
    seen = replace(seen, where={**routed, **seen.where})
    return Servers(seen, sockets.held(seen.where))
