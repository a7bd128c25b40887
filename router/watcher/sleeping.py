"""Puts worktrees to sleep that nobody uses, apart from the loop; where no settings want that, it does nothing."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial

from router.errors import RouterError
from router.model import Repository, SleepRules, WorktreeId
from router.observe.lanes import Lanes
from router.observe.listeners import Listeners
from router.observe.traffic import Traffic
from router.processes.words import duration, size
from router.remembered import Memory
from router.route_table import Route, RouteTable
from router.settings import Settings
from router.sleep import kept, shown
from router.sleep.activity import Activity
from router.sleep.decision import Candidate, given_up_first, idle_enough
from router.sleep.idle import Idle
from router.sleep.kept import Note
from router.sleep.room import room
from router.sleep.running import Running, running
from router.sleep.saved import Saved, last_saved
from router.sleep.shown import Known
from router.sleep.stopping import Bed, end_sleep, finish, put_to_sleep
from router.sleep_state import SleepState
from router.store import Store
from router.text import shown as readable
from router.trust.sleep import AllowedSleeps
from router.values import dataclass, replace

log = logging.getLogger(__name__)

Say = Callable[[str], None]
_PARTS = 10  # of the time after which a worktree sleeps: so often it is looked at,
_LEAST, _MOST, _PRESSED = 0.5, 20.0, 5.0  # within these seconds; no more than the last where memory may get short
_WAITS = 1.0  # seconds between two looks whether it is allowed by now
_PATIENCE = 5.0  # seconds for the files of those that are to sleep: one whose disk is slow sleeps at a later look


@dataclass(frozen=True, slots=True)
class _Scene:
    """What one look is about: the routes of the worktrees that may sleep, and by which rules."""

    routes: Mapping[WorktreeId, Route]
    rules: Mapping[WorktreeId, SleepRules]
    runs: Mapping[WorktreeId, Running]
    bed: Bed


class Sleeping:
    """Stops the servers of idle worktrees; `shown` is whether each sleeps, or what keeps it awake.

    `wake` is called when one of them sleeps, `say` is given a line about it. `own` tells whether a connection is the
    router's own, `routers` gives the pids of the watcher and its Caddy.
    """

    def __init__(
        self, wake: Callable[[], None], settings: Settings, store: Store, *, own: Callable[[int, int], bool],
        routers: Callable[[], Collection[int]], say: Say = lambda _: None,
    ) -> None:  # fmt: skip
        self.shown: Mapping[WorktreeId, SleepState] = {}
        self._wake = wake
        self._store = store
        self._routers = routers
        self._say = say
        self._allowed = AllowedSleeps(settings, store)
        self._idle = Idle(store, Traffic(own))
        self._listeners = Listeners()
        self._files: Lanes[WorktreeId, Saved | str | None] = Lanes(threads=4)
        self._table = RouteTable()
        self._repositories: tuple[Repository, ...] = ()
        self._memory = Memory()
        self._known = Known()
        self._due = threading.Event()
        self._asleep: frozenset[WorktreeId] = frozenset()
        self._closed = False

    def start(self) -> None:
        """Begin to wait for a reason to look. On macOS nothing sleeps by itself."""
        if sys.platform == "linux":
            threading.Thread(target=self._run, name="sleep", daemon=True).start()

    def close(self) -> None:
        """Stop nothing more."""
        self._closed = True
        self._due.set()
        self._allowed.close()
        self._files.close()

    def about(self, table: RouteTable, repositories: tuple[Repository, ...], memory: Memory) -> None:
        """Take over what is routed and observed by now. Waits for nothing."""
        self._table = table
        if repositories is not self._repositories:
            self._repositories = repositories
            self._due.set()
        if memory is not self._memory:
            self._memory = memory
            for each in memory.gone:
                kept.forget_everything(self._store, each.id)
        self.shown = shown.states(table, self._store, self._known)
        asleep = frozenset(key for key, each in self.shown.items() if each.asleep)
        if asleep != self._asleep:  # somebody put one to sleep by hand: it is to be seen when it runs again
            self._asleep = asleep
            self._due.set()

    def _run(self) -> None:
        while not self._closed:
            try:
                pause = self._look()
            except Exception:  # whatever it is, the next look is to come
                log.exception("looking which worktrees may sleep failed")
                pause = _MOST
            self._due.wait(pause)
            self._due.clear()

    def _look(self) -> float | None:
        """Look once; return the seconds until the next look, None where only other settings are reason for one."""
        found = self._allowed.of(self._repositories)
        by_common = {common: each.rules for common, each in found.items() if each.rules}
        mains = {r.worktree.id.common_dir: r.worktree.id for r in self._table.routes if r.worktree.main}
        problems = {mains[common]: each.problem for common, each in found.items() if each.problem and common in mains}
        routes = {route.worktree.id: route for route in self._table.routes}
        rules = {key: by_common[key.common_dir] for key in routes if key.common_dir in by_common}
        notes = kept.notes(self._store)
        if not rules and not notes:
            self._known = Known(problems=problems)
            return _WAITS if problems else None
        scene = self._scene(routes, {**{n.worktree: SleepRules() for n in notes if n.worktree in routes}, **rules})
        self._go_on(notes, scene)
        last = self._idle.look(scene.runs, scene.rules)
        self._known = Known(rules, {key: last[key] for key in rules if scene.runs[key].services}, problems)
        self._put_to_sleep(scene, last)
        return min((_pause(each) for each in rules.values()), default=_MOST)

    def _scene(self, routes: Mapping[WorktreeId, Route], rules: Mapping[WorktreeId, SleepRules]) -> _Scene:
        roots = [route.worktree.path for route in routes.values()]
        bed = Bed(self._store, roots, self._routers())
        sleepers = [(routes[key], each) for key, each in rules.items()]
        runs = running(sleepers, self._store, roots=roots, routers=bed.routers, listeners=self._listeners)
        return _Scene(routes, rules, runs, bed)

    def _go_on(self, notes: tuple[Note, ...], scene: _Scene) -> None:
        """Finish what a watcher that has ended began to stop, and forget the sleep of what runs again."""
        for note in (each for each in notes if each.worktree in scene.runs):
            key, runs = note.worktree, scene.runs[note.worktree]
            again = any(each.record.begun > note.since for each in runs.started)
            if again or (note.done and set(note.services) & set(runs.ports.values())):
                end_sleep(self._store, note)
            elif not note.done:
                here = replace(note, path=scene.routes[key].worktree.path)  # it may have been moved since
                self._try(partial(finish, here, scene.rules[key], runs, scene.bed), key)

    def _put_to_sleep(self, scene: _Scene, last: Mapping[WorktreeId, Activity]) -> None:
        now = time.monotonic()
        candidates = [
            Candidate(key, scene.rules[key], last[key], kept.is_pinned(self._store, key))
            for key, runs in scene.runs.items()
            if runs.services
        ]
        ripe = idle_enough(candidates, now=now)
        for each in self._unsaved(ripe, scene):
            self._stop(each, scene, f"nobody used it for {duration(each.idle(now))}")
        there = room()
        rest = [each for each in candidates if each not in ripe]
        first = given_up_first(rest, there, now=now)
        for each in self._unsaved((first,) if first else (), scene):
            why = f"only {there.available:.0%} of the memory is available, and nobody used it for"
            self._stop(each, scene, f"{why} {duration(each.idle(now))}")

    def _unsaved(self, ripe: tuple[Candidate, ...], scene: _Scene) -> list[Candidate]:
        """Return those of which no file was saved since they were last used; looks the files up, once they are due."""
        jobs = {each.id: partial(_files, scene.routes[each.id]) for each in ripe}
        found = self._files.run(jobs, patience=_PATIENCE)
        for key, saved in found.items():
            if isinstance(saved, str):
                self._idle.unknown(key, saved)
            else:
                self._idle.saved(key, saved)
        again = self._idle.look(scene.runs, scene.rules) if found else {}
        return [each for each in ripe if each.id in found and again[each.id] == each.last]

    def _stop(self, each: Candidate, scene: _Scene, why: str) -> None:
        route = scene.routes[each.id]
        if kept.is_pinned(self._store, each.id):
            return
        self._try(partial(put_to_sleep, route, each.rules, scene.runs[each.id], scene.bed, why=why), each.id)

    def _try(self, stop: Callable[[], Note], worktree: WorktreeId) -> None:
        try:
            note = stop()
        except RouterError as exc:
            log.warning("%s", exc.message)
            self._idle.unknown(worktree, f"it could not be stopped: {exc.message}")
            return
        route = next((each for each in self._table.routes if each.worktree.id == worktree), None)
        line = f"{route.name if route else readable(note.path)} sleeps: {note.why}; it had {size(note.memory)}"
        log.info("%s", line)
        self._say(line)
        self._wake()


def _files(route: Route) -> Saved | str | None:
    """Return which file was saved last, or why nobody can tell."""
    try:
        return last_saved(route.worktree)
    except RouterError as exc:
        return exc.message


def _pause(rules: SleepRules) -> float:
    most = _PRESSED if rules.pressure is not None else _MOST
    return most if rules.after is None else min(max(_LEAST, rules.after / _PARTS), most)
