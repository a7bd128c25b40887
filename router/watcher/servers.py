"""The servers that the router started, as each pass finds them, and how others were started: that is learnt.

What was started is known whoever started it, and however long ago.
"""

from collections.abc import Iterator, Mapping
from functools import partial

from router.model import WorktreeId
from router.observe.lanes import Lanes
from router.route_table import RouteTable
from router.servers import learnt, shown
from router.servers.learnt import Seen
from router.status import ServerState
from router.store import Store


class Servers:
    """The states of started servers, by worktree."""

    def __init__(self, store: Store) -> None:
        self.shown: Mapping[WorktreeId, tuple[ServerState, ...]] = {}
        self._store = store
        self._lanes: Lanes[str, None] = Lanes(threads=1)
        self._looked: frozenset[Seen] = frozenset()

    def about(self, table: RouteTable) -> None:
        """Look which of them run, and learn how those were started that are new. Waits for nothing."""
        self.shown = shown.states(self._store)
        up = frozenset(_listening(table))
        new = tuple(sorted(up - self._looked))
        free = self._lanes.is_free("")
        if new or not free:
            self._lanes.run({"": partial(learnt.learn, self._store, new)}, patience=0)
        if free:
            self._looked = up

    def close(self) -> None:
        """Learn no more."""
        self._lanes.close()


def _listening(table: RouteTable) -> Iterator[Seen]:
    for route in table.routes:
        tree, up = route.worktree, (each for each in route.services if each.up)
        yield from ((tree.id, tree.path, each.name, each.pid) for each in up if each.pid is not None)
