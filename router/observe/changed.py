"""What of a repository has changed since it was last looked at: all of it, some worktrees, or nothing."""

from collections.abc import Collection, Mapping

from router.observe.marks import Mark, compared, mark
from router.observe.watched import Watched
from router.values import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Marks:
    """What is watched of a repository, and what it was like before it was last read.

    `names` are those of its administrative directories. A mark is None where the next look must read again: which
    files say something was known only afterwards.
    """

    watched: Watched = field(default_factory=Watched)
    names: tuple[str, ...] = ()
    shared: Mark | None = None
    each: Mapping[str, Mark | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """What is there now, and what of it is new: the `whole`, or the worktrees of these names, which may be gone."""

    marks: Marks
    whole: bool
    names: frozenset[str]


def changed(before: Marks, names: Collection[str]) -> Changed:
    """Return what has changed where there are now administrative directories of these names."""
    shared = _same(before.shared)
    each = {name: _same(before.each.get(name)) for name in before.watched.each}
    new = {name for name, same in each.items() if same is None} | (set(names) ^ set(before.names))
    marks = replace(
        before,
        names=tuple(names),
        shared=shared or mark(before.watched.shared),
        each={name: same or mark(before.watched.each[name]) for name, same in each.items()},
    )
    return Changed(marks, shared is None, frozenset(new))


def after(now: Marks, watched: Watched) -> Marks:
    """Return the marks of what is watched by now; `now` was taken before that was read."""
    shared = now.shared if watched.shared == now.watched.shared else None
    each = {name: now.each.get(name) if files == now.watched.each.get(name) else None
            for name, files in watched.each.items()}  # fmt: skip
    return Marks(watched, now.names, shared, each)


def _same(before: Mark | None) -> Mark | None:
    return compared(before) if before else None
