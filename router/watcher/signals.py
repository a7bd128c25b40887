"""What signals ask of the watcher: to stop, or to look at everything again."""

import contextlib
import signal
from collections.abc import Iterator

from router.watcher.events import Wake


class Signals:
    """Flags that signal handlers set, and nothing else: the loop reads them when it is awake."""

    def __init__(self, wake: Wake) -> None:
        self.stop = False
        self.resync = False
        self._wake = wake

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until something wakes the loop; tell whether to go on."""
        self._wake.wait(seconds)
        return not self.stop

    def take_resync(self) -> bool:
        """Tell whether a look at everything was asked for since the last call."""
        asked, self.resync = self.resync, False
        return asked

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals for as long as the block runs; those that whoever started us has us ignore stay ignored."""

        def stop(*_: object) -> None:
            self.stop = True
            self._wake.set()

        def resync(*_: object) -> None:
            self.resync = True
            self._wake.set()

        def wake(*_: object) -> None:
            self._wake.set()

        def look(*_: object) -> None:  # a git of ours has ended, most times; Caddy is started again all the same
            self._wake.look()

        chosen = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: stop,
                  signal.SIGUSR1: resync, signal.SIGCHLD: look, signal.SIGCONT: wake}  # fmt: skip
        heeded = {n: handler for n, handler in chosen.items() if signal.getsignal(n) is not signal.SIG_IGN}  # nohup(1)
        before = {number: signal.signal(number, handler) for number, handler in heeded.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
