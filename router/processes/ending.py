"""Which processes are ended when a server is: one rule for whatever ends servers. Nothing is ended here.

A server's process group is ended whole (`npm run dev` is npm, a shell and node) if all of it is the worktree's own.
Otherwise only the server and what descends from it: an agent's tool often shares its group with what it started.
"""

from collections.abc import Collection, Iterable, Mapping

from router.processes.belonging import ProcessMap, WorktreeRoot, ancestors, descendants
from router.processes.look import Process
from router.values import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Left:
    """A process that stays, and why."""

    process: Process
    why: str


@dataclass(frozen=True, slots=True)
class Ending:
    """What is to be ended, parents first, so that none restarts what has just ended; which groups whole; what stays."""

    processes: tuple[Process, ...] = ()
    groups: frozenset[int] = frozenset()
    left: tuple[Left, ...] = ()

    def __add__(self, other: "Ending") -> "Ending":
        return Ending(self.processes + other.processes, self.groups | other.groups, self.left + other.left)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be ended: processes of one place and one user, but for those `spared`, by pid with the reason."""

    place: WorktreeRoot
    uid: int
    spared: Mapping[int, str] = field(default_factory=dict)

    def objection(self, process: Process, mapped: ProcessMap) -> str | None:
        """Return why a process is not to be ended, None where it may be."""
        if why := self.spared.get(process.pid):
            return why
        if process.role:
            return process.role.phrase
        if process.uid != self.uid:
            return "of another user"
        return None if mapped.where.get(process.pid) == self.place else "not of this worktree"


def plan_of_ending(servers: Iterable[Process], mapped: ProcessMap, bounds: Bounds) -> Ending:
    """Return how servers are ended, all of them in the map of one look."""
    chosen: dict[int, Process] = {}
    groups, left = set(), []
    for server in servers:
        if why := bounds.objection(server, mapped):
            left.append(Left(server, why))
            continue
        if _whole(server.group, mapped, bounds):
            groups.add(server.group)
            chosen |= {each.pid: each for each in mapped.processes if each.group == server.group}
        chosen |= {each.pid: each for each in (server, *_own_descendants(server, mapped, bounds))}
    return Ending(_parents_first(chosen.values(), mapped), frozenset(groups), tuple(left))


def stragglers(begun: Ending, mapped: ProcessMap, bounds: Bounds) -> Ending:
    """Return what a later look still finds of an ending that was begun: who lives on, and who joined in meanwhile.

    Who was of the place still is, though the ancestor that told so may have ended.
    """
    known = {process.id for process in begun.processes}
    rest = [each for each in mapped.processes if each.id in known or each.group in begun.groups]
    still = {each.pid: bounds.place for each in mapped.processes if each.id in known}
    return plan_of_ending(rest, replace(mapped, where={**mapped.where, **still}), bounds)


def spared(mapped: ProcessMap, *, caller: int, routers: Collection[int]) -> dict[int, str]:
    """Return why the router, whoever calls it and what those hang on stay. `routers` are the watcher and its Caddy."""
    known = {process.pid: process for process in mapped.processes}
    above = ancestors(known[caller], known) if caller in known else ()
    return {
        **{process.pid: "it runs this command" for process in above},
        caller: "this command itself",
        **dict.fromkeys(routers, "the router itself"),
    }


def _whole(group: int, mapped: ProcessMap, bounds: Bounds) -> bool:
    """Tell whether a group is ended whole: 0 is no group, but whatever another pid namespace has."""
    return group > 0 and not any(bounds.objection(each, mapped) for each in mapped.processes if each.group == group)


def _own_descendants(server: Process, mapped: ProcessMap, bounds: Bounds) -> list[Process]:
    """Return what descends from a server, without those that stay and what descends from them."""
    kept, found = {server.pid}, []
    for each in descendants(server, mapped.processes):
        if each.parent in kept and not bounds.objection(each, mapped):
            kept.add(each.pid)
            found.append(each)
    return found


def _parents_first(chosen: Iterable[Process], mapped: ProcessMap) -> tuple[Process, ...]:
    known = {process.pid: process for process in mapped.processes}
    return tuple(sorted(chosen, key=lambda each: (sum(1 for _ in ancestors(each, known)), each.pid)))
