"""The watcher: looks, plans and loads until it is told to stop."""

import contextlib
import gc
import logging
import os
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from router import __version__
from router.caddy import modes
from router.caddy.admin import Admin
from router.caddy.supervisor import Caddy
from router.data.servers import running
from router.document import Document
from router.errors import LostRaceError, RouterError, StoreError
from router.observe.survey import living
from router.processes import left_over
from router.route_table import RouteTable
from router.settings import Settings
from router.status import CaddyStatus, Frame, WatcherStatus, document
from router.store import RunningWatcher, Store
from router.watcher.asked import Answerer, Asked
from router.watcher.beside import Beside
from router.watcher.changes import changes
from router.watcher.dashboard import Dashboard
from router.watcher.events import Wake
from router.watcher.live import Live, Served
from router.watcher.observer import Observer
from router.watcher.pace import Pace
from router.watcher.publisher import Publisher
from router.watcher.routing import Routing
from router.watcher.signals import Signals
from router.watcher.visits import Visits

log = logging.getLogger(__name__)

Say = Callable[[str], None]


def watch(
    settings: Settings, store: Store, commons: Sequence[Path], *, say: Say, ready: Callable[[Document], None],
    take_over: bool = False, answer: Answerer = lambda _: None,
) -> None:  # fmt: skip
    """Be the watcher of a state directory until a signal says stop.

    `commons` are the repositories that it is to serve; `say` takes each line for people; `ready` is called once, when
    the first configuration is loaded, with the status document; `answer` answers commands. LostRaceError where another
    watcher has the directory; PortTakenError, CaddyError or StoreError where it cannot begin. Afterwards nothing runs
    that it started.
    """
    wake = Wake()
    signals, publisher = Signals(wake), Publisher(store)
    observer = Observer(wake.set, reserved=settings.reserved)
    admin = modes.admin(settings, store)
    wait = partial(publisher.wait, signals)
    caddy = modes.caddy(settings, store, admin, say=partial(_say_if_heard, say), wait=wait, take_over=take_over)
    routing = Routing(store, observer=observer, admin=admin, caddy=caddy)
    beside = Beside.of(settings, store, wake=wake, own=observer.own.has, say=partial(_say_if_heard, say))
    visits = Visits(lambda: routing.state.table, beside.waking, look=wake.set)
    dashboard = Dashboard(settings, store, answer)
    live = Live(modes.live_socket(store), {**dashboard.answers, **visits.answers}, dashboard.doors)
    served = (live, Asked(store.asked, answer))
    watcher = Watcher(settings, store, signals=signals, pace=Pace(wake), routing=routing, observer=observer,
                      beside=beside, served=served, admin=admin, caddy=caddy, publisher=publisher,
                      say=partial(_say_if_heard, say))  # fmt: skip
    try:
        with signals.handled():  # before the lock is taken: whoever sees it held may send one
            watcher.run(commons, ready=ready)
    finally:
        observer.close()
        beside.close()
        for each in (*served, dashboard):
            each.close()
        admin.close()
        wake.close()


class Watcher:
    """One watcher over one state directory, from its lock to its last word."""

    def __init__(
        self, settings: Settings, store: Store, *, signals: Signals, pace: Pace, routing: Routing, observer: Observer,
        beside: Beside, served: Sequence[Served], admin: Admin, caddy: Caddy, publisher: Publisher, say: Say,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._store = store
        self._signals = signals
        self._pace = pace
        self._routing = routing
        self._observer = observer
        self._beside = beside
        self._served = served
        self._admin = admin
        self._caddy = caddy
        self._publisher = publisher
        self._say = say
        self._since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._lock = -1
        self._trouble = ""
        self._shown: tuple[object, ...] = ()

    def run(self, commons: Sequence[Path], *, ready: Callable[[Document], None]) -> None:
        """Start up, look until a signal says stop, shut down. LostRaceError where another watcher runs."""
        self._take_lock()
        try:
            self._store.start_serving(commons)  # a `down` before the lock was taken would have undone it
            self._start(ready)
            while not self._signals.stop:
                self._pace.wait(until=lambda: self._signals.stop)
                if not self._signals.stop:
                    self._tick()
        finally:
            self._shut_down()
            os.close(self._lock)

    def _start(self, ready: Callable[[Document], None]) -> None:
        with self._store.changing() as memory:
            self._store.remember(living(memory))
        self._store.prepare_socket()
        self._caddy.begin(self._observer.listeners, now=time.monotonic())
        if self._signals.stop:  # asked to while it waited
            return
        self._routing.begin()
        self._beside.start()
        self._answer()
        for line in changes(RouteTable(), self._routing.state.table, self._settings.port):
            log.info("%s", line)
        self._show()
        with contextlib.suppress(OSError):  # the terminal is gone
            ready(self._document())
        gc.freeze()  # what is there by now stays: looking through it again would make a pass take twice as long

    def _tick(self) -> None:
        """Look once. Whatever goes wrong is reported, and the next look comes all the same."""
        before, started = self._routing.state.table, time.process_time()
        try:
            self._keep_directory()
            self._routing.keep_caddy()
            if resync := self._signals.take_resync():
                self._beside.resources.look_soon()
            self._routing.step(resync=resync)
            self._announce(before, self._routing.state.table)
            self._report(self._routing.unsaved.message if self._routing.unsaved else "")
        except RouterError as exc:
            self._report(exc.message)
        except Exception:
            self._report(f"this is a bug in router {__version__}, and it goes on: {traceback.format_exc()}")
        with contextlib.suppress(StoreError):  # a full disk shows in `unsaved`
            self._show()
        self._pace.looked(time.process_time() - started)

    def _shut_down(self) -> None:
        self._beside.close()
        try:
            self._caddy.stop()
        except RouterError as exc:
            self._report(exc.message)
        if not self._store.holds(self._lock):  # what is there is another watcher's
            return
        with contextlib.suppress(StoreError):  # somebody else starts one
            running.end_all(self._store.directory)
        with contextlib.suppress(StoreError):
            self._store.stop_serving()
        self._publisher.withdraw()

    def _keep_directory(self) -> None:
        """Make the state directory again where somebody removed it; give way to a watcher that has it by now."""
        if self._store.holds(self._lock):
            return
        log.warning("the state directory was removed")
        held = self._lock
        self._store.prepare()
        try:
            self._take_lock()
        except LostRaceError:
            self._signals.stop = True
            raise
        os.close(held)
        self._store.prepare_socket()
        self._answer()

    def _answer(self) -> None:
        for each in self._served:
            each.start()

    def _take_lock(self) -> None:
        mine = RunningWatcher(os.getpid(), self._since, __version__, self._settings.port, self._settings.caddy)
        lock = self._store.take_lock(mine)
        if lock is None:
            raise LostRaceError("another watcher has just started", hint="see `router status`")
        self._lock = lock

    def _announce(self, before: RouteTable, after: RouteTable) -> None:
        if before == after:
            return
        self._pace.hurry()
        for line in changes(before, after, self._settings.port):
            log.info("%s", line)
            self._say(line)

    def _show(self) -> None:
        """Publish what is true now, where that is not what is published. StoreError where it cannot be written."""
        self._publisher.beat()
        state = self._routing.state
        self._beside.about(state.table, state.memory, self._observer.repositories)
        shown = (state, self._routing.problems(), self._observer.repositories, *self._beside.found,
                 *self._caddy.facts.items())  # fmt: skip
        if shown != self._shown or not self._publisher.is_published():
            self._publisher.show_silence(state.table)
            commands, resources = self._beside.start_commands.found, self._beside.resources.shown
            self._publisher.show_services(state.table, state.memory, commands, resources)
            self._publisher.publish(self._document())
        self._shown = shown  # what is the same and not only equal is compared at once the next time

    def _document(self) -> Document:
        state, found, now = self._routing.state, self._beside.orphans.found, time.time()
        frame = Frame(
            port=self._settings.port,
            redirect_uris=self._settings.redirect_uris,
            repositories=self._observer.repositories,
            watcher=WatcherStatus(running=True, pid=os.getpid(), since=self._since),
            caddy=CaddyStatus(
                **self._caddy.facts,
                mode=self._settings.caddy,
                admin=self._admin.address,
                in_sync=state.in_sync,
                loads=state.loads,
                last_load_ms=state.loaded.milliseconds if state.loaded else None,
                last_error=state.last_error,
            ),
            problems=(*self._routing.problems(), *left_over.problems(found, now=now), *self._beside.resources.problems),
            orphans=left_over.entries(found, now=now),
            **self._beside.frame,
        )
        return document(state.table, frame)

    def _report(self, trouble: str) -> None:
        """Say what keeps a look from succeeding, once until it changes; empty where nothing does."""
        if trouble and trouble != self._trouble:
            log.error("%s", trouble)
            self._say(f"error: {trouble.splitlines()[-1] if trouble.startswith('this is a bug') else trouble}")
        self._trouble = trouble


def _say_if_heard(say: Say, line: str) -> None:
    """Say a line to a terminal or pipe that may be gone."""
    with contextlib.suppress(OSError, ValueError):
        say(line)
