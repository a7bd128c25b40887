"""What a change costs the watcher where worktrees have databases of their own, and where they have none."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from benchmarks.data_shop import served
from benchmarks.measure import Goal, Row, interleaved, progress, ratio, spread
from tests.data.servers import PostgresServer
from tests.e2e.routers import Router, wait_until
from tests.e2e.shops import SLOW, states

LIVE = 20
_PORTS = count(31_000)
BARE, WITH = "a change is served, without resources", "the same with a database each"


def passes(server: PostgresServer, *, smoke: bool) -> tuple[list[Row], list[Goal]]:
    """Return the watcher's CPU time for each change of a worktree's port, with and without resources, as rows."""
    worktrees, rounds = (2, 2) if smoke else (LIVE, 40)
    progress(f"{worktrees} worktrees, each with a database")
    with ExitStack() as stack:
        bare = stack.enter_context(_bare(worktrees))
        shop = stack.enter_context(served(server, 0))
        trees = [shop.router.add(f"there/{n}") for n in range(worktrees)]
        for tree in trees:
            wait_until(lambda tree=tree: states(shop.router, tree) == {"db": "ready"}, limit=SLOW, what=str(tree))  # type: ignore[misc]
        changes = {BARE: _Change(bare), WITH: _Change(shop.router)}
        found = interleaved({name: change.cost for name, change in changes.items()}, rounds=rounds)
    rows: list[Row] = [
        {"what": f"{name}, {worktrees} worktrees", "CPU ms": spread(values)} for name, values in found.items()
    ]
    return rows, [
        Goal("the watcher's CPU for a change, with databases, of without", ratio(found[WITH], found[BARE]), 1.05)
    ]


@contextmanager
def _bare(worktrees: int) -> Iterator[Router]:
    with tempfile.TemporaryDirectory() as place, Router(Path(place)) as router:
        (router.repository / ".env").write_text("DATABASE_URL=postgres://localhost/shop\n")
        for n in range(worktrees):
            router.add(f"there/{n}")
        router.detach()
        yield router


class _Change:
    """Another port for a worktree, again and again."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._tree = router.directory / "shop.there-0"
        self._clock = (
            ~router.watcher_pid << 3
        ) | 2  # the clock of a process's CPU time, as clock_getcpuclockid(3) makes it

    def cost(self) -> float:
        """Return the milliseconds of CPU that the watcher uses from before a change until it is served, and at rest."""
        loads, before = self._router.loads, time.clock_gettime(self._clock)
        self._router.declare(self._tree, next(_PORTS))
        wait_until(lambda: self._router.loads > loads, what="a load", pause=0.005)
        time.sleep(0.3)  # the looks that follow are part of it; and Caddy takes four loads a second
        return (time.clock_gettime(self._clock) - before) * 1000
