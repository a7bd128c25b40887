"""What each worktree would be called if nobody else had that name: by its branch, its repository or `router.toml`."""

import functools
from collections.abc import Collection, Mapping
from pathlib import PurePath

from router.model import Repository, Worktree, WorktreeId
from router.naming import label, names_nothing
from router.routes.routable import Routable, override
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """The names that a worktree asks for, as labels.

    `natural` is the one that it is to have. `wanted` is that of its branch, or the one in `router.toml`: `natural` is
    the same but for the main checkout of every repository after the first, which is called by its repository.
    `repository` is that name, None where the worktree is not to be called by it; `prefixed` is `wanted` with it in
    front, and `branch_alias` the same for a main checkout that has a branch; `directory` is that of its directory.
    """

    natural: str
    wanted: str
    prefixed: str
    directory: str
    repository: str | None = None
    branch_alias: str | None = None


def wishes(
    routed: tuple[Routable, ...], *, repositories: Mapping[str, str], first: str | None
) -> dict[WorktreeId, Wish]:
    """Return what each worktree asks for.

    `repositories` are the repositories' names by common directory; `first` is the common directory of the one that has
    been served for longest.
    """
    return {
        worktree.id: _wish(repository, worktree, title=repositories[repository.common_dir], first=first)
        for repository, worktree in routed
    }


def wanted(repository: Repository, worktree: Worktree) -> str:
    """Return the label that a worktree's branch asks for, or `router.toml` for it; its directory's without a branch."""
    if named := named_label(repository, worktree):
        return named
    return label(_stripped(worktree.branch, repository.strip)) if worktree.branch else directory_label(worktree)


def named_label(repository: Repository, worktree: Worktree) -> str | None:
    """Return the label that `router.toml` gives to this very worktree, None where it gives none."""
    settings = override(repository, worktree)
    return label(settings.name) if settings and settings.name else None


def directory_label(worktree: Worktree) -> str:
    """Return the label of the directory's own name."""
    return _label_at(worktree.path)


def _wish(repository: Repository, worktree: Worktree, *, title: str, first: str | None) -> Wish:
    own = wanted(repository, worktree)
    prefixed = label(f"{title}-{own}")
    by_repository = label(title) if worktree.main and named_label(repository, worktree) is None else None
    return Wish(
        natural=by_repository if by_repository and repository.common_dir != first else own,
        wanted=own,
        prefixed=prefixed,
        directory=directory_label(worktree),
        repository=by_repository,
        branch_alias=prefixed if by_repository and worktree.branch else None,
    )


def _stripped(branch: str, prefixes: Collection[str]) -> str:
    """Return a branch without the longest of these prefixes that leaves something to call it by."""
    lengths = (len(each) for each in prefixes if branch.startswith(each) and not names_nothing(branch[len(each) :]))
    return branch[max(lengths, default=0) :]


@functools.lru_cache(maxsize=8192)  # every pass asks again for every worktree, several times
def _label_at(path: str) -> str:
    return label(PurePath(path).name)
