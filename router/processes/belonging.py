"""Which worktree each process belongs to, one that is there or one that is gone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from router.paths import deepest_root
from router.processes.look import Process
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class WorktreeRoot:
    """A worktree as processes see it: the path of its root, links resolved, and whether that directory is gone."""

    root: str
    gone: bool = False


Belonging = Mapping[int, WorktreeRoot]
"""The place of each process, by pid; processes of no worktree are left out."""


@dataclass(frozen=True, slots=True)
class ProcessMap:
    """What one look found: every process, and where it belongs."""

    processes: tuple[Process, ...]
    where: Belonging

    def of(self, place: WorktreeRoot) -> tuple[Process, ...]:
        """Return the processes of a place."""
        return tuple(process for process in self.processes if self.where.get(process.pid) == place)


def process_map(processes: Sequence[Process], *, living: Iterable[str], gone: Iterable[str] = ()) -> ProcessMap:
    """Return processes with where each belongs. `living` and `gone` are roots of worktrees, links resolved.

    A process belongs to the deepest worktree around its working directory, and only to one that is gone if that very
    directory was deleted under it. One that went elsewhere since it began belongs where its job began: to the place of
    the nearest ancestor in its process group that has one; where it went to `/`, as daemons do, of its session.
    """
    known = {process.pid: process for process in processes}
    alive, left = frozenset(living), frozenset(gone)
    own = {pid: place for pid, each in known.items() if (place := _own(each, alive, left))}
    where = {pid: place for pid, each in known.items() if (place := own.get(pid) or _begun(each, known, own))}
    return ProcessMap(tuple(processes), where)


def descendants(of: Process, processes: Iterable[Process]) -> tuple[Process, ...]:
    """Return the processes that descend from one, parents first."""
    children: dict[int, list[Process]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process)
    found, seen = [of], {of.pid}
    for each in found:
        new = [child for child in children.get(each.pid, ()) if child.pid not in seen]
        seen.update(child.pid for child in new)
        found += new
    return tuple(found[1:])


def ancestors(of: Process, known: Mapping[int, Process]) -> Iterator[Process]:
    """Yield a process's parent, its parent, and so on; `known` are all processes by pid."""
    seen = {of.pid}
    while (parent := known.get(of.parent)) and parent.pid not in seen:
        yield parent
        seen.add(parent.pid)
        of = parent


def _own(process: Process, living: frozenset[str], gone: frozenset[str]) -> WorktreeRoot | None:
    if not process.removed:
        root = deepest_root(process.cwd, living)
        return WorktreeRoot(root) if root else None
    root = deepest_root(process.cwd, gone)
    lost = root is not None and f"{root}/".startswith(f"{process.removed}/")
    return WorktreeRoot(root, gone=True) if root and lost else None


def _begun(process: Process, known: Mapping[int, Process], own: Belonging) -> WorktreeRoot | None:
    """Return the place of the job that a process is part of, None where its own directory says that it is elsewhere."""
    if process.removed or not process.cwd:
        return None
    for ancestor in ancestors(process, known):
        of_job = 0 < ancestor.group == process.group and ancestor.role is None
        of_session = process.cwd == "/" and 0 < ancestor.session == process.session
        if not of_job and not of_session:
            return None
        if place := own.get(ancestor.pid):
            return place
    return None
