"""The variables by which a worktree reaches the databases, queues and caches that are its own."""

from router.data import stock
from router.data.variables import variables
from router.env.current import CurrentWorktree


def resource_variables(current: CurrentWorktree) -> dict[str, str]:
    """Return them, none where `router.toml` names no resources."""
    return variables(stock.of_worktree(current.repository, current.worktree, current.memory))
