"""Files of the user's: read as they are, replaced as one step, never through a link."""

import contextlib
import os
import stat
from pathlib import Path

from router.errors import FileError


def text(path: Path) -> str | None:
    """Return a file's text, every byte kept (`surrogateescape`, line ends as they are), None where there is none.

    FileError where it is no file of its own or cannot be read.
    """
    try:
        _check(path)
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _failed(path, "read", exc) from exc


def write(path: Path, content: str, *, mode: int = 0o644) -> None:
    """Replace a file's text as one step; it keeps its mode, a new one gets `mode`.

    FileError where the path is a link or something else than a file (what it leads to may be another worktree's),
    or cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(_check(path).st_mode)
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content.encode("utf-8", "surrogateescape"))
        beside.replace(path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise _failed(path, "written", exc) from exc


def _check(path: Path) -> os.stat_result:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        what = "a link" if stat.S_ISLNK(found.st_mode) else "not a file"
        raise FileError(f"{path} is {what}", hint="replace it by a file of this worktree's own")
    return found


def _failed(path: Path, what: str, exc: OSError) -> FileError:
    return FileError(f"{path} cannot be {what}: {exc.strerror or exc}", hint="mend its permissions, or make room")
