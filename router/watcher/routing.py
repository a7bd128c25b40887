"""Keeps Caddy's routes in step with what is observed, one pass after the other, and remembers what was given out."""

import time
from collections.abc import Iterable

from router.caddy.admin import Admin
from router.caddy.caddyfile import MARK
from router.caddy.supervisor import Caddy
from router.errors import CaddyError, StoreError
from router.model import Problem
from router.remembered import Memory
from router.routes.memory import merged
from router.store import Store
from router.values import replace
from router.watcher.observer import Look, Observer
from router.watcher.pace import Allowance, Timer
from router.watcher.reconcile import State, Sync, check, reconcile, restarted, unreachable

RESYNC = 25.0  # seconds after which everything is looked at though nothing seems to have changed
DRIFT = 1.5  # seconds between two looks at what Caddy serves
RETRY = 1.0  # seconds before what could not be written is tried again


class Routing:
    """The state of the passes, and what makes the next one due. `begin` comes first, then `step` at each tick."""

    def __init__(self, store: Store, *, observer: Observer, admin: Admin, caddy: Caddy) -> None:
        self.state = State()
        self.unsaved: StoreError | None = None
        self._store = store
        self._observer = observer
        self._admin = admin
        self._caddy = caddy
        self._seen = Look()
        self._agreed = Memory()  # what was on the disk when this watcher last read or wrote it
        self._due = False
        self._whole = False
        self._resync = Timer(RESYNC)
        self._drift = Timer(DRIFT)
        self._retry = Timer(RETRY)
        self._allowance = Allowance()

    def begin(self) -> None:
        """Make the first pass. CaddyError where Caddy takes no configuration."""
        self._observer.start()
        self._pass()
        if self.state.loaded is None:
            raise CaddyError(self.state.last_error or "Caddy took no configuration", hint="see `router logs`")

    def keep_caddy(self) -> None:
        """Keep Caddy running; the next pass loads everything where that needs it again. CaddyError while it is away."""
        try:
            if self._caddy.keep(now=time.monotonic()):
                self.state = restarted(self.state)
        except CaddyError as exc:
            self.state = unreachable(self.state, exc)
            raise

    def step(self, *, resync: bool) -> None:
        """Make a pass where one is due: something has changed, is to be loaded again, or `resync` asks for it."""
        self._whole, self._due = self._whole or resync, self._due or resync
        if self._drift.due() or self.state.sync is Sync.AWAY:  # one that is back may have kept what it was given
            self.state = check(self.state, admin=self._admin, now=time.monotonic())
            if self.state.sync is Sync.AWAY:  # to ask it once more would only put off that it is continued or started
                return
        if self._resync.due():
            self._try_again()
        look = None if self._due or self.state.out_of_step else self._observer.look()
        self._due = look is None or look.is_news(self._seen)
        if self._due and self._allowance.left():
            self._due = False
            self._pass(look)
        elif self.unsaved and self._retry.due():
            self._save()

    def problems(self) -> tuple[Problem, ...]:
        """Return what keeps Caddy from serving what is wanted, and the state directory from remembering it."""
        if self.unsaved is None:
            return self.state.problems
        message = f"{self.unsaved.message}; routes go on from memory"
        return (*self.state.problems, Problem("state-lost", message, self.unsaved.hint))

    def _try_again(self) -> None:
        """Have a pass made soon, which loads even what Caddy has refused: its reason may be gone."""
        self.state, self._due = replace(self.state, refusal=None), True

    def _pass(self, look: Look | None = None) -> None:
        """Bring everything in step; `look` is one that has just been made, with which none more is needed."""
        repositories = self._remembered()
        observed, self._seen = self._observer.survey(repositories, whole=self._whole, look=look)
        self._whole = False
        before = self.state
        self.state = reconcile(observed, before, load=self._caddy.load, site=self._caddy.site)
        self._observer.ask_for_pages(self.state.undecided)
        self._allowance.spend(self.state.loads - before.loads)
        self._resync.restart()
        self._save()

    def _remembered(self) -> Iterable[str]:
        """Take over what commands have given out since the last pass; return the repositories to serve."""
        found = self._store.remembered()
        if found is None:
            return self.state.memory.repositories
        if self.unsaved is None:
            self._agreed = found
            self.state = replace(self.state, memory=found)
        else:  # what is on the disk is older than what was given out
            self.state = replace(self.state, memory=replace(self.state.memory, repositories=found.repositories))
        return found.repositories

    def _save(self) -> None:
        """Write what is to be remembered; where that fails, the routes go on and it is tried again."""
        try:
            self._write()
        except StoreError as exc:
            self.unsaved = exc
            self._retry.restart()
        else:
            if self.unsaved:  # what Caddy refused meanwhile it may have refused for the same reason
                self._try_again()
            self.unsaved = None

    def _write(self) -> None:
        """Write the memory, merged with what commands have given out meanwhile; a difference makes a pass due.

        The list of repositories is the commands' to change, unless it was lost.
        """
        mine = self.state.memory
        with self._store.changing() as current:
            lost = self._store.remembered() is None
            memory = merged(self._agreed, mine, current)
            memory = replace(memory, repositories=mine.repositories if lost else current.repositories)
            if memory != current:
                self._store.remember(memory)
                self._store.remembered()  # read now, while nobody waits for it: the next pass begins with that
        self._agreed = memory
        self._due = self._due or memory.worktrees != mine.worktrees
        if self.state.loaded:
            self._store.write_if_new(self._store.caddyfile, self.state.loaded.text, mark=MARK)
