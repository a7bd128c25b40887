"""What stays of a worktree's directory where a program writes into it while git removes it, and how that is cleared."""

import contextlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from router import files
from router.errors import FileError, GitError
from router.text import shown
from router.values import asdict, dataclass
from router.worktrees import checkout_files
from router.worktrees.git_commands import Checkout

Say = Callable[[str], None]
_RECORDS = "worktree-router-removals"  # in the common git directory: what is being removed
_LARGEST = 1 << 26  # bytes of a record: it has the path of every file
_ROUNDS = 20
_NAMED = 5
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal that has begun: which directory it is of, the branch that goes with it, and what was in it.

    `there` are its files and, with a slash at the end, directories whose whole content may go: ignored ones and
    submodules.
    """

    device: int
    inode: int
    branch: str | None
    there: tuple[str, ...]


def begin(checkout: Checkout, branch: str | None) -> Removal:
    """Note what is in a worktree before git removes it, so that a second try can go on; it has to be there."""
    found = checkout.root.lstat()
    removal = Removal(found.st_dev, found.st_ino, branch, (".git", *checkout_files.content(checkout.root)))
    with contextlib.suppress(FileExistsError):
        _record(checkout).parent.mkdir()
    files.replace(_record(checkout), json.dumps(asdict(removal), ensure_ascii=True))
    return removal


def begun(checkout: Checkout) -> Removal | None:
    """Return the removal of a worktree that was not finished, None where there is none."""
    try:
        text = files.text(_record(checkout), limit=_LARGEST)
        if text is None:
            return None
        content = json.loads(text)
        return Removal(**{**content, "there": tuple(content["there"])})
    except (FileError, ValueError, TypeError, KeyError):
        return None


def finish(checkout: Checkout, removal: Removal, *, say: Say) -> None:
    """Clear what git left of a worktree, and forget its removal.

    Nothing goes where the directory is another one by now, or has a mount inside; no link is followed. A file that is
    neither ignored nor was there before is kept: then the directory moves aside, so that its name is free. GitError
    where a program goes on writing.
    """
    root = checkout.root
    if os.path.lexists(root):
        kept = _cleared(checkout, removal)
        if kept:
            aside = _aside(root)
            root.rename(aside)
            more = f" and {len(kept) - _NAMED} more" if len(kept) > _NAMED else ""
            names = ", ".join(map(shown, kept[:_NAMED]))
            say(f"kept {names}{more} in {shown(str(aside))}: written while the worktree was removed")
    _record(checkout).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        _record(checkout).parent.rmdir()


def _cleared(checkout: Checkout, removal: Removal) -> tuple[str, ...]:
    """Remove what may go, and return the files that stay."""
    left: tuple[str, ...] = ()
    known = frozenset(removal.there)
    for _ in range(_ROUNDS):  # a program may still write
        with _opened(checkout.root, removal) as top:
            if mounts := _mounts(checkout.root):
                what = f"{shown(mounts[0])} is mounted inside what is left of {shown(str(checkout.root))}"
                raise GitError(what, hint=f"`umount {shown(mounts[0])}`, then remove the worktree again")
            unknown = [path for path in _files(top) if not _was_there(path, known)]
            kept = set(unknown) - set(checkout_files.ignored(checkout.main, unknown))
            left = tuple(_remove(top, kept))
        with contextlib.suppress(OSError):
            checkout.root.rmdir()
            return ()
        if kept:
            return tuple(sorted(kept))
    what = ", ".join(map(shown, left[:_NAMED])) or "it"
    raise GitError(
        f"a program still writes into {shown(str(checkout.root))}: {what}",
        hint="end it (`router whose PATH` names those that work there), then remove the worktree again",
    )


def _was_there(path: str, known: frozenset[str]) -> bool:
    """Tell whether a file was in the directory before, or is in one whose content may go."""
    parts = path.split("/")
    return path in known or any("/".join(parts[:end]) + "/" in known for end in range(1, len(parts)))


@contextlib.contextmanager
def _opened(root: Path, removal: Removal) -> Iterator[int]:
    """Open a directory that has to be the one that is being removed. GitError where it is another one."""
    try:
        top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as exc:
        raise GitError(f"{root} cannot be cleared: {exc.strerror}", hint="see what is there") from exc
    try:
        found = os.fstat(top)
        if (found.st_dev, found.st_ino) != (removal.device, removal.inode):
            raise GitError(f"{root} is another directory by now, and was left alone", hint="see whose it is")
        yield top
    finally:
        os.close(top)


def _files(top: int) -> Iterator[str]:
    """Yield what is in a directory and below it and is no directory, links included. GitError for another disk."""
    device = os.fstat(top).st_dev
    for place, directories, names, descriptor in os.fwalk(".", dir_fd=top):
        if os.fstat(descriptor).st_dev != device:
            raise GitError(f"{place} is on another disk, and was left alone", hint="unmount it")
        links = (name for name in directories if _is_link(name, descriptor))
        yield from (os.path.normpath(os.path.join(place, name)) for name in (*names, *links))  # noqa: PTH118 - relative


def _remove(top: int, kept: Iterable[str]) -> Iterator[str]:
    """Remove all but these files, the deepest first, and yield what could not be."""
    kept = frozenset(kept)
    for place, directories, names, descriptor in os.fwalk(".", topdown=False, dir_fd=top):
        for name in (*names, *directories):
            path = os.path.normpath(os.path.join(place, name))  # noqa: PTH118 - relative to a descriptor
            if path in kept:
                continue
            try:
                if name in directories and not _is_link(name, descriptor):
                    os.rmdir(name, dir_fd=descriptor)
                else:
                    os.unlink(name, dir_fd=descriptor)
            except FileNotFoundError:
                continue
            except OSError:
                yield path


def _is_link(name: str, directory: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _mounts(root: Path) -> list[str]:
    """Return what is mounted inside a directory, a directory of the same disk included (proc_pid_mountinfo(5))."""
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    places = (re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), line.split(" ")[4]) for line in lines)
    return [place for place in places if place == str(root) or place.startswith(f"{root}/")]


def _record(checkout: Checkout) -> Path:
    return checkout.common / _RECORDS / f"{quote(os.fsencode(checkout.root.name), safe='')}.json"


def _aside(root: Path) -> Path:
    names = (root.with_name(f"{root.name}.kept{'' if n == 1 else f'-{n}'}") for n in range(1, 1000))
    return next(name for name in names if not os.path.lexists(name))
