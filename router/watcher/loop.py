"""The watcher: looks, plans and loads until it is told to stop."""

import contextlib
import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from router import __version__, status
from router.caddy import modes
from router.caddy.caddyfile import MARK
from router.errors import AlreadyRunningError, CaddyError, RouterError, StoreError
from router.model import Memory, RouteTable
from router.observe.survey import living
from router.routes.memory import merged
from router.settings import Settings
from router.status import CaddyStatus, Frame, WatcherStatus
from router.store import RunningWatcher, Store
from router.watcher.changes import changes
from router.watcher.events import Wake
from router.watcher.observer import Look, Observer
from router.watcher.publisher import Publisher
from router.watcher.reconcile import Outcome, check, reconcile, restarted, unreachable

QUIET = 0.005  # seconds without an event that end a burst
BURST = 0.12  # seconds after which a burst that goes on is looked at all the same
FAST, SLOW = 0.03, 0.8  # seconds between two looks: right after a change, and at rest
EASE = 12  # a thousand worktrees are looked at less often: at rest a look may cost one part in so many of the time
RESYNC = 25.0  # seconds after which everything is looked at though nothing seems to have changed
DRIFT = 1.5  # seconds between two looks at what Caddy serves
HEARTBEAT = 5.0

log = logging.getLogger(__name__)


class Watcher:
    """One watcher over one state directory, from its lock to its last word.

    `say` takes each line for people; `ready` is called once, when the first configuration is loaded, with the
    status document.
    """

    def __init__(
        self, settings: Settings, store: Store, *, say: Callable[[str], None], ready: Callable[[status.Document], None],
        take_over: bool = False,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._store = store
        self._say = say
        self._ready = ready
        self._stop = False
        self._lock = -1
        self._wake = Wake()
        self._observer = Observer(self._wake.set, reserved=settings.reserved)
        self._admin = modes.admin(settings, store)
        self._caddy = modes.caddy(settings, store, self._admin, say=say, wait=self._wait_once, take_over=take_over)
        self._since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._outcome = Outcome()
        self._repositories: tuple[str, ...] = ()
        self._seen = Look()
        self._pace = FAST
        self._cost = 0.0
        self._publisher = Publisher(store)
        self._trouble = ""
        self._showing: tuple[object, ...] = ()
        self._due = {"resync": 0.0, "drift": 0.0, "heartbeat": 0.0}

    def run(self) -> None:
        """Watch until a signal says stop. AlreadyRunningError, PortTakenError, CaddyError where it cannot begin."""
        if not self._own():
            raise AlreadyRunningError("another watcher has just started", hint="see `router status`")
        try:
            with self._signals():
                self._begin()
                while not self._stop:
                    self._wait()
                    if not self._stop:
                        self._tick()
                self._end()
        finally:
            self._observer.close()
            self._admin.close()
            self._wake.close()
            os.close(self._lock)

    def _begin(self) -> None:
        with self._store.changing() as memory:
            self._store.remember(living(memory))
        try:
            self._store.prepare_socket()
            self._caddy.begin(self._observer.listeners, now=time.monotonic())
            if self._stop:  # told so while it was waited for
                return
            self._observer.start()
            self._pass()
            if self._outcome.text is None:
                raise CaddyError(self._outcome.last_error or "Caddy took no configuration", hint="see `router logs`")
        except RouterError:
            self._end()
            raise
        self._show()
        self._ready(self._document())
        gc.freeze()  # what is there by now stays: looking through it again would make a pass take twice as long

    def _wait_once(self, seconds: float) -> bool:
        """Wait so long, and tell whether to go on."""
        self._wake.wait(seconds)
        return not self._stop

    def _wait(self) -> None:
        if self._wake.wait(self._pace):
            self._pace = FAST
            end = time.monotonic() + BURST
            while not self._stop and time.monotonic() < end and self._wake.wait(QUIET):
                pass
        else:
            self._pace = min(self._pace * 1.5, max(SLOW, EASE * self._cost))

    def _tick(self) -> None:
        started = time.process_time()
        try:
            if not self._store.holds(self._lock):
                self._begin_anew()
            self._keep_caddy()
            if self._is_due("drift", DRIFT):
                self._outcome = check(self._outcome, admin=self._admin, now=time.monotonic())
            if self._outcome.out_of_step or self._is_due("resync", RESYNC) or self._observer.look() != self._seen:
                self._pass()
            self._show()
            self._note("")
        except RouterError as exc:
            self._note(exc.message)
            with contextlib.suppress(StoreError):
                self._show()
        self._cost = time.process_time() - started

    def _pass(self) -> None:
        before = self._outcome.table
        if (memory := self._store.remembered()) is not None:  # commands give out names and ports too
            self._outcome = replace(self._outcome, memory=memory)
            self._repositories = memory.repositories
        known = self._outcome.memory
        observed, self._seen = self._observer.survey(self._repositories)
        self._outcome = reconcile(observed, self._outcome, admin=self._admin, site=self._caddy.site)
        agreed = self._remember(known)
        self._announce(before, self._outcome.table)
        self._publisher.show_programs(self._outcome.table, self._outcome.memory)
        self._due["resync"] = time.monotonic() + RESYNC if agreed else 0.0

    def _remember(self, known: Memory) -> bool:
        """Write what is to be remembered; the list of repositories is the commands' to change, unless it was lost.

        What they gave out since this pass began, when `known` was all there was, stands; False where that is not what
        this pass decided.
        """
        with self._store.changing() as current:
            repositories = self._repositories if self._store.remembered() is None else current.repositories
            memory = replace(merged(known, self._outcome.memory, current), repositories=repositories)
            if memory != current:
                self._store.remember(memory)
        if self._outcome.text is not None:
            self._store.write_if_new(self._store.caddyfile, self._outcome.text, mark=MARK)
        return memory.worktrees == self._outcome.memory.worktrees

    def _announce(self, before: RouteTable, after: RouteTable) -> None:
        if before == after:
            return
        self._pace = FAST
        for line in changes(before, after, self._settings.port):
            log.info("%s", line)
            if self._outcome.loads > 1:
                self._say(line)

    def _keep_caddy(self) -> None:
        try:
            if self._caddy.keep(now=time.monotonic()):
                self._outcome = restarted(self._outcome)
        except CaddyError as exc:
            self._outcome = unreachable(self._outcome, exc)
            raise

    def _begin_anew(self) -> None:
        """Somebody removed the state directory: make it again, or give way to the watcher that has it now."""
        log.warning("the state directory was removed")
        self._store.prepare()
        held = self._lock
        if not self._own():
            self._stop = True
            return
        os.close(held)
        self._publisher, self._showing = Publisher(self._store), ()
        self._store.prepare_socket()
        self._caddy.begin_anew()

    def _end(self) -> None:
        try:
            self._caddy.stop()
        except CaddyError as exc:
            self._note(exc.message)
        with contextlib.suppress(StoreError), self._store.changing() as current:
            self._store.remember(replace(current, repositories=()))
        self._publisher.withdraw()

    def _own(self) -> bool:
        owner = RunningWatcher(os.getpid(), self._since, __version__, self._settings.port, self._settings.caddy)
        lock = self._store.take_lock(owner)
        self._lock = self._lock if lock is None else lock
        return lock is not None

    def _show(self) -> None:
        showing = (self._outcome, self._observer.repositories, *self._caddy.facts.items())
        if showing != self._showing:
            self._publisher.publish(self._document())
            self._showing = showing
        if self._is_due("heartbeat", HEARTBEAT):
            self._publisher.beat()

    def _document(self) -> dict[str, Any]:
        outcome = self._outcome
        frame = Frame(
            port=self._settings.port,
            redirect_uris=self._settings.redirect_uris,
            repositories=self._observer.repositories,
            watcher=WatcherStatus(running=True, pid=os.getpid(), since=self._since),
            caddy=CaddyStatus(
                **self._caddy.facts,
                mode=self._settings.caddy,
                admin=self._admin.address,
                in_sync=outcome.in_sync,
                loads=outcome.loads,
                last_load_ms=outcome.last_load_ms,
                last_error=outcome.last_error,
            ),
            problems=outcome.problems,
        )
        return status.document(outcome.table, frame)

    def _is_due(self, what: str, interval: float) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + interval
        return True

    def _note(self, trouble: str) -> None:
        """Tell what keeps a pass from succeeding, once until it changes."""
        if trouble != self._trouble and trouble:
            log.error("%s", trouble)
            self._say(f"error: {trouble}")
        self._trouble = trouble

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Let signals do nothing but set a flag and wake the loop."""

        def stop(*_: object) -> None:
            self._stop = True
            self._wake.set()

        def again(*_: object) -> None:
            self._due["resync"] = 0.0
            self._wake.set()

        def child(*_: object) -> None:
            self._wake.set()

        chosen = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: stop,
                  signal.SIGUSR1: again, signal.SIGCHLD: child}  # fmt: skip
        before = {number: signal.signal(number, handler) for number, handler in chosen.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
