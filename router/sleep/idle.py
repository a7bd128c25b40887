"""When each worktree was last used, and by which sign that was seen."""

import time
from collections.abc import Callable, Iterator, Mapping

from router import ps
from router.model import SleepRules, WorktreeId
from router.observe.traffic import Traffic, Use
from router.sleep import kept
from router.sleep.activity import Activity, Sign
from router.sleep.processor import Processor
from router.sleep.running import Running
from router.sleep.saved import Saved
from router.store import Store
from router.text import shown
from router.values import replace

_STARTING = 600.0  # seconds: one that does not listen by then is hung
_SAME = 1.0  # seconds: two readings of one moment by two clocks


class Idle:
    """The last use of each worktree, from one look to the next. What was before the first look does not count."""

    def __init__(
        self, store: Store, traffic: Traffic, *, clock: Callable[[], float] = time.monotonic,
        today: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._store = store
        self._traffic = traffic
        self._clock = clock
        self._today = today
        self._processor: Processor[WorktreeId] = Processor()
        self._first: dict[WorktreeId, Activity] = {}
        self._saved: dict[WorktreeId, Activity] = {}
        self._last: dict[WorktreeId, Activity] = {}

    def look(
        self, runs: Mapping[WorktreeId, Running], rules: Mapping[WorktreeId, SleepRules]
    ) -> Mapping[WorktreeId, Activity]:
        """Return how each of these worktrees was last used."""
        now = self._clock()
        uses = self._uses(runs, now)
        times = {key: {each.id: ps.cpu_time(each.pid) for each in run.processes} for key, run in runs.items()}
        within = {key: rules[key].after or float("inf") for key in runs}
        worked = self._processor.look(times, within=within, now=now)
        self._first = {key: self._first.get(key) or Activity(now, Sign.SEEN, "it was first seen") for key in runs}
        self._saved = {key: each for key, each in self._saved.items() if key in runs}
        before, self._last = self._last, {}
        for key, run in runs.items():
            found = [*filter(None, [before.get(key)]), self._first[key], *self._used(key, run, uses, now)]
            found += [Activity(worked[key], Sign.CPU, "its servers used the processor")] if key in worked else []
            self._last[key] = self._dated(max(found, key=lambda each: each.at), before.get(key), now)
        return self._last

    def saved(self, worktree: WorktreeId, found: Saved | None) -> None:
        """Take note of which file of a worktree was saved last."""
        if found:
            moment = self._moment(found.at, self._clock())
            self._saved[worktree] = Activity(moment, Sign.SAVED, f"{found.name} was saved")

    def unknown(self, worktree: WorktreeId, why: str) -> None:
        """Have a worktree count as used now: whether it is cannot be told."""
        self._saved[worktree] = Activity(self._clock(), Sign.UNKNOWN, why)

    def _uses(self, runs: Mapping[WorktreeId, Running], now: float) -> Mapping[int, Use]:
        ports = {port for run in runs.values() for port in run.ports}
        try:
            return self._traffic.look(ports, now=now)
        except OSError as exc:
            for key in runs:
                self.unknown(key, f"the system does not tell its connections: {exc.strerror or exc}")
            return {}

    def _used(self, key: WorktreeId, run: Running, uses: Mapping[int, Use], now: float) -> Iterator[Activity]:
        yield from (_activity(uses[port], service) for port, service in run.ports.items() if port in uses)
        if saved := self._saved.get(key):
            yield saved
        if (began := kept.last_run(self._store, key)) is not None:
            yield Activity(self._moment(began, now), Sign.COMMAND, "a command began")
        if run.commands:
            last = max(run.commands, key=lambda each: each.started)
            yield Activity(now, Sign.COMMAND, f"{shown(last.program or 'a command')} (pid {last.pid}) runs")
        for server in run.started:
            begun = self._moment(server.record.begun, now)
            yield Activity(begun, Sign.STARTED, f"{server.record.service} was started")
            if server.record.port not in run.ports and now - begun < _STARTING:
                yield Activity(now, Sign.STARTED, f"{server.record.service} is starting")

    def _moment(self, epoch: float, now: float) -> float:
        """Return a time of the calendar in seconds of the monotonic clock; none is later than now."""
        return now - max(0.0, self._today() - epoch)

    def _dated(self, found: Activity, before: Activity | None, now: float) -> Activity:
        same = before is not None and (before.sign, before.text) == (found.sign, found.text)
        if before is not None and same and abs(before.at - found.at) < _SAME:
            return before
        return replace(found, since=self._today() - (now - found.at))


def _activity(use: Use, service: str) -> Activity:
    if use.bytes:
        return Activity(use.at, Sign.BYTES, f"{use.bytes} bytes came to {service} within a minute")
    return Activity(use.at, Sign.CONNECTION, f"a new connection to {service}")
