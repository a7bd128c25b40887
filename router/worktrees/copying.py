"""Copies files and whole directories for a new worktree, sharing their blocks where the file system can."""

import contextlib
import errno
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

from router import files
from router.values import dataclass, field

_REMOVED = (FileNotFoundError, NotADirectoryError)  # by another program, since it was listed
_STEP = 1000  # files from one sign of progress to the next
_SMALL = 1 << 16  # bytes that are read and written at once
_BLOCK = 1 << 24

Progress = Callable[[int], None]
"""Is told now and then how many files of a directory have been copied."""


@dataclass(slots=True)
class Copied:
    """What was copied: how many files and bytes, whether all their blocks are shared, and the seconds it took."""

    files: int = 0
    size: int = 0
    shared: bool = True
    seconds: float = 0.0
    progress: Progress = field(default=lambda _: None, repr=False)

    def __str__(self) -> str:
        """Return it as the end of a sentence."""
        how = " that share their blocks with the main checkout's" if self.shared and self.size else ""
        return f"{self.files:,} files, {_size(self.size)}{how}, in {self.seconds:.1f} s"

    def count(self, size: int, *, shared: bool) -> None:
        """Count a file more."""
        self.files, self.size, self.shared = self.files + 1, self.size + size, self.shared and shared
        if self.files % _STEP == 0:
            self.progress(self.files)


def copy(source: Path, target: Path, *, progress: Progress = lambda _: None) -> Copied:
    """Copy a file, a link, or a directory with all that another program does not remove from it meanwhile.

    A link to a file becomes a file with its content: it may lead to somebody's dotfiles, and what is written into the
    worktree's own must not end up there. Links in a directory stay links; FIFOs, sockets and devices in it are left
    out. Modes and times are kept. OSError says what cannot be copied, in its `filename`.
    """
    began, done = time.monotonic(), Copied(progress=progress)
    mode = os.lstat(source).st_mode
    if source.is_file():
        _file(str(source), str(target), done)
    elif stat.S_ISLNK(mode):
        shutil.copy2(source, target, follow_symlinks=False)
    elif stat.S_ISDIR(mode):
        _tree(source, target, done)
    else:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
    done.seconds = time.monotonic() - began
    return done


def _tree(source: Path, target: Path, done: Copied) -> None:
    directories = [(str(source), str(target))]
    for original, copied in directories:
        os.mkdir(copied)  # noqa: PTH102 - text: there are tens of thousands
        with contextlib.suppress(*_REMOVED), os.scandir(original) as entries:
            for entry in entries:
                place = f"{copied}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    directories.append((entry.path, place))
                elif entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(*_REMOVED):
                        _file(entry.path, place, done)
                elif entry.is_symlink():
                    with contextlib.suppress(*_REMOVED):
                        shutil.copy2(entry.path, place, follow_symlinks=False)
                        done.count(0, shared=True)
    for original, copied in reversed(directories[1:]):  # when nothing is written into them any more
        with contextlib.suppress(*_REMOVED):
            shutil.copystat(original, copied)
    shutil.copystat(source, target)


def _file(source: str, target: str, done: Copied) -> None:
    """Copy a regular file with its mode and times; what has become something else since it was listed is left out."""
    original = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(original)
        if not stat.S_ISREG(found.st_mode):
            return
        copied = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            shared = done.shared and files.share_blocks(original, copied)
            if not shared:
                _copy_bytes(original, copied, found.st_size)
            os.fchmod(copied, stat.S_IMODE(found.st_mode))
            os.utime(copied, ns=(found.st_atime_ns, found.st_mtime_ns))
        except OSError as exc:
            raise OSError(exc.errno, exc.strerror, source) from exc
        finally:
            os.close(copied)
    finally:
        os.close(original)
    done.count(found.st_size, shared=shared)


def _copy_bytes(original: int, copied: int, size: int) -> None:
    """Copy a file's bytes: a large one's in the kernel, where it can."""
    if sys.platform == "linux" and size > _SMALL:
        try:
            while os.copy_file_range(original, copied, _BLOCK):
                pass
            return
        except OSError as exc:  # an old kernel between two file systems; nothing was copied then
            if exc.errno not in files.CANNOT_SHARE:
                raise
    while block := os.read(original, _BLOCK):
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(copied, rest) :]


def _size(size: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:  # noqa: PLR2004 - decimal units, as disks are sold
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
