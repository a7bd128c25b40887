"""The watcher: composes the edges, and looks, plans and loads until it is told to stop."""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from router import __version__, assets, survey, view
from router.admin import Admin
from router.caddyfile import Site
from router.containers import Containers
from router.embedded import Embedded
from router.errors import AlreadyRunningError, CaddyError, PortTakenError, RouterError, StoreError
from router.listeners import Listeners
from router.model import Container, Listener, Problem, Repository, RouteTable
from router.probe import Prober
from router.publish import Publisher
from router.reconcile import Outcome, check, reconcile, restarted
from router.settings import Settings
from router.store import Owner, Store
from router.view import Frame
from router.watch import Signature, Wake, Watch, signature

QUIET = 0.02  # seconds without an event that end a burst
BURST = 0.12  # seconds after which a burst that goes on is looked at all the same
FAST, SLOW = 0.03, 0.5  # seconds between two looks: right after a change, and at rest
RESYNC = 15.0  # seconds after which everything is looked at though nothing seems to have changed
DRIFT = 1.5  # seconds between two looks at what Caddy serves
HEARTBEAT = 5.0
PATIENCE = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before Caddy is started again, by deaths in a row
LONG_LIVED = 60.0  # seconds after which a death is no longer in a row with the one before

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What tells whether a pass is due: one that equals the last one's found nothing new."""

    files: Signature = ()
    listeners: tuple[Listener, ...] = ()
    containers: tuple[Container, ...] = ()


class Watcher:
    """One watcher over one state directory, from its lock to its last word.

    `say` takes each line for people; `ready` is called once, when the first configuration is loaded, with the
    status document.
    """

    def __init__(
        self, settings: Settings, store: Store, *, say: Callable[[str], None], ready: Callable[[view.Document], None]
    ) -> None:
        self._settings = settings
        self._store = store
        self._say = say
        self._ready = ready
        self._stop = False
        self._wake = Wake()
        self._watch = Watch(self._wake.set)
        self._listeners = Listeners()
        self._prober = Prober(self._wake.set)
        self._containers = Containers(self._wake.set)
        admin = f"unix/{store.socket}|0600"
        self._admin = Admin(f"unix/{store.socket}")
        self._caddy = Embedded(
            directory=store.directory,
            admin=admin,
            socket_path=store.socket,
            log=store.caddy_log,
            port=settings.port,
        )
        self._site = Site(
            port=settings.port,
            bind=(),
            admin=admin,
            pages=str(assets.pages()),
            status=str(store.site),
            log=str(store.caddy_log),
            callback_target=settings.callback_target,
            callback_paths=settings.callback_paths,
        )
        self._since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._outcome = Outcome()
        self._found: tuple[Repository, ...] = ()
        self._watched = survey.Watched((), ())
        self._seen = Look()
        self._pace = FAST
        self._publisher = Publisher(store)
        self._trouble = ""
        self._deaths: tuple[float, ...] = ()
        self._due = {"resync": 0.0, "drift": 0.0, "heartbeat": 0.0}

    def run(self) -> None:
        """Watch until a signal says stop. AlreadyRunningError, PortTakenError, CaddyError where it cannot begin."""
        owner = Owner(os.getpid(), self._since, __version__, self._settings.port, self._settings.caddy)
        lock = self._store.own(owner)
        if lock is None:
            raise AlreadyRunningError("another watcher has just started", hint="see `router status`")
        try:
            with self._signals():
                self._open()
                self._loop()
                self._close()
        finally:
            self._watch.close()
            self._containers.close()
            self._admin.close()
            self._wake.close()
            os.close(lock)

    def _open(self) -> None:
        self._outcome = replace(self._outcome, memory=self._store.memory())
        if not self._caddy.adopt():
            try:
                self._caddy.listen()
            except PortTakenError as exc:
                raise self._named(exc) from exc
            self._caddy.start()
        self._site = replace(self._site, bind=self._caddy.bind)
        self._watch.start()
        self._containers.start()

    def _named(self, exc: PortTakenError) -> PortTakenError:
        """Return the error with the process that has the port, where the system tells."""
        by = next((x for x in self._listeners.scan(()) if x.port == self._settings.port and x.pid), None)
        return PortTakenError(f"{exc.message} by {by.program} (pid {by.pid})", hint=exc.hint) if by else exc

    def _loop(self) -> None:
        self._pass()
        if self._outcome.text is None:
            self._close()
            raise CaddyError(self._outcome.last_error or "Caddy took no configuration", hint="see `router logs`")
        self._publisher.publish(self._document())
        self._ready(self._document())
        while not self._stop:
            self._wait()
            if not self._stop:
                self._tick()

    def _tick(self) -> None:
        try:
            self._supervise()
            if self._is_due("drift", DRIFT):
                self._outcome = check(self._outcome, admin=self._admin, now=time.monotonic())
            if self._look() != self._seen or not self._outcome.in_sync or self._is_due("resync", RESYNC):
                self._pass()
            self._publisher.publish(self._document())
            if self._is_due("heartbeat", HEARTBEAT):
                self._publisher.beat()
            self._note("")
        except RouterError as exc:
            self._note(exc.message)

    def _wait(self) -> None:
        if self._wake.wait(self._pace):
            self._pace = FAST
            end = time.monotonic() + BURST
            while not self._stop and time.monotonic() < end and self._wake.wait(QUIET):
                pass
        else:
            self._pace = min(self._pace * 1.5, SLOW)

    def _look(self) -> Look:
        """Return what a change would show in: cheap enough to be asked twice a second."""
        roots = survey.roots(self._found)
        self._containers.roots = roots
        return Look(
            files=signature((*self._watched.files, str(self._store.memory_file))),
            listeners=self._prober.about(self._listeners.scan(roots)),
            containers=self._containers.found,
        )

    def _pass(self) -> None:
        before = self._outcome.table
        self._found = survey.repositories(self._store.memory().repositories, before=self._found)
        self._watched = survey.watched(self._found)
        self._watch.follow(self._watched.directories)
        look = self._look()
        observed = survey.observed(self._found, look.listeners, look.containers, reserved=self._settings.reserved)
        self._outcome = reconcile(observed, self._outcome, admin=self._admin, site=self._site)
        self._seen = replace(look, files=self._remember(look.files))
        self._announce(before, self._outcome.table)
        self._publisher.show_programs(self._outcome.table, self._outcome.memory)
        self._due["resync"] = time.monotonic() + RESYNC

    def _remember(self, seen: Signature) -> Signature:
        """Write what is to be remembered; return what was seen, with the memory's own file as written."""
        with self._store.changing() as current:
            memory = replace(self._outcome.memory, repositories=current.repositories)
            if memory != current:
                self._store.remember(memory)
        if self._outcome.text is not None:
            self._store.write_if_new(self._store.caddyfile, self._outcome.text)
        return (*seen[:-1], *signature([str(self._store.memory_file)]))

    def _announce(self, before: RouteTable, after: RouteTable) -> None:
        if before == after:
            return
        self._pace = FAST
        for line in view.changes(before, after, self._settings.port):
            log.info("%s", line)
            if self._outcome.loads > 1:
                self._say(line)

    def _document(self) -> dict[str, Any]:
        outcome, caddy = self._outcome, self._caddy
        frame = Frame(
            port=self._settings.port,
            redirect_uris=self._settings.redirect_uris,
            repositories=self._found,
            watcher={"running": True, "pid": os.getpid(), "since": self._since},
            caddy={
                "running": caddy.alive(),
                "pid": caddy.pid,
                "mode": self._settings.caddy,
                "admin": self._admin.address,
                "version": caddy.version,
                "adopted": caddy.adopted,
                "in_sync": outcome.in_sync,
                "loads": outcome.loads,
                "last_load_ms": outcome.last_load_ms,
                "last_error": outcome.last_error,
            },
            problems=outcome.problems,
        )
        return view.document(outcome.table, frame)

    def _supervise(self) -> None:
        """Start Caddy again where it died: at once the first time, with growing patience if it keeps dying."""
        if self._caddy.alive():
            return
        now = time.monotonic()
        if not self._outcome.problems:
            log.warning("Caddy ended")
            self._deaths = (*(when for when in self._deaths if now - when < LONG_LIVED), now)
            down = Problem("caddy-down", "Caddy ended and is started again", "see `router logs`")
            self._outcome = replace(restarted(self._outcome), problems=(down,))
        patience = PATIENCE[min(len(self._deaths), len(PATIENCE)) - 1]
        if now - self._deaths[-1] >= patience:
            self._caddy.start()
            self._site = replace(self._site, bind=self._caddy.bind)

    def _close(self) -> None:
        self._caddy.stop()
        with contextlib.suppress(StoreError), self._store.changing() as current:
            self._store.remember(replace(current, repositories=()))
        self._publisher.withdraw()

    def _is_due(self, what: str, interval: float) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + interval
        return True

    def _note(self, trouble: str) -> None:
        """Log what keeps a pass from succeeding, once until it changes."""
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

        def look(*_: object) -> None:
            self._wake.set()

        chosen = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: stop,
                  signal.SIGUSR1: look, signal.SIGCHLD: look}  # fmt: skip
        before = {number: signal.signal(number, handler) for number, handler in chosen.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def log_to(path: Path) -> None:
    """Send the watcher's log to a file that is rolled over at 1 MB."""
    from logging.handlers import RotatingFileHandler

    rolling = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2)
    rolling.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("router")
    root.addHandler(rolling)
    root.setLevel(logging.INFO)
