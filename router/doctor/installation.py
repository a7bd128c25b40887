"""What the checks look at: the router as it is set up and runs on this machine."""

from router import hosts
from router.document import Document
from router.settings import Settings
from router.store import RunningWatcher, Store
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Installation:
    """The settings of the machine, the state directory, the watcher that runs and the status document.

    `watcher` is None where none runs, `status` where the worktrees could not be listed.
    """

    settings: Settings
    store: Store
    watcher: RunningWatcher | None = None
    status: Document | None = None

    @property
    def mode(self) -> str:
        """How Caddy runs: what the watcher was started with, else what the settings say."""
        return self.watcher.mode if self.watcher else self.settings.caddy

    @property
    def port(self) -> int:
        """The port that Caddy listens on: what the watcher was started with, else what the settings say."""
        return self.watcher.port if self.watcher else self.settings.port

    @property
    def live_hosts(self) -> tuple[str, ...]:
        """The hosts that are routed now."""
        return hosts.names(self.status) if self.status and self.watcher else ()

    @property
    def running_status(self) -> Document | None:
        """The status document, where a watcher published it; None where it only says what would be routed."""
        return self.status if self.watcher else None
