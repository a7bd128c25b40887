"""What is left of worktrees that are gone, processes and Compose stacks: found, and as the status document has it."""

import time
from typing import TYPE_CHECKING, Any

from router.model import Problem
from router.processes import gone
from router.remembered import Memory
from router.values import dataclass

if TYPE_CHECKING:  # what looks at processes and containers: commands seldom have anything to look for
    from router.processes.orphans import Orphan
    from router.processes.stacks import Stack


@dataclass(frozen=True, slots=True)
class LeftOver:
    """The processes and the stacks of worktrees that are gone; false where there are none."""

    processes: "tuple[Orphan, ...]" = ()
    stacks: "tuple[Stack, ...]" = ()

    def __bool__(self) -> bool:
        return bool(self.processes or self.stacks)


def find(remembered: Memory, *, least: int) -> LeftOver:
    """Return what is left. `least` is as in `orphans.find`. Raises nothing."""
    if not gone.gone(remembered, now=time.time()):
        return LeftOver()
    from router.processes import orphans, stacks

    return LeftOver(orphans.find(remembered, least=least), stacks.find(remembered))


def entries(left: LeftOver, *, now: float) -> tuple[dict[str, Any], ...]:
    """Return each process and each container as the status document has it."""
    if not left:
        return ()
    from router.processes import orphans, stacks

    boxes = (entry for stack in left.stacks for entry in stacks.entries(stack, now=now))
    return (*(orphans.entry(each, now=now) for each in left.processes), *boxes)


def problems(left: LeftOver, *, now: float) -> tuple[Problem, ...]:
    """Return the problem that each process and each stack is which can be ended."""
    if not left:
        return ()
    from router.processes import orphans, stacks

    found = (stacks.problem(each, now=now) for each in left.stacks)
    return (*orphans.problems(left.processes, now=now), *(each for each in found if each))
