"""What is left of worktrees that are gone: `python -m benchmarks.leftovers --worktrees 200 --seed N`.

JSON on stdout, progress on stderr. The real `router`, real git and a real PostgreSQL server (Debian's 15, started for
this). Worktrees come in batches of ten and go by five means: `git worktree remove`; `rm -rf` and later `git worktree
prune`; `git worktree remove --force` while a session is connected to their database, which is closed later; Claude
Code's hooks; and a hook that is killed by SIGKILL in the middle, after which somebody clears away what it left. Of
three, one batch is made and one removed while the watcher is dead (SIGKILL). By hand, databases are made under names
that the router will choose, under names that it has just given back, and in the place of databases that it made.

`tests` are commands run by `router run` in each worktree that has its database: each writes a row and has to see main's
and its own alone. **leftovers** are databases that are there in the end though nothing explains them, **foreign_drops**
are databases made by hand that are gone or are others by then.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.leftovers_world import Tree, World
from benchmarks.measure import progress
from router.data.ledger import OWN
from tests.data.servers import postgres
from tests.e2e.routers import Router, wait_until
from tests.e2e.shops import SLOW, with_database

BATCH = 10
PATIENCE = 120.0  # seconds without anything going: the watcher looks every 30 at what it could not drop


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it once; 1 where anything is left, was dropped that was not ours, or a test failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leftovers", description=__doc__)
    parser.add_argument("--worktrees", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    figures = run(options.worktrees, seed=options.seed)
    print(json.dumps(figures, indent=1))
    green = figures["counted"]["tests green"] == figures["counted"]["tests run"]
    return int(bool(figures["leftovers"] or figures["foreign_drops"] or figures["ledger"]) or not green)


def run(worktrees: int, *, seed: int) -> dict[str, Any]:
    """Return what came of so many worktrees."""
    with tempfile.TemporaryDirectory() as place, postgres("15") as server, Router(Path(place)) as router:
        world = World(router, server, with_database(router, server), random.Random(seed))
        router.detach()
        started = time.monotonic()
        for number, first in enumerate(range(0, worktrees, BATCH)):
            progress(f"worktrees {first} to {min(first + BATCH, worktrees) - 1}")
            batch(world, [world.tree(n) for n in range(first, min(first + BATCH, worktrees))], number)
        world.go_on()
        world.wait_for_the_end(PATIENCE)
        return {
            "worktrees": worktrees,
            "seed": seed,
            "seconds": round(time.monotonic() - started),
            "leftovers": sorted(world.leftovers()),
            "foreign_drops": world.foreign_drops(),
            "ledger": [each.name for each in world.ledger.records() if each.use == OWN and each.name not in world.hand],
            "counted": dict(sorted(world.counted.items())),
        }


def batch(world: World, trees: list[Tree], number: int) -> None:
    """Have some worktrees come, be used, and go."""
    for tree in trees[3::4]:
        world.by_hand(tree.name)
    with world.without_watcher() if number % 3 == 1 else nullcontext():
        for tree in trees:
            world.make(tree)
    whole = [tree for tree in trees if tree.means != "killed hook"]
    for tree in whole:
        wait_until(lambda tree=tree: world.settled(tree), limit=SLOW, what=f"{tree}: {world.router.at(tree.path)}")  # type: ignore[misc]
    ready = [tree for tree in whole if world.is_ready(tree)]
    world.counted["databases in use"] += len(ready)
    for tree in ready:
        world.test(tree)
    world.replace(world.chance.choice(ready).name)
    world.go_on()
    with world.without_watcher() if number % 3 == 0 else nullcontext():
        for tree in trees:
            world.remove(tree)
    for tree in ready[::3]:
        if tree.means in ("remove", "hook"):
            wait_until(lambda tree=tree: tree.name not in world.leftovers(), limit=SLOW, what=f"{tree} is dropped")  # type: ignore[misc]
            world.by_hand(tree.name)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # let every server that was started end too
    sys.exit(main())
