"""Stand-ins for what the watcher is made of, and a clock that a test moves."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from router.caddy.caddyfile import Site
from router.errors import CaddyError
from router.model import Observed, Repository
from router.observe.listeners import Listeners
from router.watcher.events import Woken
from router.watcher.observer import Look, Observer
from tests.fakes import SITE, FakeAdmin, observed


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeWake:
    """Answers each wait from a list: what woke the loop; `waits` are the seconds asked for, `woken` by what it was."""

    def __init__(self, *answers: Woken) -> None:
        self.answers = list(answers)
        self.waits: list[float] = []
        self.woken: list[Woken] = []

    def set(self) -> None:
        self.woken.append(Woken.CHANGE)

    def look(self) -> None:
        self.woken.append(Woken.LOOK)

    def wait(self, seconds: float) -> Woken:
        self.waits.append(seconds)
        return self.answers.pop(0) if self.answers else Woken.NOT

    def close(self) -> None:
        pass


class FakeObserver(Observer):
    """Sees what a test puts there; what `fails` gives is raised by each look."""

    def __init__(self, seen: Observed | None = None) -> None:
        self.repositories: tuple[Repository, ...] = ()
        self.seen = seen or observed()
        self.fails: Callable[[], Exception] | None = None
        self.surveyed: list[tuple[tuple[str, ...], bool]] = []
        self.asked: frozenset[tuple[int | None, int]] = frozenset()

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    @property
    def listeners(self) -> Listeners:  # type: ignore[override]
        return Listeners()

    def ask_for_pages(self, servers: frozenset[tuple[int | None, int]]) -> None:
        self.asked = servers

    def look(self, *, whole: bool = False) -> Look:
        if self.fails:
            raise self.fails()
        return Look(self.seen.repositories, self.seen.listeners, self.seen.containers)

    def survey(self, commons: Iterable[str], *, whole: bool = False, look: Look | None = None) -> tuple[Observed, Look]:
        self.surveyed.append((tuple(commons), whole))
        self.repositories = self.seen.repositories
        return self.seen, self.look()


class FakeCaddy:
    """A Caddy that runs until a test says otherwise; `admin` takes its configurations."""

    def __init__(self, admin: FakeAdmin) -> None:
        self.load = admin.load
        self.restart = False
        self.away: CaddyError | None = None
        self.begun = self.stopped = False

    @property
    def site(self) -> Site:
        return replace(SITE)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"running": True, "pid": 4712, "version": "v2"}

    def begin(self, listeners: Listeners, *, now: float) -> None:
        self.begun = True

    def keep(self, *, now: float) -> bool:
        if self.away:
            raise self.away
        restart, self.restart = self.restart, False
        return restart

    def stop(self) -> None:
        self.stopped = True
