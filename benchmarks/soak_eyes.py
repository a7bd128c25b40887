"""What the soak sees of the router: when a change shows, how often Caddy is loaded, how much memory is used."""

import json
import threading
import time
from statistics import median
from typing import Any

import psutil

from benchmarks.soak_model import Change
from router.store import Store
from tests.e2e.routers import Router

SETTLED = 20.0  # seconds after which a change counts as never shown
WARM_UP = 0.2  # of the calm time: what a new process fills once
TICK = 0.003


class Eyes:
    """A thread that reads the status document as it is written: when changes show, how often Caddy was loaded."""

    def __init__(self, router: Router) -> None:
        self.status: dict[str, Any] = router.seen()
        self.loads: dict[tuple[int, int], float] = {}
        self.memory: list[tuple[float, int, int]] = []
        self._file = Store(router.state).status_file
        self._pending: list[Change] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Eyes":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(5)

    def expect(self, change: Change) -> None:
        """Note when a change shows."""
        self._pending = [*self._pending, change]

    def wait(self, changes: list[Change]) -> None:
        """Wait until all of them show, or ought to."""
        deadline = time.monotonic() + SETTLED
        while any(change.seen is None for change in changes) and time.monotonic() < deadline:
            time.sleep(TICK)
        self._pending = []

    def until(self, what: str, *, other_than: int) -> bool:
        """Wait until the status document has another process of this kind, and Caddy in step."""
        deadline = time.monotonic() + 3 * SETTLED
        while time.monotonic() < deadline:
            if self.status[what]["pid"] not in {other_than, None} and self.status["caddy"]["in_sync"]:
                return True
            time.sleep(TICK)
        return False

    def _watch(self) -> None:
        text, sampled = b"", 0.0
        while not self._ended.wait(TICK):
            try:
                if (new := self._file.read_bytes()) != text:
                    text, self.status = new, json.loads(new)
            except OSError:
                continue  # no watcher
            now, caddy = time.monotonic(), self.status["caddy"]
            for change in self._pending:
                if change.seen is None and change.tree.shown(self.status):
                    change.seen = now
            self.loads[self.status["watcher"]["pid"], caddy["loads"]] = caddy["last_load_ms"] or 0.0
            if now - sampled > 1:
                sampled = now
                self._sample(now)

    def _sample(self, now: float) -> None:
        try:
            sizes = [psutil.Process(self.status[what]["pid"]).memory_info().rss for what in ("watcher", "caddy")]
        except (psutil.Error, TypeError):
            return  # killed just now
        self.memory.append((now, *sizes))

    def grown(self, calm: float) -> dict[str, Any]:
        """Return the memory of both processes early and late in the time after `calm`, in MiB."""
        end = self.memory[-1][0]
        later = [sample for sample in self.memory if sample[0] > calm + WARM_UP * (end - calm)]
        tenth = max(len(later) // 8, 1)
        found: dict[str, Any] = {"over_s": round(end - later[0][0])}
        for column, name in ((1, "watcher"), (2, "caddy")):
            first, last = (median(s[column] for s in part) / 2**20 for part in (later[:tenth], later[-tenth:]))
            found[name] = {
                "start": round(first, 1),
                "end": round(last, 1),
                "growth_percent": round(100 * (last / first - 1), 1),
            }
        return found
