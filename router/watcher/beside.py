"""What a watcher does beside its passes, as it takes longer than a look."""

from dataclasses import dataclass

from router.model import Repository, RouteTable
from router.remembered import Memory
from router.watcher.orphans import Orphans
from router.watcher.resources import Resources
from router.watcher.start_commands import StartCommands


@dataclass(frozen=True, slots=True)
class Beside:
    """The tasks that are told of each pass and answer when they can."""

    orphans: Orphans
    start_commands: StartCommands
    resources: Resources

    @property
    def found(self) -> tuple[object, ...]:
        """What they have found by now: it changes when there is something new to show."""
        return self.orphans.found, self.start_commands.found, self.resources.shown

    def start(self) -> None:
        """Begin to wait for a reason to look."""
        self.orphans.start()

    def about(self, table: RouteTable, memory: Memory, repositories: tuple[Repository, ...]) -> None:
        """Tell them what is true by now. Waits for nothing."""
        self.orphans.about(memory, repositories)
        self.start_commands.about(table)
        self.resources.about(repositories, memory)

    def close(self) -> None:
        """Begin nothing more."""
        self.orphans.close()
        self.start_commands.close()
        self.resources.close()
