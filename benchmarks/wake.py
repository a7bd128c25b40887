"""How long the first request to a sleeping worktree takes against a start by hand, and what waking costs the others."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.measure import Goal, MissingError, Result, Row, interleaved, progress, ratio, spread, warm_up, wrk
from benchmarks.proxies import server
from benchmarks.worktrees import routed
from router import ps
from router.model import Wake
from router.route_table import RouteTable
from router.servers import records
from router.store import Store
from tests.e2e.caddies import Running, running
from tests.e2e.routers import Router, free_port, listens, wait_until
from tests.fakes import route, service, table
from tests.servers.shops import end_started

VITE = Path(__file__).parents[1] / "tests/e2e"
RULES = '[services.web]\nrun = "npm run dev"\nwake = true\n'
_VISITED, _BY_HAND = "first request to a sleeping worktree → 200", "start by hand → 200"
_ASLEEP, _PLAIN = "a request to a server that runs, all worktrees wake", "the same, none does"
_LONG = 60.0


def run(*, smoke: bool) -> Result:
    """Measure starts of Vite in turn, then the throughput of two routers in turn."""
    if why := missing():
        raise MissingError(why)
    starts, rounds = (1, 1) if smoke else (10, 40)
    with _vite() as (router, path, port):
        taken = interleaved(
            {_VISITED: partial(_visited, router, path, port), _BY_HAND: partial(_by_hand, router, path, port)},
            rounds=starts,
        )
    costs = _costs(2 if smoke else 20, rounds)
    rows: list[Row] = [{"what": name, "ms": spread(values)} for name, values in taken.items()]
    rows += [{"what": name, "µs of Caddy's CPU": spread(values)} for name, values in costs.items()]
    more = round(median(taken[_VISITED]) - median(taken[_BY_HAND]))
    goals = [
        Goal("ms that a visit adds to a start by hand", more, 300),
        Goal("CPU of a request with waking worktrees, of one without", ratio(costs[_ASLEEP], costs[_PLAIN]), 1.01),
    ]
    note = f"a visit takes {ratio(taken[_VISITED], taken[_BY_HAND])} of a start by hand; the server is Vite, by npm"
    return Result(rows, [] if smoke else goals, [note])


def missing() -> str:
    """Return what this part needs that is not there, and how to get it; empty where all of it is."""
    if not (shutil.which("npm") and (VITE / "node_modules/vite").exists()):
        return "Vite is missing: npm ci in tests/e2e"
    return "" if shutil.which("wrk") else "wrk is missing: apt-get install wrk"


@contextmanager
def _vite() -> Iterator[tuple[Router, Path, int]]:
    """Run the router over a worktree with a Vite project that wakes; yield its path and port."""
    with routed(1, up=False) as router:
        [path] = router.directory.glob("shop.*")
        shutil.copytree(VITE / "vite", path, dirs_exist_ok=True)
        (path / "package.json").write_text(json.dumps({"type": "module", "scripts": {"dev": "vite"}}))
        (path / "node_modules").symlink_to(VITE / "node_modules")
        _settle(router)
        router.detach()
        _rendered(router)
        try:
            yield router, path, int(router.web(path)["port"])
        finally:
            end_started(Store(router.state))


def _settle(router: Router) -> None:
    file = router.repository / "router.toml"
    file.write_text(RULES + (file.read_text() if file.exists() else ""))
    assert router.run("allow").code == 0


def _rendered(router: Router) -> None:
    wait_until(lambda: "there-0/web" in router.run("render", "--loaded").out, what="the rules", pause=0.5)


def _visited(router: Router, path: Path, port: int) -> float:
    """Return the milliseconds until the first request to a worktree is answered; its server is ended afterwards."""
    started = time.perf_counter()
    answer = router.get("there-0")
    taken = (time.perf_counter() - started) * 1000
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
    router.run("stop", cwd=path)
    _ended(router, path, port)
    return taken


def _by_hand(router: Router, path: Path, port: int) -> float:
    """Return the milliseconds from `npm run dev` until the server itself answers; it is ended afterwards."""
    command = ["npm", "run", "dev", "--", "--port", str(port), "--strictPort", "--host", "127.0.0.1"]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=path, env=router.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        while not _answers(port):
            if time.perf_counter() - started > _LONG:
                raise RuntimeError("Vite does not answer")
            time.sleep(0.005)
        return (time.perf_counter() - started) * 1000
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(_LONG)
        _ended(router, path, port)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LONG)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _ended(router: Router, path: Path, port: int) -> None:
    """Wait until nothing is left of a server, and the router knows that."""
    wait_until(lambda: not listens(port) and not router.web(path)["up"], what="ended")
    wait_until(lambda: not any(each.runs for each in records.every(Store(router.state))), what="its group ended")


def _costs(count: int, rounds: int) -> dict[str, list[float]]:
    """Return what a request to a server that runs costs, where all worktrees wake and where none does.

    One Caddy is given both in turn: of two processes with one configuration, one is faster by as much as these may
    differ.
    """
    progress(f"a Caddy with {count} worktrees")
    upstream, waking, plain = free_port(), Wake(), None
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(server(place / "server", upstream))
        tables = [
            table(*(route(f"there-{n}", service("web", upstream if n == 0 else n, wakes=wakes)) for n in range(count)))
            for wakes in (waking, plain)
        ]
        caddy = stack.enter_context(running(tables[0], place, live=str(place / "live.sock")))
        costs = {name: partial(_cost, caddy, each) for name, each in zip((_ASLEEP, _PLAIN), tables, strict=True)}
        return interleaved(costs, rounds=rounds)


def _cost(caddy: Running, found: RouteTable) -> float:
    """Return the microseconds of Caddy's processor time that a request takes: other than time, no busy machine adds."""
    assert caddy.load(found).status_code == 200
    seconds, host = 1, f"there-0.localhost:{caddy.site.port}"
    warm_up(caddy.site.port, host)  # after a load, all connections are new
    before = ps.cpu_time(caddy.process.pid)
    load = wrk(caddy.site.port, host, seconds=seconds)
    return (ps.cpu_time(caddy.process.pid) - before) / (load.rps * seconds) * 1_000_000
