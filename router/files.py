"""Files: read within bounds, and replaced as one step, so that a reader sees the old text or the new one."""

import contextlib
import errno
import fcntl
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from router.errors import FileError

LARGEST = 16 << 20  # bytes of a text that `text` reads
_CHUNK = 1 << 16
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # a FIFO or a leased file never makes us wait
CANNOT_SHARE = {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM}
"""What `share_blocks` and `copy_file_range` fail with where a file system cannot."""
_FICLONE = 0x40049409  # ioctl_ficlone(2)
_HINTS = {
    errno.ENOSPC: "free some space and try again",
    errno.EDQUOT: "free some of your disk quota and try again",
    errno.EROFS: "its file system is read-only: remount it, or choose another place",
    errno.EACCES: "fix its permissions, or those of its directory",
    errno.EPERM: "fix its permissions, or those of its directory",
}


def read_bounded(path: Path, *, limit: int, follow_links: bool = True) -> bytes | None:
    """Return the content of a regular file of at most `limit` bytes, None where there is none.

    Never waits: what is no regular file (a FIFO, a device, a socket, a directory) is refused before it is opened, and
    again afterwards, since something else may have taken its place. FileError says why in its `reason`.
    """
    try:
        _expect_regular(path.stat(follow_symlinks=follow_links))
        descriptor = os.open(path, _OPEN | (0 if follow_links else os.O_NOFOLLOW))
        try:
            return _content(descriptor, limit)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as exc:
        raise _failed(path, "read", exc) from exc


def is_absent(path: str) -> bool:
    """Tell whether nothing is at a path: cheaper than to open it, where most of what is asked about is not there."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return False


def text(path: Path, *, limit: int = LARGEST) -> str | None:
    """Return a file's text, every byte kept (`surrogateescape`, line ends as they are), None where there is none.

    FileError where it is a link, no regular file, larger than `limit` bytes, or cannot be read.
    """
    content = read_bounded(path, limit=limit, follow_links=False)
    return None if content is None else content.decode("utf-8", "surrogateescape")


def write(path: Path, content: str, *, mode: int = 0o644) -> None:
    """Replace the text of a user's file as one step; it keeps its mode, a new file gets `mode`.

    FileError where the path is a link or no regular file (what it leads to may be another worktree's), or cannot be
    written; the file is then as it was.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(path)
            _expect_regular(status)
            mode = stat.S_IMODE(status.st_mode)
    except (OSError, ValueError) as exc:
        raise _failed(path, "written", exc) from exc
    replace(path, content, mode=mode, durable=True)


def replace(path: Path, content: str, *, mode: int = 0o600, durable: bool = False) -> None:
    """Put a file with this text and mode in a path's place as one step, whatever is there unless it is a directory.

    With `durable` the text is on the disk before it takes its place, so that a power loss leaves the old or the new
    one. FileError where it cannot be written; the path is then as it was.
    """
    try:
        data = content.encode("utf-8", "surrogateescape")
        with beside(path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)  # whatever the umask
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(descriptor)
    except (OSError, ValueError) as exc:
        raise _failed(path, "written", exc) from exc


def remove(path: Path) -> bool:
    """Remove a file, and tell whether there was one. FileError says why it stays."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise _failed(path, "removed", exc) from exc
    return True


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yield a new name in a path's directory; what the block creates there replaces the path as one step.

    Where the block fails or is interrupted, what it created is removed. Raises OSError as `rename` does.
    """
    temporary = path.with_name(f".router-{os.urandom(4).hex()}.new")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        _remove(temporary)


def make_private_directory(directory: Path) -> None:
    """Create a directory and those missing above it, each closed to other users whatever the umask.

    An existing directory stays as it is. FileError where it cannot be created.
    """
    try:
        _make_private(directory)
    except (OSError, ValueError) as exc:
        raise _failed(directory, "created", exc) from exc


def _make_private(directory: Path) -> None:
    missing = [directory]
    while missing:  # a loop: a path may have more parts than Python allows calls within calls
        try:
            missing[-1].mkdir(mode=0o700, exist_ok=True)
            missing.pop()
        except FileNotFoundError:
            if missing[-1].parent == missing[-1]:
                raise
            missing.append(missing[-1].parent)


def share_blocks(original: int, copied: int) -> bool:
    """Have a file share the blocks of another one, as Btrfs, XFS and others can; False where it cannot.

    Both are descriptors of open files. OSError for anything else that goes wrong, a full disk say.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(copied, _FICLONE, original)
    except OSError as exc:
        if exc.errno not in CANNOT_SHARE:
            raise
        return False
    return True


class _UnfitError(ValueError):
    """What is in a file's place is not what it should be."""

    def __init__(self, reason: str, *, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


def _expect_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        what = "a link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
        raise _UnfitError(f"it is {what}", hint="put a regular file in its place")


def _content(descriptor: int, limit: int) -> bytes:
    status = os.fstat(descriptor)
    _expect_regular(status)
    content = bytearray()
    if status.st_size <= limit:
        while len(content) <= limit and (chunk := os.read(descriptor, _CHUNK)):  # it may grow meanwhile
            content += chunk
    if status.st_size > limit or len(content) > limit:
        raise _UnfitError(f"it is larger than {_size(limit)}", hint="make it smaller")
    return bytes(content)


def _size(count: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count // unit} {name}"
    return f"{count} bytes"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        import shutil  # here: it brings every compressor, and only directories need it

        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _failed(path: Path, what: str, exc: OSError | ValueError) -> FileError:
    if isinstance(exc, OSError):
        reason, hint = exc.strerror or str(exc), _HINTS.get(exc.errno or 0, "see what is there, and try again")
    else:
        reason, hint = str(exc), exc.hint if isinstance(exc, _UnfitError) else "choose another name or text"
    return FileError(f"{path} cannot be {what}: {reason}", hint=hint, reason=reason)


def take_lock(descriptor: int, *, patience: float) -> bool:
    """Wait for the lock of an open file, and tell whether it is taken; whoever has it may be stopped.

    `patience` is in seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True
