"""What memory each worktree uses, and what of it the router could give back by stopping its servers."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from router.document import Document
from router.observe.listeners import Listeners
from router.processes import containers, memory
from router.processes.belonging import WorktreeRoot
from router.processes.containers import Container
from router.processes.ending import Ending, plan_of_ending
from router.processes.look import Process
from router.processes.memory import Kind, Memory
from router.processes.servers import Servers, place_of, servers
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """What runs in all worktrees, with its memory; `routers` are the pids of the watcher and its Caddy."""

    servers: Servers
    sizes: Mapping[int, Memory]
    containers: Mapping[Container, int]
    roots: frozenset[str]
    routers: Collection[int]

    def ending(self, place: WorktreeRoot, ports: Collection[int] | None = None) -> Ending:
        """Return what stopping a worktree would end, or the servers on some of its ports."""
        bounds = self.servers.bounds(place, routers=self.routers)
        return plan_of_ending(self.servers.of(place, ports), self.servers.mapped, bounds)

    def used_by(self, processes: Iterable[Process]) -> Memory:
        """Return the memory of some processes together."""
        return sum((self.sizes[each.pid] for each in processes if each.pid in self.sizes), Memory())


def with_memory(
    status: Document,
    *,
    routers: Collection[int],
    composed: Callable[[], tuple[Container, ...]] = containers.running,
    listeners: Listeners | None = None,
) -> dict[str, Any]:
    """Return a status document with the memory of each worktree, of each service that runs, and of all together.

    Numbers are bytes; `kind` is `pss` where all of it was measured so, else `rss`. `reclaimable` is what `router stop`
    would give back; `shown` is the rest, by what it is. Whoever asks often keeps the `listeners`. Raises nothing.
    """
    roots = frozenset(place_of(tree["path"]).root for tree in status["worktrees"])
    found = servers((tree["path"] for tree in status["worktrees"]), listeners=listeners)
    running = composed()
    inside = [each for root in roots for each in containers.within(running, root, roots=roots)]
    measured = Measured(
        found, {pid: memory.of(pid) for pid in found.mapped.where}, {each: containers.memory(each) for each in inside},
        roots, routers,
    )  # fmt: skip
    trees = [_tree(tree, measured) for tree in status["worktrees"]]
    return {**status, "worktrees": trees, "memory": _together([tree["memory"] for tree in trees])}


def _tree(tree: Document, measured: Measured) -> dict[str, Any]:
    place = place_of(tree["path"])
    boxes = containers.within(measured.containers, place.root, roots=measured.roots)
    processes = [each for each in measured.servers.mapped.of(place) if each.pid != os.getpid()]
    ended = measured.ending(place).processes
    boxed = sum(measured.containers[each] for each in boxes)
    rest: Counter[str] = Counter()
    for each in processes:
        if each not in ended:
            rest[each.role or "other"] += measured.used_by([each]).bytes
    used = measured.used_by({*processes, *ended})
    whole = {
        "bytes": used.bytes + boxed,
        "kind": used.kind,
        "processes": len({*processes, *ended}),
        "containers": len(boxes),
        "reclaimable": measured.used_by(ended).bytes + boxed,
        "shown": dict(sorted(rest.items())),
    }
    services = {n: _service(service, place, boxes, measured) for n, service in tree["services"].items()}
    return {**tree, "memory": whole, "services": services}


def _service(
    service: Document, place: WorktreeRoot, boxes: Collection[Container], measured: Measured
) -> dict[str, Any]:
    """Return a service with its memory, where it runs: of what stopping it would end, and of its container."""
    if not service["up"]:
        return dict(service)
    own = [each for each in boxes if service["source"] == f"container:{each.name}"]
    ending = measured.ending(place, [service["port"]])
    processes = {*ending.processes, *(left.process for left in ending.left)}
    used = measured.used_by(processes)
    size = used.bytes + sum(measured.containers[each] for each in own)
    told = {"bytes": size, "kind": used.kind, "processes": len(processes), "containers": len(own)}
    return {**service, "memory": told}


def _together(entries: Collection[Document]) -> dict[str, Any]:
    numbers = ("bytes", "processes", "containers", "reclaimable")
    shown: Counter[str] = Counter()
    for entry in entries:
        shown.update(entry["shown"])
    exact = all(entry["kind"] == Kind.PSS for entry in entries)
    sums = {name: sum(entry[name] for entry in entries) for name in numbers}
    return {**sums, "kind": Kind.PSS if exact else Kind.RSS, "shown": dict(sorted(shown.items()))}
