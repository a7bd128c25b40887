"""How long Caddy takes to load a configuration, and what it needs for it, by the number of worktrees."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.measure import Result, Row, interleaved, progress, ratio, rounded, spread
from benchmarks.proxies import caddy, options, site
from benchmarks.worktrees import administrative, many
from router.caddy.admin import Admin
from tests.e2e.routers import Router, free_port, wait_until

_FIRST = 5000  # above the numbers of the worktrees that are there


def run(*, smoke: bool) -> Result:
    """Measure at each number of worktrees."""
    counts, rounds = ((20,), 1) if smoke else ((1, 20, 100, 1000), 7)
    return Result([row for count in counts for row in _measured(count, rounds)])


def _measured(count: int, rounds: int) -> list[Row]:
    progress(f"{count} worktrees")
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "sites"
        router, labels, _ = stack.enter_context(many(count, free_port()))
        added, plain = Added(router), Plain(place, labels)
        pid = stack.enter_context(caddy(place, plain.port, plain.sites))
        pids = {"router": router.caddy_pid, "site blocks": pid}
        before = {name: _spent(each) for name, each in pids.items()}
        loads = interleaved({"router": added.load, "site blocks": plain.load}, rounds=rounds)
        spent = {name: (_spent(each) - before[name]) * 1000 / rounds for name, each in pids.items()}
        memory = {name: _mib(each) for name, each in pids.items()}
        sizes = {"router": len((router.state / "Caddyfile").read_bytes()), "site blocks": len(plain.sites)}
    return [
        {
            "worktrees": count,
            "configuration": name,
            "load ms": spread(loads[name]),
            "of site blocks": ratio(loads[name], loads["site blocks"]),
            "processor ms": rounded(spent[name]),
            "Caddy MiB": memory[name],
            "Caddyfile KiB": round(sizes[name] / 1024),
        }
        for name in loads
    ]


class Added:
    """The router's Caddy: each load is that of one more worktree."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._next = _FIRST

    def load(self) -> float:
        """Add a worktree and return how long Caddy took to load, in milliseconds."""
        before = self._router.loads
        administrative(self._router.repository, self._next)
        self._next += 1
        wait_until(lambda: self._router.loads > before, limit=60, what="a load")
        return float(self._router.seen()["caddy"]["last_load_ms"])


class Plain:
    """A Caddy with a site block per worktree: each load is that of one more block, or one less."""

    def __init__(self, directory: Path, labels: list[str], *, upstream: int = 9) -> None:
        self.port = free_port()
        self.sites = "".join(site(label, self.port, upstream) for label in labels)
        self._options = options(directory)
        self._admin = Admin(f"unix/{directory / 'a.sock'}")
        self._loads = 0

    def load(self) -> float:
        """Load and return how long Caddy took, in milliseconds."""
        self._loads += 1
        more = site(f"more-{self._loads}", self.port, 9)
        return self._admin.load(self._options + self.sites + more).milliseconds


def _spent(pid: int) -> float:
    """Return the processor time of a process, in seconds."""
    found = psutil.Process(pid).cpu_times()
    return found.user + found.system


def _mib(pid: int) -> float:
    return round(psutil.Process(pid).memory_info().rss / 2**20, 1)
