"""One pass: plan what was observed, load it if it is new, remember it only if Caddy took it."""

from dataclasses import dataclass, field, replace

from router.caddy import assets, caddyfile
from router.caddy.admin import Admin
from router.caddy.caddyfile import Site
from router.errors import CaddyError, ForeignCaddyError, LoadRefusedError, RouterError
from router.model import Memory, Observed, Problem, RouteTable
from router.routes.plan import plan
from router.routes.reachability import from_container

_LOSSES = 3
_WINDOW = 60.0
"""After so many losses of our configuration within so many seconds somebody else wants it more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the last passes came to: the route table in force, the text Caddy took, and how loading goes.

    `in_sync` is whether Caddy serves that text, `behind` whether a newer one could not be handed over.
    """

    table: RouteTable = field(default_factory=RouteTable)
    memory: Memory = field(default_factory=Memory)
    text: str | None = None
    digest: str | None = None
    refused: str | None = None
    loads: int = 0
    last_load_ms: float | None = None
    last_error: str | None = None
    in_sync: bool = False
    behind: bool = False
    losses: tuple[float, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def given_up(self) -> bool:
        """Whether the configuration was lost so often that loading it again would be a fight."""
        return len(self.losses) >= _LOSSES

    @property
    def out_of_step(self) -> bool:
        """Whether the next pass has something to load, whatever it observes."""
        return not self.given_up and (self.behind or not self.in_sync)


def reconcile(observed: Observed, before: Outcome, *, admin: Admin, site: Site) -> Outcome:
    """Bring Caddy in step with what was observed.

    The same text is not loaded twice, a refused text is not tried again; a change of health alone loads
    nothing. While Caddy refuses or is away, the table and the memory stay those that it last took.
    """
    decided = plan(observed, before.memory)
    table = from_container(decided.table, observed.listeners) if site.upstream_host else decided.table
    text = caddyfile.render(table, site, templates=assets.templates())
    if text == before.text and before.in_sync:
        return replace(before, table=table, memory=decided.memory, refused=None, problems=(), last_error=None)
    if text == before.refused or before.given_up:
        return before
    try:
        loaded = admin.load(text)
    except LoadRefusedError as exc:
        return replace(before, refused=text, last_error=exc.message, problems=(_problem("load-refused", exc),))
    except ForeignCaddyError as exc:
        foreign = (_problem("foreign-caddy", exc),)
        return replace(before, in_sync=False, behind=True, last_error=exc.message, problems=foreign)
    except CaddyError as exc:
        return replace(unreachable(before, exc), behind=True)
    return replace(
        before,
        table=table,
        memory=decided.memory,
        text=text,
        digest=loaded.digest,
        refused=None,
        loads=before.loads + 1,
        last_load_ms=round(loaded.milliseconds, 1),
        last_error=None,
        in_sync=True,
        behind=False,
        problems=(),
    )


def check(before: Outcome, *, admin: Admin, now: float) -> Outcome:
    """Look whether Caddy still serves what was loaded; where not, the next pass loads again. `now` is in seconds."""
    if before.digest is None:
        return before
    losses = tuple(when for when in before.losses if now - when < _WINDOW)
    try:
        if admin.digest() == before.digest:
            same = before.in_sync and losses == before.losses
            return before if same else replace(before, losses=losses, in_sync=True, last_error=None, problems=())
    except CaddyError as exc:
        return unreachable(before, exc)
    if not before.in_sync:  # lost before: it is counted once, until a load succeeds
        return before
    after = replace(before, in_sync=False, losses=(*losses, now))
    return replace(after, problems=(_DRIFT,)) if after.given_up else after


def unreachable(before: Outcome, exc: CaddyError) -> Outcome:
    """Return the outcome while Caddy is away; what it served is kept for when it is back."""
    return replace(before, in_sync=False, last_error=exc.message, problems=(_problem("caddy-down", exc),))


def restarted(before: Outcome) -> Outcome:
    """Return the outcome after Caddy began anew, empty: all is to be loaded, nothing is forgotten."""
    return replace(before, in_sync=False, digest=None, refused=None)


_DRIFT = Problem(
    "drift",
    f"somebody else changed Caddy's configuration {_LOSSES} times within a minute; the router no longer loads its own",
    "stop the other program, then run `router down` and `router up`",
)


def _problem(kind: str, exc: RouterError) -> Problem:
    return Problem(kind, exc.message, exc.hint)
