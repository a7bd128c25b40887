"""What a burst of worktrees costs whoever works meanwhile: many made at once, counted in loads and lost requests."""

import time
from contextlib import ExitStack

from benchmarks.measure import Goal, Result, progress
from benchmarks.reloads import Clients
from benchmarks.worktrees import routed
from tests.e2e.routers import Upstream, free_port, wait_until


def run(*, smoke: bool) -> Result:
    """Run a loop of `git worktree add` under open websockets, event streams and askers."""
    adds = 5 if smoke else 100
    port = free_port()
    with routed(3, ports={"there/0": port}) as router, ExitStack() as stack:
        stack.enter_context(Upstream("app", port))
        wait_until(lambda: router.page("there-0") == "app", what="the app")
        clients = stack.enter_context(Clients(router.port, "there-0"))
        loads, started = router.loads, time.monotonic()
        progress(f"{adds} worktrees as fast as git makes them")
        for n in range(adds):
            router.add(f"burst/{n}")
        took = time.monotonic() - started
        expected = {f"burst-{n}" for n in range(adds)}
        wait_until(lambda: expected <= router.worktrees().keys(), what="all of them")
        row = {"worktrees added": adds, "seconds": round(took, 2), "loads": router.loads - loads, **clients.counted()}
    goals = [
        Goal("websockets lost in a burst", row["websockets lost"], 0),
        Goal("requests lost after one retry in a burst", row["after one retry"], 0),
    ]
    return Result([row], goals)
