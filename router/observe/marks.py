"""What files were like at one moment, kept so that it costs little to tell whether they still are.

Most of the files that may say something of a worktree are not there. None of them is asked about again while the
directory that it would be in has the time that it had: an entry that comes or goes changes that.
"""

import os
import time
from collections.abc import Iterable

from router.files import is_absent
from router.observe.watched import Stamp, stamp
from router.values import dataclass

_SETTLED = 2 * 10**9
"""Nanoseconds after which a directory's time counts: within a step of its clock, one more entry would not show."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of some files: those that each are asked about, those that are absent, and the directories that tell.

    What a directory does not tell is asked about though it is not there: the target of a link. `settled` is whether
    the directories have not changed for long enough that their times count.
    """

    asked: tuple[tuple[str, Stamp | None], ...] = ()
    absent: tuple[str, ...] = ()
    directories: tuple[tuple[str, Stamp], ...] = ()
    settled: bool = True


def mark(files: Iterable[str], *, now: int | None = None) -> Mark:
    """Return the mark of files as they are now; `now` is in nanoseconds since the epoch, by default this moment."""
    asked: list[tuple[str, Stamp | None]] = []
    absent: list[str] = []
    around: dict[str, Stamp | None] = {}
    for path in files:
        found = stamp(path)
        if found is None and _is_told(path, around):
            absent.append(path)
        else:
            asked.append((path, found))
    directories = tuple((path, found) for path, found in around.items() if found is not None)
    young = (time.time_ns() if now is None else now) - _SETTLED
    return Mark(tuple(asked), tuple(absent), directories, all(changed < young for _, (_, _, changed, _) in directories))


def compared(before: Mark, *, now: int | None = None) -> Mark | None:
    """Return the mark of the same files now, None where one of them has changed, has come, or is gone."""
    if any(stamp(path) != seen for path, seen in before.asked):
        return None
    if before.settled and all(stamp(path) == seen for path, seen in before.directories):
        return before
    after = mark((*(path for path, _ in before.asked), *before.absent), now=now)
    return after if (after.asked, after.absent) == (before.asked, before.absent) else None


def _is_told(path: str, around: dict[str, Stamp | None]) -> bool:
    """Tell whether a path is absent, and directories would show that it comes: `around` has them by their entries.

    Those are asked first: what comes later is then seen either here or by the time of its directory.
    """
    place = path.rstrip("/")
    parent = f"{os.path.dirname(place).rstrip('/')}/"  # noqa: PTH120 - as text: there are hundreds
    if parent not in around:
        around[parent] = stamp(parent)
    if around[parent] is None and (parent == "/" or not _is_told(parent, around)):
        return False
    return is_absent(place)
