"""What a worktree is called in servers that others use too: databases, queues, caches, Compose."""

from router.values import dataclass


@dataclass(frozen=True, slots=True)
class WrittenNames:
    """What the router's own block in a worktree's files calls it, and the branch that it had then."""

    branch: str
    project: str
    scope: str


def database_name(project: str) -> str:
    """Return the name of a project's database: letters, digits and `_`, no digit first.

    Two projects never share a name: a project has single hyphens and no `_`.
    """
    name = project.replace("-", "_")
    return f"_{name}" if name[:1].isdigit() else name
