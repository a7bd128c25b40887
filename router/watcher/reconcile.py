"""One pass: plan what was observed, load it if it is new, remember it only if Caddy took it."""

from collections.abc import Callable
from enum import Enum, auto

from router.caddy import assets, caddyfile
from router.caddy.admin import Admin
from router.caddy.admin import Loaded as Accepted
from router.caddy.caddyfile import Site
from router.errors import CaddyError, ForeignCaddyError, LoadRefusedError, RouterError
from router.model import Observed, Problem
from router.remembered import Memory
from router.route_table import RouteTable
from router.routes.plan import plan
from router.routes.reachability import from_container
from router.values import dataclass, field, replace

Load = Callable[[str], Accepted]

_LOSSES = 3
_WINDOW = 60.0
"""After so many losses of our configuration within so many seconds somebody else wants it more."""


class Sync(Enum):
    """What Caddy serves, compared with the configuration that it last took from us."""

    EMPTY = auto()  # nothing of ours: before the first load, or since it was started again
    SAME = auto()
    LOST = auto()  # somebody else has changed it
    AWAY = auto()  # it does not answer
    FOREIGN = auto()  # it serves what is not ours to replace


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that Caddy took: its text, the digest of what Caddy made of it, and how long that took."""

    text: str
    digest: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A configuration that Caddy refused, and the problem to show for as long as nothing else is wanted."""

    text: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class State:
    """What the passes so far have led to: the route table and memory in force, and how Caddy stands to them.

    `loaded` is what Caddy last took, after `loads` loads. `pending` is whether something newer could not be handed
    over, `trouble` why not. `losses` are when our configuration was lost, in seconds of the monotonic clock.
    `undecided` are the process and port of servers of which one request for a page would say more.
    """

    table: RouteTable = field(default_factory=RouteTable)
    memory: Memory = field(default_factory=Memory)
    loaded: Loaded | None = None
    loads: int = 0
    sync: Sync = Sync.EMPTY
    pending: bool = False
    refusal: Refusal | None = None
    trouble: Problem | None = None
    losses: tuple[float, ...] = ()
    undecided: frozenset[tuple[int | None, int]] = frozenset()

    @property
    def in_sync(self) -> bool:
        """Whether Caddy serves what it last took."""
        return self.sync is Sync.SAME

    @property
    def given_up(self) -> bool:
        """Whether the configuration was lost so often that loading it again would be a fight."""
        return len(self.losses) >= _LOSSES

    @property
    def out_of_step(self) -> bool:
        """Whether the next pass has something to load, whatever it observes."""
        return not self.given_up and (self.pending or not self.in_sync)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What keeps Caddy from serving what is wanted."""
        refused = self.refusal.problem if self.refusal else None
        return tuple(problem for problem in (self.trouble, refused) if problem)

    @property
    def last_error(self) -> str | None:
        """The message of the first of these problems."""
        return next((problem.message for problem in self.problems), None)


def reconcile(observed: Observed, before: State, *, load: Load, site: Site) -> State:
    """Bring Caddy in step with what was observed; `load` hands it a configuration, as `Admin.load` does.

    The same text is not loaded twice, a refused text is not tried again; a change of health alone loads
    nothing. While Caddy refuses or is away, the table and the memory stay those that it last took.
    """
    decided = plan(observed, before.memory)
    before = replace(before, undecided=decided.undecided)
    table = from_container(decided.table, observed.listeners) if site.upstream_host else decided.table
    text = caddyfile.render(table, site, templates=assets.templates())
    if before.in_sync and before.loaded and text == before.loaded.text:
        return replace(before, table=table, memory=decided.memory, pending=False, refusal=None, trouble=None)
    if before.given_up:
        return before
    if before.refusal and text == before.refusal.text:
        return _restored(before, load)
    try:
        loaded = load(text)
    except LoadRefusedError as exc:
        return _restored(replace(before, refusal=Refusal(text, _problem("load-refused", exc))), load)
    except CaddyError as exc:
        return replace(_not_handed_over(before, exc), pending=True)
    after = _taken(before, Loaded(text, loaded.digest, round(loaded.milliseconds, 1)))
    return replace(after, table=table, memory=decided.memory, pending=False, refusal=None)


def check(before: State, *, admin: Admin, now: float) -> State:
    """Look whether Caddy still serves what was loaded; where not, the next pass loads again. `now` is in seconds."""
    if before.loaded is None or before.sync is Sync.EMPTY:
        return before
    losses = tuple(when for when in before.losses if now - when < _WINDOW)
    try:
        if admin.digest() == before.loaded.digest:
            same = before.in_sync and losses == before.losses
            return before if same else replace(before, losses=losses, sync=Sync.SAME, trouble=None)
    except CaddyError as exc:
        return unreachable(before, exc)
    if before.sync is Sync.AWAY:  # it is back without what it was given: nobody took that from it
        return replace(before, sync=Sync.LOST)
    if not before.in_sync:  # lost before: it is counted once, until a load succeeds
        return before
    after = replace(before, sync=Sync.LOST, losses=(*losses, now))
    return replace(after, trouble=_DRIFT) if after.given_up else after


def unreachable(before: State, exc: CaddyError) -> State:
    """Return the state while Caddy is away; what it served is kept for when it is back."""
    return replace(before, sync=Sync.AWAY, trouble=_problem("caddy-down", exc))


def restarted(before: State) -> State:
    """Return the state in which all is to be loaded and nothing is forgotten: Caddy was started again, empty."""
    return replace(before, sync=Sync.EMPTY, refusal=None)


def _restored(before: State, load: Load) -> State:
    """Return the state with what Caddy last took loaded again, where it no longer serves that: better than nothing."""
    if before.in_sync or before.loaded is None:
        return before
    try:
        loaded = load(before.loaded.text)
    except CaddyError as exc:
        return _not_handed_over(before, exc)
    return _taken(before, Loaded(before.loaded.text, loaded.digest, round(loaded.milliseconds, 1)))


def _taken(before: State, loaded: Loaded) -> State:
    return replace(before, loaded=loaded, loads=before.loads + 1, sync=Sync.SAME, trouble=None)


def _not_handed_over(before: State, exc: CaddyError) -> State:
    if isinstance(exc, ForeignCaddyError):
        return replace(before, sync=Sync.FOREIGN, trouble=_problem("foreign-caddy", exc))
    return unreachable(before, exc)


_DRIFT = Problem(
    "drift",
    f"somebody else changed Caddy's configuration {_LOSSES} times within a minute; the router no longer loads its own",
    "stop the other program, then run `router down` and `router up`",
)


def _problem(kind: str, exc: RouterError) -> Problem:
    return Problem(kind, exc.message, exc.hint)
