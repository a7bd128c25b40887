"""What the watcher looks at, and what it sees there: files, sockets, containers."""

from collections.abc import Callable, Iterable

from router.model import Container, Listener, Observed, Repository
from router.observe import survey
from router.observe.containers import Containers
from router.observe.endings import Endings
from router.observe.listeners import Listeners
from router.observe.own_connections import OwnConnections
from router.observe.prober import Prober
from router.values import dataclass, replace
from router.watcher.repositories import Repositories


@dataclass(frozen=True, slots=True)
class Look:
    """What tells whether a pass is due: a look that equals the last pass's has found nothing new."""

    repositories: tuple[Repository, ...] = ()
    listeners: tuple[Listener, ...] = ()
    containers: tuple[Container, ...] = ()

    def is_news(self, before: "Look") -> bool:
        """Tell whether there is anything that an earlier look had not; what git is still making is nothing yet."""
        return self != before and _without_unmade(self) != _without_unmade(before)


class Observer:
    """Looks, cheaply and often; surveys, when asked. `wake` is called when it is worth to look at once."""

    def __init__(self, wake: Callable[[], None], *, reserved: frozenset[int]) -> None:
        self.repositories: tuple[Repository, ...] = ()
        self.listeners = Listeners()
        self.own = OwnConnections()
        self._reserved = reserved
        self._prober = Prober(wake, dialled=self.own.add)
        self._containers = Containers(wake)
        self._endings = Endings(wake)
        self._repositories = Repositories(wake)
        self._commons: tuple[str, ...] = ()

    def start(self) -> None:
        """Start to be woken."""
        self._repositories.start()
        self._containers.start()
        self._endings.start()

    def close(self) -> None:
        """Be woken no more."""
        self._repositories.close()
        self._containers.close()
        self._endings.close()
        self._prober.close()

    def ask_for_pages(self, servers: frozenset[tuple[int | None, int]]) -> None:
        """Have these servers asked for their page, each once; they are named by process and port."""
        self._prober.wanted = servers

    def look(self, *, whole: bool = False) -> Look:
        """Return what is there now; cheap enough to be asked each second, as only what has changed is surveyed."""
        found = self._repositories.look(self._commons, whole=whole)
        self._containers.roots = found.real
        listeners = self.listeners.scan(survey.roots(found.repositories), real=found.real)
        self._endings.follow(listeners)
        return Look(
            repositories=found.repositories,
            listeners=self._prober.about(listeners, waiting=self.listeners.waited_at),
            containers=self._containers.found,
        )

    def survey(self, commons: Iterable[str], *, whole: bool = False, look: Look | None = None) -> tuple[Observed, Look]:
        """Return everything as it is now, and the look that a later one is to be compared with.

        `whole` surveys what seems not to have changed as well. `look` is one that has just been made: it counts where
        it was at the same repositories.
        """
        before, self._commons = self._commons, tuple(commons)
        if look is None or whole or before != self._commons:
            look = self.look(whole=whole)
        self.repositories = look.repositories
        return survey.observed(look.repositories, look.listeners, look.containers, reserved=self._reserved), look


def _without_unmade(look: Look) -> Look:
    trees = ((each, tuple(tree for tree in each.worktrees if tree.made)) for each in look.repositories)
    return replace(look, repositories=tuple(replace(each, worktrees=made) for each, made in trees))
