"""What the watcher looks at, and what it sees there: files, sockets, containers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from router.model import Container, Listener, Observed, Repository
from router.observe import survey
from router.observe.containers import Containers
from router.observe.endings import Endings
from router.observe.listeners import Listeners
from router.observe.prober import Prober
from router.observe.surveys import Surveys
from router.watcher.events import Watch


@dataclass(frozen=True, slots=True)
class Look:
    """What tells whether a pass is due: a look that equals the last pass's has found nothing new."""

    repositories: tuple[Repository, ...] = ()
    listeners: tuple[Listener, ...] = ()
    containers: tuple[Container, ...] = ()


class Observer:
    """Looks, cheaply and often; surveys, when asked. `wake` is called when it is worth to look at once."""

    def __init__(self, wake: Callable[[], None], *, reserved: frozenset[int]) -> None:
        self.repositories: tuple[Repository, ...] = ()
        self.listeners = Listeners()
        self._reserved = reserved
        self._watch = Watch(wake)
        self._prober = Prober(wake)
        self._containers = Containers(wake)
        self._endings = Endings(wake)
        self._surveys = Surveys(wake)
        self._followed: tuple[int, tuple[str, ...]] = (0, ())
        self._commons: tuple[str, ...] = ()

    def start(self) -> None:
        """Start to be woken."""
        self._watch.start()
        self._containers.start()
        self._endings.start()

    def close(self) -> None:
        """Be woken no more."""
        self._watch.close()
        self._containers.close()
        self._endings.close()
        self._prober.close()
        self._surveys.close()

    def look(self, *, whole: bool = False) -> Look:
        """Return what is there now; cheap enough to be asked twice a second, as only what has changed is surveyed."""
        found = self._surveys.look(self._commons, whole=whole)
        if (found.count, found.directories) != self._followed:
            self._watch.follow(found.directories)
            self._followed = (found.count, found.directories)
        self._containers.roots = found.real
        listeners = self.listeners.scan(survey.roots(found.repositories), real=found.real)
        self._endings.follow(listeners)
        return Look(
            repositories=found.repositories,
            listeners=self._prober.about(listeners),
            containers=self._containers.found,
        )

    def survey(self, commons: Iterable[str], *, whole: bool = False) -> tuple[Observed, Look]:
        """Return everything as it is now, and the look that a later one is to be compared with.

        `whole` surveys what seems not to have changed as well.
        """
        self._commons = tuple(commons)
        look = self.look(whole=whole)
        self.repositories = look.repositories
        return survey.observed(look.repositories, look.listeners, look.containers, reserved=self._reserved), look
