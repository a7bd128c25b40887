"""Linux's limits on watching files, and whether they are used up."""

import ctypes
import os
from pathlib import Path

from router.values import dataclass

_LIMITS = Path("/proc/sys/fs/inotify")
_IN_ATTRIB = 0x4  # linux/inotify.h


@dataclass(frozen=True, slots=True)
class Limit:
    """One of the limits: its name, its value, and how much of it this user's processes use (None: not known)."""

    name: str
    value: int
    used: int | None


def limits() -> tuple[Limit, ...]:
    """Return the limits of this user; none on a system without inotify."""
    instances, watches = use()
    used_by_name = {"max_user_instances": instances, "max_user_watches": watches}
    return tuple(
        Limit(name, int((_LIMITS / name).read_text()), used)
        for name, used in used_by_name.items()
        if (_LIMITS / name).exists()
    )


def used_up() -> str | None:
    """Return the limit that keeps one more directory from being watched, None where none does. It tries one."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0:
        return "max_user_instances"
    try:
        return "max_user_watches" if libc.inotify_add_watch(descriptor, b"/", _IN_ATTRIB) < 0 else None
    finally:
        os.close(descriptor)


def use(proc: Path = Path("/proc")) -> tuple[int | None, int | None]:
    """Return how many instances and watches the visible processes of this user have; None where none is visible."""
    own, instances, watches = os.getuid(), 0, 0
    try:
        processes = [entry.path for entry in os.scandir(proc) if entry.name.isdecimal()]
    except OSError:
        return None, None
    for process in processes:
        for descriptor in _descriptors(process, own):
            instances += 1
            watches += _watches(f"{process}/fdinfo/{descriptor}")
    return instances, watches


def _descriptors(process: str, owner: int) -> list[str]:
    try:
        if os.stat(process).st_uid != owner:  # noqa: PTH116 - for hundreds of processes, a Path for each costs more
            return []
        names = os.listdir(f"{process}/fd")  # noqa: PTH208 - as above
        return [name for name in names if os.readlink(f"{process}/fd/{name}") == "anon_inode:inotify"]  # noqa: PTH115
    except OSError:
        return []


def _watches(path: str) -> int:
    try:
        return Path(path).read_bytes().count(b"inotify wd:")
    except OSError:
        return 0
