"""Which worktrees are routed, oldest first, and why the others are not."""

from collections.abc import Iterable, Iterator

from router.model import Override, Problem, Repository, ServiceSpec, Worktree
from router.text import shown

Routable = tuple[Repository, Worktree]


def routable(repositories: Iterable[Repository]) -> tuple[Routable, ...]:
    """Return every worktree that is routed: by repository, the main checkout first, then by creation and path."""
    return tuple(
        (repository, worktree)
        for repository in repositories
        for worktree in sorted(repository.worktrees, key=lambda each: (not each.main, each.id.created, each.path))
        if worktree.present and worktree.made and worktree.same_as is None and not hidden(repository, worktree)
    )


def services_of(repository: Repository, worktree: Worktree) -> tuple[ServiceSpec, ...]:
    """Return the services of a worktree: those of all, and those that its files alone name."""
    known = {spec.name for spec in repository.services}
    return (*repository.services, *(spec for spec in worktree.services if spec.name not in known))


def override(repository: Repository, worktree: Worktree) -> Override | None:
    """Return what `router.toml` says of a worktree, by its branch."""
    return repository.overrides.get(worktree.branch) if worktree.branch else None


def hidden(repository: Repository, worktree: Worktree) -> bool:
    """Tell whether `router.toml` hides a worktree."""
    settings = override(repository, worktree)
    return bool(settings and settings.hide)


def not_routed(repository: Repository) -> Iterator[Problem]:
    """Yield why worktrees of a repository have no route; one that is hidden, or that git is still adding, is fine."""
    for worktree in repository.worktrees:
        if worktree.made and not worktree.present:
            yield Problem(
                "missing-directory",
                f"git knows a worktree at {shown(worktree.path)}, but the directory is gone; it is not routed",
                "run `git worktree prune`, or `git worktree repair` where it was moved",
            )
        elif worktree.made and worktree.same_as is not None:
            yield Problem(
                "same-directory",
                f"the worktree at {shown(worktree.path)} leads to the directory of another one, "
                f"{shown(worktree.same_as)}; only that one is routed",
                f"remove the link, or run `git worktree repair` in {shown(worktree.path)}",
            )
