"""What is routed: each worktree with its names and services, and the problems there are."""

from router.model import Problem, Wake, Worktree
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """A service of a routed worktree: where requests for it go, and why there.

    It is `blocked` where another user's socket has its port, or one that two owners share: then requests for it lead
    nowhere, as whoever answers there would get this worktree's cookies and codes. It is not `seen` where nothing says
    that there is such a service in its repository. `wakes` is how a visit starts its server while it is
    down, None where none does.
    """

    name: str
    port: int
    address: str
    source: str
    up: bool = False
    pid: int | None = None
    program: str | None = None
    tls: bool = False
    path: str | None = None
    strip_path: bool = False
    blocked: bool = False
    wakes: Wake | None = None
    framework: str | None = None
    seen: bool = True
    answers: bool = True

    @property
    def state(self) -> str:
        """`up`, `down`, or `not-answering`: its server accepts connections and says nothing."""
        return "down" if not self.up else "up" if self.answers else "not-answering"


@dataclass(frozen=True, slots=True)
class FormerName:
    """A name that was a worktree's until lately, and leads to it still: a sign-in may have begun on its host.

    `until` is when that ends, in seconds since the epoch; None where it stays an alias.
    """

    name: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A worktree with its label, its other names and its services; the first service is `web`.

    `former` are those of the aliases that were its names until lately, `left` the names that it had before and that
    lead nowhere now. `mask` is whether an app that takes its redirect URI from the host that was asked is given the
    registered host.
    """

    name: str
    worktree: Worktree
    repository: str
    aliases: tuple[str, ...]
    services: tuple[Service, ...]
    problems: tuple[Problem, ...] = ()
    mask: bool = True
    former: tuple[FormerName, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The label and the aliases: every name this worktree answers to."""
        return (self.name, *self.aliases)

    def service(self, name: str) -> Service | None:
        """The service of that name, None where this worktree has none."""
        return next((s for s in self.services if s.name == name), None)


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Every route, sorted by name, and the problems that belong to no single route."""

    routes: tuple[Route, ...] = ()
    callback_paths: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
