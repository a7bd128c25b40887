"""The variables by which a worktree reaches the databases, queues and caches that are its own."""

from pathlib import Path

from router.env.current import CurrentWorktree


def resource_variables(current: CurrentWorktree, *, state: Path) -> dict[str, str]:
    """Return them, none where `router.toml` names no resources; `state` is the state directory."""
    if not current.repository.resources:
        return {}
    from router.data import stock  # here: few repositories have any
    from router.data.variables import variables

    return variables(stock.of_worktree(current.repository, current.worktree, current.memory, state=state))
