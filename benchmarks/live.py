"""How soon, how cheaply, how safely: `python -m benchmarks.live [add burst many cold rest ...]`, JSON on stdout.

Real git, real Caddy, the real `router` command on free ports; loopback only, bounded in count and time. `many` wants
`wrk` (Debian's package).
"""

import argparse
import http.client
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Self

import psutil

from router.naming import label
from router.ports import service_port
from tests.e2e.routers import Router, Stream, Upstream, plain_caddy, wait_until

OTHERS = frozenset({"live", "there"})
LIVE = 20  # worktrees that are there before anything is measured


def add(times: int = 50) -> dict[str, Any]:
    """Time from `git worktree add` returning to the first 200, and from `git worktree remove` to the first 404."""
    appear, vanish = [], []
    with routed(LIVE) as router:
        for branch in branches("live", times):
            with Upstream(branch, service_port("web", branch)):
                path = router.add(branch)
                appear.append(until(router, label(branch), 200))
                router.git("worktree", "remove", "--force", path)
                vanish.append(until(router, label(branch), 404))
        loads = router.loads
    return {"added_ms": spread(appear), "removed_ms": spread(vanish), "times": times, "loads": loads}


def burst(adds: int = 100, websockets: int = 50, streams: int = 10) -> dict[str, Any]:
    """A loop of `git worktree add` under a keep-alive client, open websockets and event streams."""
    with routed(3) as router, ExitStack() as stack:
        stack.enter_context(Upstream("app", service_port("web", "there/0")))
        host = "there-0"
        wait_until(lambda: router.get(host).status_code == 200, what="the app")
        sockets = [stack.enter_context(Stream.websocket(router.port, host)) for _ in range(websockets)]
        events = [stack.enter_context(Stream.events(router.port, host)) for _ in range(streams)]
        loads, started = router.loads, time.monotonic()
        with Asker(router.port, f"{host}.localhost") as client:
            for n in range(adds):
                router.add(f"burst/{n}")
            took = time.monotonic() - started
            expected = {f"burst-{n}" for n in range(adds)}
            wait_until(lambda: expected <= router.worktrees().keys(), what="all of them")
        return {
            "adds": adds,
            "seconds": round(took, 2),
            "loads": router.loads - loads,
            "exact": {n for n in router.worktrees() if n.startswith("burst-")} == expected,
            "requests": client.asked,
            "failed_first_try": client.failed,
            "failed_after_retry": client.lost,
            "websockets_lost": sum(socket.echo(f"still {n}") != f"still {n}" for n, socket in enumerate(sockets)),
            "streams_lost": sum(not stream.event() for stream in events),
        }


def many(count: int = 1000) -> dict[str, Any]:
    """One pass, one load and the first host against the last with very many worktrees."""
    with tempfile.TemporaryDirectory() as place, Router(Path(place)) as router:
        for n in range(count):
            administrative(router.repository, n)
        started = time.monotonic()
        router.detach()
        up = time.monotonic() - started
        with ExitStack() as stack:
            ports = [service_port("web", f"many/{n}") for n in (0, count - 1)]
            server = Path(place) / "server.Caddyfile"  # quicker than the proxy that is measured
            sites = "".join(f"http://127.0.0.1:{port} {{\n\tbind 127.0.0.1\n\trespond ok\n}}\n" for port in ports)
            server.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + sites)
            stack.enter_context(plain_caddy(server, ports[0]))
            hosts = [f"many-{n}.localhost" for n in (0, count - 1)]
            for host in hosts:
                wait_until(lambda host=host: router.get(host.removesuffix(".localhost")).status_code == 200, what=host)
            first, last = interleaved(lambda n: wrk(router.port, hosts[n]), 2)
        load = router.seen()["caddy"]["last_load_ms"]
    return {
        "worktrees": count,
        "up_s": round(up, 2),
        "load_ms": load,
        "first_rps": spread(first),
        "last_rps": spread(last),
        "last_to_first": round(median(last) / median(first), 3),
    }


def cold(times: int = 15) -> dict[str, Any]:
    """Wall time of whole commands with 20 worktrees."""
    with routed(LIVE) as router:
        commands = {"status --json": ["status", "--json"], "url": ["url"], "--help": ["--help"]}
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(times):
            for name, arguments in commands.items():
                started = time.perf_counter()
                router.run(*arguments)
                taken[name].append((time.perf_counter() - started) * 1000)
    return {name: spread(values) for name, values in taken.items()}


def rest(seconds: float = 60.0) -> dict[str, Any]:
    """CPU (of one core) and resident memory of the watcher with 20 worktrees, after ten seconds of quiet."""
    with routed(LIVE) as router:
        watcher, caddy = psutil.Process(router.watcher_pid), psutil.Process(router.caddy_pid)
        time.sleep(10)
        before = watcher.cpu_times()
        time.sleep(seconds)
        after = watcher.cpu_times()
        used = after.user + after.system - before.user - before.system
        return {
            "cpu_percent": round(100 * used / seconds, 2),
            "watcher_mib": round(watcher.memory_info().rss / 2**20, 1),
            "caddy_mib": round(caddy.memory_info().rss / 2**20, 1),
            "seconds": seconds,
        }


class Asker:
    """A client that asks a host 200 times a second over one kept connection, and once more where that fails."""

    def __init__(self, port: int, host: str) -> None:
        self.asked = self.failed = self.lost = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._host = {"Host": f"{host}:{port}"}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        self._connection.close()

    def _run(self) -> None:
        while not self._ended.wait(0.005):
            self.asked += 1
            if not self._ask():
                self.failed += 1
                self.lost += not self._ask()

    def _ask(self) -> bool:
        try:
            self._connection.request("GET", "/", headers=self._host)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False
        return answer.status == http.client.OK


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"add": add, "burst": burst, "many": many, "cold": cold, "rest": rest}


@contextmanager
def routed(count: int) -> Iterator[Router]:
    """Run the router over a repository with so many worktrees."""
    with tempfile.TemporaryDirectory() as place, Router(Path(place)) as router:
        for branch in branches("there", count):
            router.add(branch)
        router.detach()
        yield router


def branches(name: str, count: int) -> list[str]:
    """Return names of branches whose hash ports nobody else has: the server is there before the worktree is."""
    taken = {
        service_port(service, f"{other}/{n}")
        for service in ("web", "api")
        for other in OTHERS - {name}
        for n in range(100)
    }
    free = (
        f"{name}/{n}" for n in range(10_000) if not taken & {service_port(s, f"{name}/{n}") for s in ("web", "api")}
    )
    return list(islice(free, count))


def administrative(repository: Path, n: int) -> None:
    """Make a worktree as `git worktree add` does, without a checkout: a thousand of them take seconds that way."""
    git, place = repository / ".git", repository.parent / f"many{n}"
    admin, head = git / "worktrees" / place.name, (git / "HEAD").read_text().split()[1]
    for directory in (place, admin, git / "refs/heads/many"):
        directory.mkdir(parents=True, exist_ok=True)
    (git / f"refs/heads/many/{n}").write_text((git / head).read_text())
    (admin / "gitdir").write_text(f"{place}/.git\n")
    (admin / "commondir").write_text("../..\n")
    (admin / "HEAD").write_text(f"ref: refs/heads/many/{n}\n")
    (place / ".git").write_text(f"gitdir: {admin}\n")


def until(router: Router, label: str, status: int) -> float:
    """Return how long it takes, in milliseconds, until a host answers with a status."""
    started = time.perf_counter()
    while answered(router, label) != status:
        if time.perf_counter() - started > 10:
            raise TimeoutError(f"{label} is not {status}")
        time.sleep(0.001)
    return (time.perf_counter() - started) * 1000


def answered(router: Router, label: str) -> int:
    try:
        return router.get(label).status_code
    except (OSError, http.client.HTTPException):  # reset by the reload that is measured
        return 0


def wrk(port: int, host: str, *, path: str = "/", seconds: int = 3) -> float:
    """Return the requests per second through a host."""
    if not shutil.which("wrk"):
        sys.exit("this part wants wrk: apt-get install wrk")
    command = ["wrk", "-t1", "-c8", f"-d{seconds}s", "-H", f"Host: {host}:{port}", f"http://127.0.0.1:{port}{path}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    assert found, said
    return float(found[1])


def interleaved(measure: Callable[[int], float], kinds: int, *, rounds: int = 5) -> list[list[float]]:
    """Return the values of each kind, measured in turn: a noisy machine is then noisy for all."""
    values: list[list[float]] = [[] for _ in range(kinds)]
    for _ in range(rounds):
        for kind in range(kinds):
            values[kind].append(measure(kind))
    return values


def spread(values: list[float]) -> dict[str, float]:
    """Return the median, the 99th percentile and the extremes."""
    cuts = quantiles(values, n=100, method="inclusive")
    return {
        "p50": round(cuts[49], 1),
        "p99": round(cuts[98], 1),
        "min": round(min(values), 1),
        "max": round(max(values), 1),
    }


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    chosen = parser.parse_args().parts or list(PARTS)
    json.dump({name: PARTS[name]() for name in chosen}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
