"""Which names no route has and yet nobody else may have: of worktrees that are there unrouted, or gone a moment ago."""

from collections.abc import Collection, Iterable, Mapping

from router.model import Repository, Worktree, WorktreeId
from router.remembered import GoneWorktree, RememberedWorktree
from router.routes.former import held_names
from router.routes.gone import inherits, unavailable
from router.routes.repositories import row
from router.routes.routable import Routable
from router.routes.wishes import named_label
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class ReservedNames:
    """Names that no route has.

    `unrouted` are those of worktrees that are hidden or missing, or of a served repository that has not answered.
    `rows` are those of numbered checkouts that nobody looks at now, by row: they will be routed side by side.
    `gone` are those of worktrees that have been gone for a short while, `elsewhere` those of repositories that are not
    served, rows among them.
    """

    unrouted: Mapping[str, WorktreeId]
    rows: Mapping[str, Mapping[str, WorktreeId]]
    gone: Mapping[str, GoneWorktree]
    elsewhere: frozenset[str]

    def is_remembered(self, name: str) -> bool:
        """Tell whether a worktree that is not routed now has a name, also one that somebody new might have."""
        return name in self.unrouted or name in self.elsewhere

    def holder(self, name: str, repository: Repository, worktree: Worktree) -> str | None:
        """Return the common directory of the worktree for which a name is kept, None where this one may have it."""
        for names in (self.unrouted, self.rows.get(row(repository.path) or "", {})):
            if holder := names.get(name):
                return holder.common_dir
        gone = self.gone.get(name)
        if gone is None or inherits(worktree, gone) or name == named_label(repository, worktree):
            return None
        return gone.id.common_dir


def reserved_names(
    routed: Iterable[Routable],
    kept: Mapping[WorktreeId, RememberedWorktree],
    gone: Iterable[GoneWorktree],
    *,
    served: Collection[str],
    now: float,
) -> ReservedNames:
    """Return the names that are reserved; `served` are the common directories of the repositories that are served."""
    ids = {worktree.id for _, worktree in routed}
    unrouted: dict[str, WorktreeId] = {}
    rows: dict[str, dict[str, WorktreeId]] = {}
    elsewhere: set[str] = set()
    for known in kept.values():
        if known.id in ids:
            continue
        names = dict.fromkeys(held_names(known, now=now), known.id)
        if known.id.common_dir in served:
            unrouted |= names
        else:
            elsewhere |= names.keys()
            if of := row(known.id.common_dir.removesuffix("/.git")):
                rows.setdefault(of, {}).update(names)
    return ReservedNames(unrouted, rows, unavailable(gone, now=now), frozenset(elsewhere))
