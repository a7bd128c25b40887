"""The same figures while others keep the machine busy: twice as many processes that only compute as there are cores."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.live import added_and_removed, some_ports
from benchmarks.measure import Goal, Result, Row, interleaved, percentiles, progress, spread
from benchmarks.start import timed, up
from benchmarks.worktrees import free_ports, routed
from tests.e2e.routers import Router, Upstream, listens, wait_until

LIVE = 20
HOGS = 2 * (os.cpu_count() or 1)
_LONGEST = 60.0
"""Seconds for which nothing is to be misreported, at the most."""


def run(*, smoke: bool) -> Result:
    """Time what agents wait for, with twenty worktrees, and count what is shown as down or hung though it runs."""
    count, times, ups, hogs = (2, 2, 1, 1) if smoke else (LIVE, 25, 5, HOGS)
    ports, [port] = some_ports(times), free_ports(1)
    with routed(count, ports={**ports, "there/0": port}, up=False) as router, Upstream("app", port), busy(hogs):
        progress(f"{ups} starts, {hogs} processes that compute")
        first = [up(router) for _ in range(ups)]
        router.detach()
        added, removed = added_and_removed(router, ports)
        noticed = [_noticed(router) for _ in range(times)]
        url = timed([sys.executable, "-m", "router", "url"], env=router.env, cwd=router.repository)
        nothing = timed([sys.executable, "-c", "pass"])
        commands = interleaved({"router url": url, "python -c pass": nothing}, rounds=times)
        wrong = _misreported(router, min(2.0 * times, _LONGEST))
    rows: list[Row] = [
        {"what": "router up → first 200", "ms": percentiles(first)},
        {"what": "git worktree add → first 200", "ms": percentiles(added)},
        {"what": "git worktree remove → first 404", "ms": percentiles(removed)},
        {"what": "a server listens → its worktree is up", "ms": percentiles(noticed)},
        *({"what": name, "ms": spread(values)} for name, values in commands.items()),
    ]
    goals = [
        Goal("git worktree add → first 200 under load, ms, p50", percentiles(added)["median"], 250),
        Goal("looks at a status that called a running server down, or the watcher hung", wrong, 0),
    ]
    return Result(rows, goals, [f"{count} worktrees, {hogs} processes that compute on {os.cpu_count()} CPUs"])


@contextmanager
def busy(hogs: int) -> Iterator[None]:
    """Have so many processes compute without end."""
    running = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(hogs)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def _noticed(router: Router) -> float:
    """Return how long after a server of a worktree listens the status has it as up; then end the server."""
    [port] = free_ports(1)
    path = next(Path(each["path"]) for name, each in router.worktrees().items() if name == "there-1")
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    null = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=path, env=router.env, stdout=null, stderr=null) as server:
        try:
            wait_until(lambda: listens(port), what="a server", limit=60, pause=0.001)
            began = time.perf_counter()
            wait_until(lambda: _is_up(router, port), what="the server to be noticed", limit=60, pause=0.001)
            return (time.perf_counter() - began) * 1000
        finally:
            server.kill()


def _is_up(router: Router, port: int) -> bool:
    web = router.worktrees()["there-1"]["services"]["web"]
    return bool(web["up"] and web["port"] == port)


def _misreported(router: Router, seconds: float) -> int:
    """Count how often commands call a server that runs down, or a watcher that is only slow hung."""
    wrong, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        status = router.status()
        web = next(each for each in status["worktrees"] if each["name"] == "there-0")["services"]["web"]
        hung = any(each["kind"] == "watcher-hung" for each in status["problems"])
        wrong += not web["up"] or web["state"] != "up" or hung or not status["watcher"]["running"]
    return wrong
