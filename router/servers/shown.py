"""The states of all servers that the router started, as whoever shows the status asks for them."""

from collections.abc import Mapping

from router.model import WorktreeId
from router.servers import log, records
from router.servers.states import failed, state
from router.status import ServerState
from router.store import Store


def states(store: Store) -> Mapping[WorktreeId, tuple[ServerState, ...]]:
    """Return the states by worktree. Cheap enough to be asked at each look; raises nothing."""
    found: dict[WorktreeId, tuple[ServerState, ...]] = {}
    for server in records.every(store):
        told = state(server, said=log.said(server) if failed(server) else (), quiet=log.quiet(server))
        found[server.record.worktree] = (*found.get(server.record.worktree, ()), told)
    return found
