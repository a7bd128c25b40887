"""How long commands take, cold: `router up` to the first 200, `status`, `url`, `--help`, and those of others."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measure import Goal, Result, Row, interleaved, progress, spread
from benchmarks.proxies import portless, portless_command, portless_environment, portless_missing
from benchmarks.worktrees import routed
from router.caddy.embedded import binary
from tests.e2e.routers import Router, Upstream, free_port, listens

LIVE = 20


def run(*, smoke: bool) -> Result:
    """Measure whole processes with twenty worktrees."""
    count, ups, times = (2, 1, 1) if smoke else (LIVE, 9, 15)
    port = free_port()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        router = stack.enter_context(routed(count, ports={"there/0": port}, up=False))
        stack.enter_context(Upstream("app", port))
        progress(f"{ups} starts")
        first = [up(router) for _ in range(ups)]
        router.detach()
        commands = {
            "router status --json": _router(router, "status", "--json"),
            "router url": _router(router, "url"),
            "router --help": _router(router, "--help"),
            "python -c pass": timed([sys.executable, "-c", "pass"]),
            "caddy version": timed([str(binary()), "version"]),
        }
        if not portless_missing():
            labels = [f"there-{n}" for n in range(count)]
            stack.enter_context(portless(place, labels, 9))
            commands["portless list"] = timed(portless_command("list"), env=portless_environment(place))
        taken = interleaved(commands, rounds=times)
    rows: list[Row] = [{"what": "router up → first 200", "ms": spread(first)}]
    rows += [{"what": name, "ms": spread(values)} for name, values in taken.items()]
    missing = portless_missing()
    return Result(
        rows, [Goal("router up → first 200, ms", spread(first)["median"], 1500)], [missing] if missing else []
    )


def up(router: Router) -> float:
    """Return how long it takes from the start of `router up` until a worktree's page is there; then stop it."""
    started = time.perf_counter()
    up = router.start("up")
    while not listens(router.port) or router.page("there-0") != "app":
        if up.ended or time.perf_counter() - started > 20:
            raise RuntimeError(f"`router up` does not come: {up.errors}")
        time.sleep(0.002)
    taken = (time.perf_counter() - started) * 1000
    router.down()
    up.process.wait(20)
    return taken


def _router(router: Router, *arguments: str) -> Callable[[], float]:
    return timed([sys.executable, "-m", "router", *arguments], env=router.env, cwd=router.repository)


def timed(command: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> Callable[[], float]:
    """Return a function that runs a command to its end, and returns how many milliseconds that took."""

    def run_once() -> float:
        started = time.perf_counter()
        subprocess.run(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
        return (time.perf_counter() - started) * 1000

    return run_once
