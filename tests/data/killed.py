"""Makers that are killed: each is a process of its own, ended by SIGKILL at one of its steps.

A step is a statement to the server, or a change of the ledger. Run as `python -m tests.data.killed STATE URL NAME TOOLS
FIRST`: one maker after the other, the first killed at step FIRST, the next four steps on, until one comes to its end.
Each has a state directory and a worktree of its own, `STATE/<step>` and `NAME_<step>`; the step of each is printed.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from router.data.connection import read
from router.data.kind import Order
from router.data.ledger import Ledger
from router.data.making import Made, Work, make
from router.data.postgres.kind import Postgres
from router.data.postgres.server import Server
from tests.data.shops import wanted

APART = 4


def work(state: Path, url: str, name: str, tools: Path) -> Work:
    """Return the work of the maker that has this state directory."""
    number = state.name
    return Work(
        wanted(f"{name}_{number}", template=f"{name}_{number}_template", admin=number), Postgres(),
        read(url, directory=state), Ledger(state), Order(work=state / "work", tools=(tools,), patience=60),
    )  # fmt: skip


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _made(state: Path, step: int, url: str, name: str, tools: Path) -> None:
    """Make, and be killed after a step; every other time while it is on its way to the server."""
    count = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def run(self: object, *args: object, **values: object) -> Any:
            nonlocal count
            count += 1
            if count == step and step // APART % 2:
                threading.Timer(0.02, _end).start()
            done = original(self, *args, **values)
            if count == step:
                _end()
            return done

        return run

    Server.rows = counted(Server.rows)  # type: ignore[method-assign]
    Ledger.begin = counted(Ledger.begin)  # type: ignore[method-assign]
    Ledger.change = counted(Ledger.change)  # type: ignore[method-assign]
    outcome = make(work(state, url, name, tools))
    assert isinstance(outcome, Made), outcome


def main(state: Path, url: str, name: str, tools: Path, first: int) -> None:
    """Run makers until one is not killed."""
    step = first
    while True:
        print(step, flush=True)
        if (pid := os.fork()) == 0:
            _made(state / str(step), step, url, name, tools)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))
        step += APART


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))
