"""Visits to servers that are down: each starts its server once, however many ask, and who may wait is held."""

import logging
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from router.errors import RouterError
from router.model import Wake, WorktreeId
from router.route_table import Route, RouteTable, Service
from router.values import dataclass, field
from router.watcher.live import Answer, Answers, json_answer

_REST = 3.0  # seconds after a start that failed, for which the next visits get the same answer
_MOST = 200  # visitors who are held at a time

log = logging.getLogger(__name__)

Visited = tuple[Route, Service]
Key = tuple[WorktreeId, str]


class Starter(Protocol):
    """What starts a server."""

    def reached(self, route: Route, service: Service) -> str | None:
        """Return where the server of a service listens at this moment, None where nothing does."""

    def start(self, route: Route, service: Service, *, again: bool) -> str:
        """Start a server, where it does not run yet, and return where it listens. RouterError where it does not."""

    def said(self, route: Route, service: Service) -> tuple[str, ...]:
        """Return the last lines that a server has printed, fit to be shown."""


@dataclass(slots=True)
class Start:
    """A start that is under way, or how it ended: `upstream` is where the server listens, else `failure` says why not.

    `begun` and `ended` are in seconds of the monotonic clock.
    """

    begun: float
    done: threading.Event = field(default_factory=threading.Event)
    ended: float = 0.0
    upstream: str | None = None
    failure: str = ""


class Visits:
    """Starts what is visited. `look` is called when a server has begun to listen, or failed to."""

    def __init__(
        self, table: Callable[[], RouteTable], starter: Starter, *, look: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._table = table
        self._starter = starter
        self._look = look
        self._clock = clock
        self._lock = threading.Lock()
        self._starts: dict[Key, Start] = {}
        self._held = threading.BoundedSemaphore(_MOST)

    @property
    def answers(self) -> Answers:
        """What Caddy asks about `<label>/<service>`."""
        asked = {"begin": self.begin, "join": self.join, "wait": self.wait, "again": self.again, "state": self.state}
        return {f"/.router/wake/{name}/": answer for name, answer in asked.items()}

    def begin(self, name: str) -> Answer:
        """Start a service, or join the start that is under way: 202; 502 where it has just failed, 404 without one."""
        return self._begun(name, again=False)

    def again(self, name: str) -> Answer:
        """Start a service because the user said so, though it failed before."""
        return self._begun(name, again=True)

    def join(self, name: str) -> Answer:
        """Join a start that is under way, and begin none."""
        _, start = self._find(name)
        under_way = start is not None and not start.done.is_set()
        return Answer(HTTPStatus.ACCEPTED if under_way else HTTPStatus.NOT_FOUND)

    def wait(self, name: str) -> Answer:
        """Hold whoever asks until the server listens: 204 and where; or 502 and why not."""
        visited, start = self._find(name)
        if visited is None or start is None or not self._held.acquire(blocking=False):
            return Answer(HTTPStatus.NOT_FOUND)
        try:
            start.done.wait(_patience(visited[1]))
        finally:
            self._held.release()
        if start.upstream:
            return Answer(HTTPStatus.NO_CONTENT, headers={"Router-Upstream": start.upstream})
        return _failed(visited, start) if start.failure else self._late(visited)

    def state(self, name: str) -> Answer:
        """Tell a starting page how far a start is."""
        visited, start = self._find(name)
        if visited is None:
            return Answer(HTTPStatus.NOT_FOUND)
        under_way = start is not None and not start.done.is_set()
        if start is None or not (under_way or start.failure):
            return json_answer({"state": "up" if self._starter.reached(*visited) else "asleep"})
        state = "starting" if under_way else "failed"
        seconds = (start.ended or self._clock()) - start.begun
        line = next(reversed(self._starter.said(*visited)), None) if state == "starting" else None
        return json_answer({"state": state, "seconds": round(seconds, 1), "line": line, "problem": start.failure})

    def _begun(self, name: str, *, again: bool) -> Answer:
        visited, _ = self._find(name)
        if visited is None:
            return Answer(HTTPStatus.NOT_FOUND)
        start = self._start(visited, again=again)
        return _failed(visited, start) if start.failure else Answer(HTTPStatus.ACCEPTED)

    def _start(self, visited: Visited, *, again: bool) -> Start:
        """Return the start under way, one that has failed within the last seconds, or a new one."""
        with self._lock:
            before = self._starts.get(_key(*visited))
            if before and (not before.done.is_set() or (not again and self._rests(before))):
                return before
            start = self._starts[_key(*visited)] = Start(self._clock())
        threading.Thread(target=self._run, args=(start, visited, again), name="visit", daemon=True).start()
        return start

    def _rests(self, start: Start) -> bool:
        return bool(start.failure) and self._clock() - start.ended < _REST

    def _run(self, start: Start, visited: Visited, again: bool) -> None:
        try:
            start.upstream = self._starter.reached(*visited) or self._started(visited, again)
        except RouterError as exc:
            start.failure = f"{exc.message}\n→ {exc.hint}" if exc.hint else exc.message
        except Exception:
            log.exception("a start failed")
            start.failure = "this is a bug in the router\n→ see `router logs`"
        finally:
            start.ended = self._clock()
            start.done.set()
            self._look()

    def _started(self, visited: Visited, again: bool) -> str:
        """Start a service and what it needs; return where it listens, once the others do too, or have failed to."""
        route, service = visited
        log.info("%s: %s is visited, and started", route.name, service.name)
        needs = (route.service(name) for name in (service.wakes or Wake()).needs)
        others = [self._start((route, need), again=again) for need in needs if need]
        upstream = self._starter.start(route, service, again=again)
        for other in others:
            other.done.wait(_patience(service))
        return upstream

    def _find(self, name: str) -> tuple[Visited | None, Start | None]:
        """Return what is visited, and its last start; None where it is gone or does not wake, or was never started."""
        label, _, of = name.partition("/")
        route = next((each for each in self._table().routes if each.name == label), None)
        service = route.service(of) if route else None
        if route is None or service is None or service.wakes is None:
            return None, None
        return (route, service), self._starts.get(_key(route, service))

    def _late(self, visited: Visited) -> Answer:
        route, service = visited
        waited = f"{route.name} ({service.name}) is starting, but does not listen after {_patience(service):.0f} s"
        said = "".join(f"\n  {line}" for line in self._starter.said(*visited))
        return _refusal(f"{waited}; it goes on starting{said}")


def _key(route: Route, service: Service) -> Key:
    return route.worktree.id, service.name


def _patience(service: Service) -> float:
    return (service.wakes or Wake()).patience


def _failed(visited: Visited, start: Start) -> Answer:
    route, service = visited
    return _refusal(f"{route.name} ({service.name}) was visited, but does not start: {start.failure}")


def _refusal(text: str) -> Answer:
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Retry-After": f"{_REST:.0f}",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Answer(HTTPStatus.BAD_GATEWAY, f"{text}\n".encode(errors="replace"), headers)
