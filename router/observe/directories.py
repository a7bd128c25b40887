"""Whether a directory is there, where disks may fail: what cannot be asked is not gone."""

import errno
import os
import stat

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}


def is_directory(path: str) -> bool:
    """Tell whether a directory is there. OSError where nobody can say: its disk fails, or its parent is closed."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - as text: there are thousands
    except ValueError:  # a NUL
        return False
    except OSError as exc:
        if exc.errno in _ABSENT:
            return False
        raise


def may_be_there(path: str) -> bool:
    """Tell whether a directory is there, or nobody can say."""
    try:
        return is_directory(path)
    except OSError:
        return True


def inode(path: str) -> tuple[int, int] | None:
    """Return what is the same for two paths that lead to one place, None where that cannot be said."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
