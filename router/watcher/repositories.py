"""The repositories as their files say: looked at when an event tells of a change, and at rest only now and then."""

import time
from collections.abc import Callable, Sequence

from router.observe.surveys import Surveyed, Surveys
from router.watcher.events import Watch

SETTLED = 3.0  # seconds without a change after which events are trusted,
AGAIN = 2.5  # and seconds between two looks then, at what no event tells: other machines' changes, files further down


class Repositories:
    """Looks at repositories as often as is needed; `wake` is called when it is worth to look at once."""

    def __init__(
        self, wake: Callable[[], None], *, watch: Callable[[Callable[[], None]], Watch] = Watch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._wake = wake
        self._clock = clock
        self._watch = watch(self._on_news)
        self._surveys = Surveys(self._on_news)
        self._news = True
        self._commons: tuple[str, ...] = ()
        self._found = Surveyed()
        self._followed: tuple[int, tuple[str, ...]] = (0, ())
        self._looked = self._changed = float("-inf")

    def start(self) -> None:
        """Start to be woken."""
        self._watch.start()

    def close(self) -> None:
        """Be woken no more."""
        self._watch.close()
        self._surveys.close()

    def look(self, commons: Sequence[str], *, whole: bool = False) -> Surveyed:
        """Return what there is, as `Surveys.look` does; what was found last where nothing is likely to be new."""
        now, commons = self._clock(), tuple(commons)
        if not whole and commons == self._commons and self._rests(now):
            return self._found
        self._news = False  # before the look: what comes while it is made has another one
        found = self._surveys.look(commons, whole=whole)
        if (found.repositories, commons) != (self._found.repositories, self._commons):
            self._changed = now
        self._looked, self._commons, self._found = now, commons, found
        wanted = (found.count, found.directories)
        if wanted != self._followed and self._watch.follow(found.directories):
            self._followed = wanted
        return found

    def _rests(self, now: float) -> bool:
        """Tell whether a look can wait: nothing has changed for a while, and events would tell if it had."""
        quiet = not self._news and now - self._changed > SETTLED and now - self._looked < AGAIN
        return quiet and self._watch.tells_all and self._surveys.is_idle(self._commons)

    def _on_news(self) -> None:
        self._news = True
        self._wake()
