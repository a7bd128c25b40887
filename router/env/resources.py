"""The variables by which a worktree reaches the databases, queues and caches that are its own."""

from router.data import stock
from router.data.ledger import Ledger
from router.data.variables import variables
from router.env.current import CurrentWorktree
from router.store import Store


def resource_variables(current: CurrentWorktree, store: Store) -> dict[str, str]:
    """Return them, none where `router.toml` names no resources. StoreError where the ledger cannot be read."""
    planned = stock.of_worktree(current.repository, current.worktree, current.memory)
    return variables(planned, Ledger(store.directory).records()) if planned else {}
