"""Git's own files of a repository, read without git: within bounds, so that none of them makes anybody wait.

gitrepository-layout(5) says what they are; git-worktree(1), DETAILS, those of a linked worktree.
"""

import os
import re
import stat
from pathlib import Path

from router import files
from router.errors import FileError, NotARepositoryError, RouterError
from router.observe.directories import may_be_there
from router.values import dataclass

MISSING = "it has no gitdir"
"""The fault of an administrative directory that `git worktree add` has only begun, or `remove` is about to end."""
_LARGEST = 1 << 16  # bytes: each is one line, and a path has at most 4096
_LARGEST_CONFIG = 1 << 22  # bytes: a few lines for each branch
_MOST = 5000  # administrative directories
_READ_BY_GIT = ("HEAD", "commondir", "gitdir", "locked")
_ELSEWHERE = "ref: refs/heads/.invalid"  # what a HEAD says whose branch is in a reftable
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BARE = re.compile(r"(?im)^\s*bare\s*=\s*true\s*$")
_IN_NO_REFERENCE = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.")  # git-check-ref-format(1)


@dataclass(frozen=True, slots=True)
class ListedWorktree:
    """What git lists of one worktree: a record of `git worktree list --porcelain -z`."""

    path: str
    head: str = ""
    branch: str | None = None
    bare: bool = False
    locked: str | None = None


@dataclass(frozen=True, slots=True)
class Admin:
    """An administrative directory: its name below `worktrees/`, and the path of the worktree it is of.

    `created` is when it was created, in ns: 0 in the moment before `commondir` is written. Where its files are of no
    use, `fault` says why and `path` is empty; `blocks` is whether git would wait for one of them, or give up.
    """

    name: str
    created: int = 0
    path: str = ""
    fault: str | None = None
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """What is checked out: a branch, else a commit; neither where the branch is in a reftable."""

    branch: str | None = None
    commit: str = ""


def admins(common: Path) -> tuple[Admin, ...]:
    """Return the administrative directories of a repository's linked worktrees, by name.

    What is wrong with one is its own fault. FileError where they cannot be listed.
    """
    return tuple(admin(common, name) for name in names(common))


def admin(common: Path, name: str) -> Admin:
    """Return one administrative directory, with what is wrong with it as its fault."""
    return _admin(f"{common}/worktrees", name)


def names(common: Path) -> list[str]:
    """Return the names of the administrative directories, sorted, as many as are looked at. FileError as above."""
    place = common / "worktrees"
    try:
        return sorted(os.listdir(place))[:_MOST]  # noqa: PTH208 - as text: there are hundreds
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise FileError(f"{place} cannot be read: {exc.strerror}", hint="fix its permissions, or its disk") from exc


def head(directory: Path) -> Head:
    """Return what is checked out in a worktree, from its administrative directory, or in a main checkout.

    FileError where HEAD cannot be read; ValueError where it makes no sense.
    """
    text = read(directory / "HEAD")
    if text == _ELSEWHERE:
        return Head()
    if text is not None and text.startswith("ref: refs/"):
        name = text.removeprefix("ref: ")
        if not _IN_NO_REFERENCE.search(name):
            return Head(name.removeprefix("refs/heads/")) if name.startswith("refs/heads/") else Head()
    if text is None or not _COMMIT.fullmatch(text):
        raise ValueError("its HEAD names neither a branch nor a commit")
    return Head(commit=text)


def interrupted_branch(directory: Path) -> str | None:
    """Return the branch that a rebase or bisect began from: its host stays while HEAD is detached.

    FileError where that cannot be read.
    """
    for name in ("rebase-merge/head-name", "rebase-apply/head-name"):
        branch = read(directory / name) or ""
        if branch.startswith("refs/heads/"):
            return branch.removeprefix("refs/heads/")
    start = read(directory / "BISECT_START")
    return start if start and not _COMMIT.fullmatch(start) else None


def own_record(common: Path, admin: Admin) -> ListedWorktree:
    """Return what git would list of a linked worktree. FileError or ValueError where its files are of no use."""
    if admin.fault:
        raise ValueError(admin.fault)
    directory = common / "worktrees" / admin.name
    now = head(directory)
    return ListedWorktree(admin.path, now.commit, now.branch, locked=lock(directory))


def lock(directory: Path) -> str | None:
    """Return why a worktree is locked (it may be empty), None where it is not. FileError as above."""
    return read(directory / "locked")


def is_bare(config: Path) -> bool:
    """Tell whether one of git's configuration files says that the repository is bare. FileError as above."""
    return _BARE.search(read(config, limit=_LARGEST_CONFIG) or "") is not None


def own_main_record(common: Path) -> ListedWorktree:
    """Return what git would list of the main checkout, or of a bare repository. FileError or ValueError as above."""
    now, bare = head(common), is_bare(common / "config")
    path = common if bare or common.name != ".git" else common.parent
    return ListedWorktree(str(path), now.commit, now.branch, bare=bare)


def worktree_path(directory: str, pointer: str) -> str:
    """Return the path of the worktree that a `gitdir` in an administrative directory names."""
    return os.path.normpath(os.path.join(directory, pointer)).removesuffix("/.git")  # noqa: PTH118 - pure text


def common_dir(path: Path) -> Path:
    """Find the common directory as git does, for a git that does not know the repository's format.

    NotARepositoryError where there is none.
    """
    for directory in (path, *path.parents):
        dot = directory / ".git"
        if may_be_there(str(dot)):
            return dot
        if pointer := _text(dot).removeprefix("gitdir: "):
            own = directory / pointer
            return own / (_text(own / "commondir") or ".")
        if may_be_there(f"{directory}/objects") and _text(directory / "HEAD"):
            return directory / (_text(directory / "commondir") or ".")
    raise NotARepositoryError(f"{path} is not inside a git repository", hint="run this in one, or name one")


def read(path: Path, *, limit: int = _LARGEST) -> str | None:
    """Return a file's text without the white space at its end, as git reads it; None where there is none.

    FileError where it cannot be read, has more than `limit` bytes, or holds a NUL, as no path and no name does.
    """
    try:
        content = files.read_bounded(path, limit=limit)
    except FileError as exc:
        raise FileError(exc.message, hint=exc.hint, reason=f"its {path.name} cannot be read: {exc.reason}") from exc
    if content is None:
        return None
    if b"\0" in content:
        raise FileError(f"{path} holds a NUL", hint="restore it, or remove it", reason=f"its {path.name} holds a NUL")
    return os.fsdecode(content.rstrip(b" \t\n\v\f\r"))


def reason(exc: RouterError | OSError | ValueError) -> str:
    """Return in words why something could not be read."""
    match exc:
        case FileError():
            return exc.reason
        case RouterError():
            return exc.message
        case OSError():
            return exc.strerror or str(exc)
        case _:
            return str(exc)


def _admin(place: str, name: str) -> Admin:
    directory, fault, created = f"{place}/{name}", None, 0
    for each in _READ_BY_GIT:
        try:
            status = os.stat(f"{directory}/{each}")  # noqa: PTH116 - as text: there are thousands
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as exc:
            fault = f"its {each} cannot be read: {exc.strerror}"
            continue
        if each == "commondir":  # written once, and never again
            created = status.st_mtime_ns
        if not stat.S_ISREG(status.st_mode):
            fault = f"its {each} is not a regular file"
        elif status.st_size > _LARGEST:
            fault = f"its {each} is larger than {_LARGEST >> 10} KiB"
    if fault:
        return Admin(name, created, fault=fault, blocks=True)
    try:
        return Admin(name, created, _path(directory))
    except (FileError, ValueError) as exc:
        return Admin(name, created, fault=reason(exc))


def _path(directory: str) -> str:
    pointer = read(Path(directory, "gitdir"))
    if not pointer:
        raise ValueError(MISSING if pointer is None else "its gitdir is empty")
    return worktree_path(directory, pointer)


def _text(path: Path) -> str:
    try:
        return read(path) or ""
    except FileError:
        return ""
