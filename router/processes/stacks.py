"""Compose stacks whose worktree is gone: which containers are left of them, and whether they may be taken down."""

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from router.model import Problem
from router.paths import deepest_root
from router.processes import containers, gone
from router.processes.containers import Container
from router.processes.words import duration, size
from router.remembered import GoneWorktree, Memory
from router.text import shown
from router.values import dataclass, replace

_ON_DISK = "git does not say that its worktree is gone"
_UNKNOWN_NAME = "its project is not the worktree's own"


@dataclass(frozen=True, slots=True)
class Stack:
    """The containers of one Compose project that were made in the directory of a worktree which is gone.

    `stays` is why they are only shown, empty where they may be taken down. Each container has its memory in bytes.
    """

    worktree: GoneWorktree
    engine: str
    project: str
    containers: tuple[Container, ...]
    stays: str = ""
    memory: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The label that its worktree had."""
        return self.worktree.names[0] if self.worktree.names else os.path.basename(self.worktree.path)  # noqa: PTH119

    @property
    def has_own_name(self) -> bool:
        """Whether its project has the name that the router gave to this worktree and to no other one."""
        return self.project == self.worktree.project


@dataclass(frozen=True, slots=True)
class Around:
    """What else there is: the roots of living worktrees, links resolved, and the project names that are theirs.

    `listed` are the roots of those worktrees of which git does not say that they are gone.
    """

    living: frozenset[str]
    projects: Mapping[str, str]
    listed: frozenset[str] = frozenset()


def find(remembered: Memory, *, sockets: Sequence[str] | None = None) -> tuple[Stack, ...]:
    """Return what is left of the stacks of worktrees that are gone. Raises nothing.

    No engine is asked where nothing that is remembered is gone.
    """
    lost = {
        os.path.realpath(each.path): each
        for each in sorted(gone.gone(remembered, now=time.time()), key=lambda each: each.since)
        if not os.path.lexists(each.path)  # else something else is there by now, and these may be its containers
    }
    if not lost:
        return ()
    listed = frozenset(root for root, each in lost.items() if not gone.unlisted(each.id))
    found = stacks(containers.every(sockets), lost, _around(remembered, listed))
    return tuple(_measured(each) for each in found)


def stacks(every: Iterable[Container], lost: Mapping[str, GoneWorktree], around: Around) -> tuple[Stack, ...]:
    """Return the stacks of gone worktrees among all containers of Compose. `lost` are those by their real roots."""
    roots = around.living | lost.keys()
    projects: dict[tuple[str, str], list[tuple[str, Container]]] = {}
    for each in every:
        projects.setdefault((each.engine, each.project), []).append((_root(each, roots), each))
    found = []
    for (engine, project), placed in sorted(projects.items()):
        others = [each for at, each in placed if at not in lost or at in around.listed]
        for root in sorted({at for at, _ in placed if at in lost}):
            stack = Stack(lost[root], engine, project, tuple(each for at, each in placed if at == root))
            found.append(replace(stack, stays=_objection(stack, root, others, around)))
    return tuple(found)


def entries(stack: Stack, *, now: float) -> list[dict[str, Any]]:
    """Return the containers of a stack as the status document has what is left over, as `orphans.entry` does."""
    return [
        {
            "pid": None,
            "program": each.name,
            "role": stack.stays or None,
            "port": each.ports[0] if each.ports else None,
            "ports": list(each.ports),
            "memory": used,
            "kind": "container",
            "age_s": max(0, round(now - each.created)),
            "worktree": stack.name,
            "repository": stack.worktree.repository,
            "path": shown(stack.worktree.path),
            "project": stack.project,
            "runs": each.runs,
        }
        for each, used in zip(stack.containers, stack.memory, strict=True)
    ]


def problem(stack: Stack, *, now: float) -> Problem | None:
    """Return the problem that a stack is which can be taken down; another one is for its user to see, not to fix."""
    if stack.stays:
        return None
    names = ", ".join(each.name for each in stack.containers)
    age = duration(now - min(each.created for each in stack.containers))
    return Problem(
        "orphan-process",
        f"the Compose project {stack.project} is left over from {stack.name} of {shown(stack.worktree.repository)}, "
        f"which is gone: {names}, {size(sum(stack.memory))}, made {age} ago",
        "run `router reap` to see what is left over, `router reap --yes` to take it down",
    )


def _around(remembered: Memory, listed: frozenset[str]) -> Around:
    there = [each for each in remembered.worktrees if os.path.isdir(each.path)]  # noqa: PTH112
    roots = frozenset(os.path.realpath(each.path) for each in there)
    projects = {default_name(root): root for root in roots}
    return Around(roots, {**projects, **{each.project: each.path for each in there if each.project}}, listed)


def default_name(directory: str) -> str:
    """Return what Compose calls the project of a directory if nothing else does (compose-go, NormalizeProjectName)."""
    return re.sub(r"[^-_a-z0-9]", "", os.path.basename(directory).lower()).lstrip("_-")  # noqa: PTH119


def _root(container: Container, roots: frozenset[str]) -> str:
    """Return the root of the worktree whose stack a container is of, empty where it is of none."""
    return (container.directory and deepest_root(os.path.realpath(container.directory), roots)) or ""


def _objection(stack: Stack, root: str, others: Sequence[Container], around: Around) -> str:
    """Return why a stack is not to be taken down, empty where nothing speaks against it."""
    if root in around.listed:
        return _ON_DISK
    if any(each.created > stack.worktree.since for each in stack.containers):
        return "it was made after its worktree was gone"
    if others:
        return f"its project also runs in {shown(others[0].directory) or 'another directory'}"
    if stack.project in around.projects:
        return f"its project has the name of {shown(around.projects[stack.project])}"
    return "" if stack.has_own_name or stack.project == default_name(root) else _UNKNOWN_NAME


def _measured(stack: Stack) -> Stack:
    return replace(stack, memory=tuple(containers.memory(each) if each.runs else 0 for each in stack.containers))
