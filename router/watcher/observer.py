"""What the watcher looks at, and what it sees there: files, sockets, containers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from router.model import Container, Listener, Observed, Repository
from router.observe import survey
from router.observe.containers import Containers
from router.observe.listeners import Listeners
from router.observe.probe import Prober
from router.watcher.events import Signature, Watch, signature


@dataclass(frozen=True, slots=True)
class Look:
    """What tells whether a pass is due: a look that equals the last pass's has found nothing new."""

    files: Signature = ()
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
        self._watched = survey.Watched((), ())

    def start(self) -> None:
        """Start to be woken."""
        self._watch.start()
        self._containers.start()

    def close(self) -> None:
        """Be woken no more."""
        self._watch.close()
        self._containers.close()

    def look(self) -> Look:
        """Return what a change would show in; cheap enough to be asked twice a second."""
        roots = survey.roots(self.repositories)
        self._containers.roots = roots
        return Look(
            files=signature(self._watched.files),
            listeners=self._prober.about(self.listeners.scan(roots)),
            containers=self._containers.found,
        )

    def survey(self, commons: Iterable[str]) -> tuple[Observed, Look]:
        """Return everything as it is now, and the look that a later one is to be compared with.

        That look is taken before anything is read: what changes meanwhile differs from it. Where the survey finds
        other places to watch there is none yet: "watch, then scan" means to survey once more.
        """
        before = self.look()
        self.repositories = survey.repositories(commons, before=self.repositories)
        watched, known = survey.watched(self.repositories), self._watched
        self._watched = watched
        self._watch.follow(watched.directories)
        look = before if watched == known else self.look()
        observed = survey.observed(self.repositories, look.listeners, look.containers, reserved=self._reserved)
        return observed, before if watched == known else Look()
