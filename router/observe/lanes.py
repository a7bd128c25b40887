"""Work that may block, each key's in a thread apart from the others': what is stuck keeps nobody else waiting."""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from queue import SimpleQueue
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lanes(Generic[K, V]):
    """Runs jobs side by side, of one key never two at once, in at most `threads` threads.

    `on_late` is called when a job has finished that `run` no longer waited for. A thread that is stuck ends with the
    process.
    """

    def __init__(self, *, threads: int, on_late: Callable[[], None] = lambda: None) -> None:
        self._most = threads
        self._on_late = on_late
        self._queue: SimpleQueue[tuple[K, Callable[[], V]] | None] = SimpleQueue()
        self._finished = threading.Condition()
        self._started: dict[K, float] = {}
        self._late: set[K] = set()
        self._results: dict[K, V] = {}
        self._threads = 0

    def run(self, jobs: Mapping[K, Callable[[], V]], *, patience: float, for_the_first: float = 0.0) -> dict[K, V]:
        """Return the results that there are by now; a key without one is still being worked on.

        A job is started where none of its key is under way and no late result waits to be returned. It waits only
        for those that it starts: `patience` seconds for all of them, and up to `for_the_first` seconds as long as
        none has finished. A late result that nobody asks for is dropped; a job that raises is logged and has none.
        """
        begin = time.monotonic()
        with self._finished:
            fresh = {key for key in jobs if key not in self._started and key not in self._results}
            for key in fresh:
                self._started[key] = begin
                self._queue.put((key, jobs[key]))
            self._add_threads()
            while waiting := fresh & self._started.keys():
                limit = max(patience, for_the_first) if waiting == fresh else patience
                if (left := begin + limit - time.monotonic()) <= 0:
                    break
                self._finished.wait(left)
            self._late |= waiting
            results, self._results = self._results, {}
            return {key: results[key] for key in jobs if key in results}

    def is_free(self, key: K) -> bool:
        """Tell whether `run` would start a job of this key."""
        with self._finished:
            return key not in self._started and key not in self._results

    def seconds(self, key: K) -> float:
        """Return for how many seconds a key's job has been under way, 0 where none is."""
        with self._finished:
            return time.monotonic() - self._started[key] if key in self._started else 0.0

    def close(self) -> None:
        """End the threads that are not stuck; `on_late` is called no more."""
        with self._finished:
            self._on_late = lambda: None
            for _ in range(self._threads):
                self._queue.put(None)

    def _add_threads(self) -> None:
        """Have a thread for each job that is under way, as far as the bound and the system allow."""
        while self._threads < min(len(self._started), self._most):
            try:
                threading.Thread(target=self._work, daemon=True, name="lane").start()
            except RuntimeError:  # the system has no room for one more now: the next call tries again
                return
            self._threads += 1

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            key, job = item
            results: list[V] = []
            try:
                results.append(job())
            except Exception:
                import logging  # here: commands start without it

                logging.getLogger(__name__).exception("a job of %s failed", key)
            self._finish(key, results)

    def _finish(self, key: K, results: list[V]) -> None:
        with self._finished:
            del self._started[key]
            self._results.update((key, result) for result in results)
            late = key in self._late
            self._late.discard(key)
            self._finished.notify_all()
        if late:
            self._on_late()
