"""What a watcher does beside its passes, as it takes longer than a look."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from router.model import Repository
from router.processes import guard
from router.remembered import Memory
from router.route_table import RouteTable
from router.settings import Settings
from router.sleep.shown import asleep
from router.store import Store
from router.trust.resources import Provider
from router.values import dataclass
from router.watcher.events import Wake
from router.watcher.orphans import Orphans
from router.watcher.recent import Recent
from router.watcher.resources import Resources
from router.watcher.servers import Servers
from router.watcher.sleeping import Sleeping
from router.watcher.start_commands import StartCommands
from router.watcher.waking import Waking


@dataclass(frozen=True, slots=True)
class Beside:
    """The tasks that are told of each pass and answer when they can."""

    orphans: Orphans
    start_commands: StartCommands
    resources: Resources
    servers: Servers
    sleeping: Sleeping
    waking: Waking
    recent: Recent

    @classmethod
    def of(
        cls, settings: Settings, store: Store, *, wake: Wake, own: Callable[[int, int], bool],
        say: Callable[[str], None],
    ) -> "Beside":  # fmt: skip
        """Return those of a state directory; `wake` is told when one of them has news.

        `own` tells whether a connection is the router's own, by its two ports; `say` takes lines for people.
        """
        routers = partial(guard.routers, store)
        orphans = Orphans(wake.look, least=settings.reap_memory, auto=settings.reap == "auto", routers=routers)
        resources = Resources(wake.set, Provider(settings, store))
        sleeping = Sleeping(wake.set, settings, store, own=own, routers=routers, say=say)
        waking = Waking(settings, store, environ=os.environ)
        servers, recent = Servers(store), Recent(store, own)
        return cls(orphans, StartCommands(wake.look), resources, servers, sleeping, waking, recent)

    @property
    def found(self) -> tuple[object, ...]:
        """What they have found by now: it changes when there is something new to show."""
        resources = self.resources
        return (
            self.orphans.found, self.start_commands.found, resources.shown, resources.problems, resources.servers,
            self.servers.shown, self.sleeping.shown,
        )  # fmt: skip

    @property
    def frame(self) -> dict[str, Any]:
        """What the status document has of resources, of servers that were started, and of worktrees that sleep."""
        return {
            "resources": self.resources.shown,
            "data_servers": tuple(each.entry for each in self.resources.servers),
            "servers": asleep(self.servers.shown, self.sleeping.shown),
            "sleep": self.sleeping.shown,
        }

    def start(self) -> None:
        """Begin to wait for a reason to look."""
        self.orphans.start()
        self.sleeping.start()
        self.recent.start()

    def about(self, table: RouteTable, memory: Memory, repositories: tuple[Repository, ...]) -> None:
        """Tell them what is true by now. Waits a moment for files at the most."""
        self.orphans.about(memory, repositories)
        self.start_commands.about(table)
        self.waking.about(table)
        self.recent.about(table)
        self.resources.about(repositories, memory)
        self.servers.about(table)
        self.sleeping.about(table, repositories, memory)

    def close(self) -> None:
        """Begin nothing more."""
        self.orphans.close()
        self.start_commands.close()
        self.resources.close()
        self.servers.close()
        self.sleeping.close()
        self.recent.close()
