"""Requests per second and latency through a worktree's host, against other ways to that host."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.measure import Goal, Load, Result, Row, interleaved, progress, ratio, spread, wrk
from benchmarks.proxies import caddy, portless, portless_missing, server, site
from benchmarks.worktrees import many
from tests.e2e.routers import Router, free_port, wait_until

ROUTER, SERVER, HAND, ROOMY, SITES, PORTLESS = "router", "server", "hand", "hand, GOGC=400", "site blocks", "portless"
BUSY, ALONE = 8, 1
"""Connections: enough to keep everything busy, and one that waits for nobody."""
_GOALS = {100: 0.95, 1000: 0.9}
_TIMES_PORTLESS = 3

Target = tuple[int, str]


def run(*, smoke: bool) -> Result:
    """Measure at each number of worktrees."""
    counts, rounds = ((20,), 1) if smoke else ((1, 20, 100, 1000), 5)
    rows: list[Row] = []
    goals: list[Goal] = []
    for count in counts:
        progress(f"{count} worktrees")
        with _targets(count) as targets:
            found = interleaved({name: partial(_busy, target) for name, target in targets.items()}, rounds=rounds)
            alone = {} if smoke else interleaved(_each_alone(targets), rounds=3)
        rows += [_row(count, name, found, alone) for name in targets]
        goals += _goals(count, {name: [load.rps for load in loads] for name, loads in found.items()})
    missing = portless_missing()
    return Result(rows, goals, [missing] if missing else [])


@contextmanager
def _targets(count: int) -> Iterator[dict[str, Target]]:
    """Run each of them over that many worktrees; all lead to one server."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(server(place / "server", free_port()))
        router, labels, label = stack.enter_context(many(count, upstream))
        ports = {name: free_port() for name in (HAND, ROOMY, SITES)}
        one = {name: site(label, port, upstream) for name, port in ports.items()}
        every = "".join(site(each, ports[SITES], upstream) for each in labels)
        stack.enter_context(caddy(place / "hand", ports[HAND], one[HAND]))
        stack.enter_context(caddy(place / "roomy", ports[ROOMY], one[ROOMY], gogc="400"))
        stack.enter_context(caddy(place / "sites", ports[SITES], every))
        targets = {SERVER: upstream, HAND: ports[HAND], ROUTER: router.port, ROOMY: ports[ROOMY], SITES: ports[SITES]}
        if not portless_missing():
            targets[PORTLESS] = stack.enter_context(portless(place / "portless", labels, upstream))
        _ready(router, label)
        yield {
            name: (port, f"{label}.localhost:{port}" if name != SERVER else f"127.0.0.1:{port}")
            for name, port in targets.items()
        }


def _ready(router: Router, label: str) -> None:
    wait_until(lambda: router.page(label) == "ok", limit=60, what=f"{label} through the router")


def _busy(target: Target) -> Load:
    return wrk(*target, connections=BUSY)


def _each_alone(targets: dict[str, Target]) -> dict[str, Callable[[], Load]]:
    return {name: partial(wrk, *target, connections=ALONE) for name, target in targets.items()}


def _row(count: int, name: str, found: dict[str, list[Load]], alone: dict[str, list[Load]]) -> Row:
    loads = found[name]
    rps = [load.rps for load in loads]
    row: Row = {
        "worktrees": count,
        "through": name,
        "requests/s": spread(rps),
        "of hand": ratio(rps, [load.rps for load in found[HAND]]),
        "p50 ms": spread([load.p50_ms for load in loads]),
        "p99 ms": spread([load.p99_ms for load in loads]),
    }
    return row | ({"p50 ms, 1 client": spread([load.p50_ms for load in alone[name]])} if alone else {})


def _goals(count: int, rps: dict[str, list[float]]) -> Iterator[Goal]:
    if count in _GOALS:
        text = f"requests/s at {count} worktrees, of a hand-written Caddyfile for one"
        yield Goal(text, ratio(rps[ROUTER], rps[HAND]), _GOALS[count], at_least=True)
    if PORTLESS in rps:
        text = f"requests/s at {count} worktrees, of portless"
        yield Goal(text, ratio(rps[ROUTER], rps[PORTLESS]), _TIMES_PORTLESS, at_least=True)
