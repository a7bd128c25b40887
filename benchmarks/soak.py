"""How reliable: `python -m benchmarks.soak --seconds 600 --seed N`, JSON on stdout, progress on stderr.

The real `router`, real git, real Caddy, 20 worktrees: random adds, removes (by git and by hand), moves, renamed and
switched branches, rebases, port changes, server starts and stops, one at a time and several at once; in the first half
also kills (SIGKILL) of Caddy and of the watcher and faults of all kinds (`benchmarks.soak_faults`), in the second half
none, so that memory can be compared. Meanwhile a
client in a process of its own asks all hosts, those that have just gone too, 200 times a second over kept connections,
and holds 50 websockets and 10 event streams. All random choices come from the seed; the moments are the machine's.

Every answer is judged by what its host is to answer at that moment: the name of its worktree where a server runs, the
router's 502 page where none does, its 404 page where no worktree has the name. While a change is under way both the
old answer and the new one are right, from before it is made until the status document shows it.

* A request **fails** where its connection is refused, is `cut` (reset or ended) or is `silent` for 15 s, and where the
  `answer` is not a right one. It is asked once more, at once, over a new connection, as a browser does. A kept
  connection that has ended while nothing was asked is replaced first, as every client does. A load may cut what is
  being read at that moment, on a new connection too (golang/go#75591). While a killed Caddy is not back, failures count
  apart: `caddy_killed`, where the watcher holds the sockets, so that what is asked again is answered by the next one,
  and `nobody_there`, where both were killed, or a Caddy that a later watcher had adopted: that has to refuse.
* **wrong_worktree**: a host answered with another worktree's page, at any moment.
* **blinks**: a 404 or 502 of a host that is served before and after, where git itself shows one: `git worktree move`
  has a moment in which the directory is nowhere, a file that is written in place one in which it is empty.
* A socket is **lost** where it ends or is silent for 15 s: because Caddy was killed, because its server was stopped, or
  for no such reason. Each is opened again, to a host of chance.
* **Convergence** is the time from the end of a change (git's command, the file, the server's start) to the status
  document that shows it, which is written once Caddy has taken the routes; `servers` are starts and stops, which are
  found by looking; `around_kills` is all that was changed while the watcher or Caddy was dead, from the last of the
  changes on: it holds a whole `router up --detach`, or a start of Caddy.
* **Memory** is the median resident size in the first and in the last tenth of the second half, after a warm-up.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import soak_servers
from benchmarks.soak_changes import World
from benchmarks.soak_eyes import Eyes
from benchmarks.soak_faults import Faults, private, settled
from benchmarks.soak_model import Change, Hosts, Process
from benchmarks.soak_traffic import BLINK, spread
from router import ps
from router.store import Store
from tests.e2e.routers import Router

SERVERS = frozenset({"start", "start in the worktree", "stop"})
UNSEEN = frozenset({"rebase"})  # changes that no status document ever shows
KILLS = ("caddy", "caddy", "watcher", "watcher", "both")
RECOVERY = 20.0  # seconds after which something counts as not well again; on an idle machine it takes under five
MATTERLESS = frozenset(
    {"hash-collision", "stranger-on-port"}
)  # many servers here share one process, outside all worktrees


class Soak:
    """One run: what was done, and what came of it."""

    def __init__(self, router: Router, world: World, traffic: Process, eyes: Eyes, faults: Faults) -> None:
        self._faults = faults
        self._router = router
        self._world = world
        self._traffic = traffic
        self._eyes = eyes
        self._rng = world.rng
        self.done: Counter[str] = Counter()
        self.taken: dict[str, list[float]] = {"routes": [], "servers": [], "around_kills": [], "after_faults": []}
        self.trouble: list[str] = []

    def run(self, seconds: float) -> float:
        """Change and kill for so long; return when the kills ended."""
        self._allow(self._world.hosts(), self._world.hosts())
        began, until_kill, calm = time.monotonic(), 5, 0.0
        while (now := time.monotonic()) < began + seconds:
            until_kill -= 1
            if now > began + seconds / 2:
                calm = calm or now
                self._change()
            elif until_kill > 0:
                self._change()
            else:
                self._rng.choice((self._kill, self._break))()
                until_kill = self._rng.randint(3, 15)
            time.sleep(self._rng.uniform(0, 0.5))
        return calm

    def _change(self) -> None:
        with self._changed(self._rng.choice((1, 1, 1, 1, 2, 3, 5)), "routes") as changes:
            for change in changes:
                self._make(change)

    def _break(self) -> None:
        """Let something be broken for a moment, and see that everything is well again without a command."""
        name, fault = self._faults.any()
        self.done[f"fault: {name}"] += 1
        with fault:
            time.sleep(self._rng.uniform(0.5, 2))
        took = settled(lambda: not self.wrong(), RECOVERY)
        if took is None:
            self._tell(f"not well {RECOVERY:.0f} s after {name}: {self.wrong()}")
        else:
            self.taken["after_faults"].append(took * 1000)

    def _kill(self) -> None:
        """Kill, change this and that meanwhile, and have the router up again."""
        what = self._rng.choice(KILLS)
        watcher, caddy = self._router.watcher_pid, self._router.caddy_pid
        self.done[f"kill of {'caddy and watcher' if what == 'both' else what}"] += 1
        with self._changed(self._rng.randint(0, 3), "around_kills") as changes:
            if what != "watcher":
                held = what == "caddy" and not self._eyes.status["caddy"]["adopted"]
                self._traffic.order(caddy="caddy_killed" if held else "nobody_there")
            for killed, pid in (("caddy", caddy), ("watcher", watcher)):
                if what in {killed, "both"}:
                    _end(pid)
            for change in changes:
                self._make(change)
            began = time.monotonic()
            if what != "caddy":
                self._router.detach()
            back = self._eyes.until(
                "watcher" if what != "caddy" else "caddy", other_than=watcher if what != "caddy" else caddy
            )
            if not back:
                self._tell(f"not back after the kill of {what}")
            if what != "watcher":
                self._traffic.order(caddy="")
            for change in changes:
                change.done = began

    @contextmanager
    def _changed(self, count: int, times: str) -> Iterator[list[Change]]:
        """Plan changes for the block to make; then see that they show, and go on from there."""
        before, had = self._world.hosts(), self._world.owners()
        changes = self._world.change(count)
        after, has = self._world.hosts(), self._world.owners()
        self._allow(before, after, changes, passed_on={host for host in had if has.get(host, had[host]) != had[host]})
        yield changes
        awaited = [change for change in changes if change.kind not in UNSEEN]
        self._eyes.wait(awaited)
        for change in awaited:
            if change.seen is None or change.done is None:
                self._tell(f"{change.kind} of w{change.tree.serial} does not show: {change.tree}")
            else:
                kind = "servers" if times == "routes" and change.kind in SERVERS else times
                self.taken[kind].append(max(change.seen - change.done, 0) * 1000)
        self._traffic.order(hosts={host: sorted(after.get(host, {"404"})) for host in before.keys() | after.keys()})
        for change in changes:
            change.then()

    def _make(self, change: Change) -> None:
        self.done[change.kind] += 1
        change.do()
        change.done = time.monotonic()
        self._eyes.expect(change)

    def _allow(
        self, before: Hosts, after: Hosts, changes: Sequence[Change] = (), passed_on: Collection[str] = ()
    ) -> None:
        """Tell the client what every host may answer until the changes show: the old, the new, and what lies between.

        A host that one worktree leaves to another is nobody's in between.
        """
        blinks: dict[str, set[str]] = {host: {f"{BLINK}404"} for host in passed_on}
        for change in changes:
            for host in change.hosts:
                blinks.setdefault(host, set()).update(BLINK + answer for answer in change.blinks)
        every = {host: before.get(host, {"404"}) | after.get(host, {"404"}) for host in before.keys() | after.keys()}
        may = {host: sorted(answers | blinks.get(host, set())) for host, answers in every.items()}
        self._traffic.order(hosts=may, doing=", ".join(f"{change.kind} of w{change.tree.serial}" for change in changes))

    def _tell(self, trouble: str) -> None:
        self.trouble.append(trouble)
        print(f"soak: {trouble}", file=sys.stderr, flush=True)

    def wrong(self) -> str:
        """Return how the route table differs from the worktrees, or what else is not well; empty where all is well."""
        status = self._router.seen()
        if not status:
            return "no status"
        wrong = [tree for tree in self._world.trees if not tree.shown(status)]
        extra = len(status["worktrees"]) - len(self._world.trees) - 1
        problems = [p for of in (status, *status["worktrees"]) for p in of["problems"] if p["kind"] not in MATTERLESS]
        caddies = [process.pid for process in self._router.processes() if process.name() == "caddy"]
        strays = caddies != [status["caddy"]["pid"]] or not status["caddy"]["in_sync"]
        return f"{wrong}, {extra} more, {problems}, Caddy {caddies}" if wrong or extra or problems or strays else ""

    def exact(self) -> bool:
        """Tell whether all is well at the end, once the last change shows."""
        settled(lambda: not self.wrong(), RECOVERY)
        if wrong := self.wrong():
            self._tell(f"at the end {wrong}")
        return not wrong


def soak(seconds: float, seed: int) -> dict[str, Any]:
    """Run it and return the figures."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        stat = private(place, place / "state")
        if stat:
            stack.callback(subprocess.run, ["umount", "--lazy", place / "state"], check=True)
        router = stack.enter_context(Router(place))
        servers = stack.enter_context(Process("-I", soak_servers.__file__))
        traffic = stack.enter_context(
            Process("-m", "benchmarks.soak_traffic", str(router.port), str(seed), cwd=Path(__file__).parents[1])
        )
        world = World(router, random.Random(seed), servers, lambda server: _tell(traffic, server))
        stack.callback(world.end)
        world.begin()
        router.detach()
        eyes = stack.enter_context(Eyes(router))
        faults = Faults(router, world.rng, world.calm, private=stat)
        run = Soak(router, world, traffic, eyes, faults)
        calm = run.run(seconds)
        figures = traffic.order(end=True)
        exact = run.exact()
        log = Store(router.state).watcher_log.read_text()
        ended = time.monotonic()
        down = router.down()
        if down.code or router.processes():
            run.trouble.append(f"router down: {down.code} {down.err} {router.processes()}")
        ended = time.monotonic() - ended
    return {
        "seed": seed,
        "seconds": seconds,
        "changes": dict(sorted(run.done.items())),
        **figures,
        "convergence_ms": {kind: spread(times) for kind, times in run.taken.items()},
        "never_shown": len(run.trouble),
        "trouble": run.trouble,
        "exact_at_end": exact,
        "down_s": round(ended, 2),
        "loads": len([key for key, ms in eyes.loads.items() if ms]),
        "load_ms": spread([ms for ms in eyes.loads.values() if ms]),
        "memory_mib": eyes.grown(calm),
        "errors_logged": sorted({line.split(" ", 2)[-1] for line in log.splitlines() if " ERROR " in line})[:10],
    }


def _tell(traffic: Process, server: str) -> None:
    traffic.order(stopping=server)


def _end(pid: int) -> None:
    if process := ps.identify(pid):
        ps.end(process, [(signal.SIGKILL, RECOVERY)])


def main() -> None:
    """Run it; Ctrl-C and SIGTERM end it with everything that it started."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="default: 600")
    parser.add_argument("--seed", type=int, default=None, help="default: one of chance, printed with the figures")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = random.randrange(10**6) if given.seed is None else given.seed
    print(f"soak: seed {seed}", file=sys.stderr, flush=True)
    json.dump(soak(given.seconds, seed), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
