"""Git: where a repository is, and which worktrees it has."""

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from router import proc
from router.errors import GitError, NotARepositoryError, RouterError
from router.model import Worktree, WorktreeId

MINIMUM = (2, 36)  # `worktree list -z`
_SETTLED = 5.0  # seconds after which a worktree still locked by `git worktree add` counts as one that add left behind
_PATIENCE = 900.0  # seconds for a checkout of a large repository, or a fetch
_CONNECTS = {"GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS"}  # how the user's git reaches a server
_ELSEWHERE = "ref: refs/heads/.invalid"  # what a HEAD says whose branch is in a reftable
_RELATIVE = "relativeworktrees"  # the format of `worktree.useRelativePaths`, as git before 2.48 names it
_FIX = {
    "safe.directory": "run `git config --global --add safe.directory PATH` if you trust it",
    "unknown repository extension": "update git: the repository uses a format that this git does not know",
}


@dataclass(frozen=True, slots=True)
class ListedWorktree:
    """One record of `git worktree list --porcelain -z`."""

    path: str
    head: str = ""
    branch: str | None = None
    bare: bool = False
    locked: str | None = None


@dataclass(frozen=True, slots=True)
class _Admin:
    """An administrative directory: its name below `worktrees/`, when it was made, and which worktree it is of."""

    name: str
    created: int
    path: str


def common_dir(path: Path) -> Path:
    """Return the common git directory of the repository that holds `path`, of the outermost one inside submodules.

    Raises NotARepositoryError where there is none, GitError where git is missing, too old or refuses.
    """
    if not path.is_dir():
        raise NotARepositoryError(f"{path} is not a directory", hint="name a directory inside a git repository")
    try:
        outer = _ask(path, "rev-parse", "--show-superproject-working-tree").removesuffix(b"\n")
        if outer:
            return common_dir(Path(os.fsdecode(outer)))
        found = _ask(path, "rev-parse", "--path-format=absolute", "--git-common-dir").removesuffix(b"\n")
    except GitError as exc:
        if _RELATIVE not in exc.message:
            raise
        found = os.fsencode(_own_common_dir(path))
    return Path(os.path.realpath(os.fsdecode(found)))


def worktrees(common: Path, *, now: float | None = None) -> tuple[Worktree, ...]:
    """Return the worktrees of a repository, those that `git worktree add` is still making included: to be watched.

    A bare repository's record is none; the worktree of its default branch counts as the main checkout.
    `now` is the time in seconds since the epoch. Raises GitError where git refuses.
    """
    moment = time.time() if now is None else now
    try:
        records = parse(_ask(common, f"--git-dir={common}", "worktree", "list", "--porcelain", "-z"))
    except GitError as exc:
        if _RELATIVE not in exc.message:
            raise
        records = _own_records(common)  # git before 2.48 refuses such a repository
    admins = {admin.path: admin for admin in _admins(common)}
    bare = records[0].bare if records else False
    default = _symbolic_head(common) if bare else None
    found = {}
    for place, record in enumerate(records):
        admin = _admin_of(record, admins) if place else None
        gone = place > 0 and admin is None  # while we looked
        if not record.bare and not gone:
            main = record.branch == default if bare else place == 0
            worktree = _worktree(common, record, admin, main=main)
            found[record.path] = replace(worktree, made=not _being_made(record, admin, moment))
    return tuple(found.values())


def parse(output: bytes) -> tuple[ListedWorktree, ...]:
    """Return the records of `git worktree list --porcelain -z`; attributes this module does not know are ignored."""
    records = []
    for block in output.split(b"\0\0"):
        lines = (os.fsdecode(line).partition(" ") for line in block.split(b"\0") if line)
        fields = {key: value for key, _, value in lines}
        if "worktree" in fields:
            branch = fields.get("branch")
            records.append(
                ListedWorktree(
                    path=fields["worktree"],
                    head=fields.get("HEAD", ""),
                    branch=branch.removeprefix("refs/heads/") if branch else None,
                    bare="bare" in fields,
                    locked=fields.get("locked"),
                )
            )
    return tuple(records)


def name(common: Path) -> str:
    """Return a repository's name: the directory of its main checkout, or the bare repository's without `.git`."""
    return common.parent.name if common.name in {".git", ".bare"} else common.name.removesuffix(".git")


def _worktree(common: Path, record: ListedWorktree, admin: _Admin | None, *, main: bool) -> Worktree:
    directory = common / "worktrees" / admin.name if admin else common
    identity = WorktreeId(str(common), admin.name if admin else "", admin.created if admin else 0)
    attached = record.branch
    branch = attached or _interrupted_branch(directory)
    if branch is None:  # a rebase may have ended since git looked: it puts HEAD back before it forgets the branch
        branch = attached = _symbolic_head(directory)
    present = os.path.isdir(record.path)  # noqa: PTH112 - Path's raises where it may not look, or for long names
    return Worktree(identity, record.path, branch, main=main, detached=attached is None, present=present)


def _being_made(record: ListedWorktree, admin: _Admin | None, now: float) -> bool:
    """Tell whether `git worktree add` is at work: it locks first ("initializing" in any language), then writes HEAD.

    Git lists HEAD before it looks for the lock, which may be gone by then: no HEAD alone tells as much.
    """
    if admin is None or (admin.created and now - admin.created / 1e9 > _SETTLED):
        return False
    return record.locked == "initializing" or (record.branch is None and not record.head.strip("0"))


def _interrupted_branch(directory: Path) -> str | None:
    """Return the branch that a rebase or bisect began from: its host stays while HEAD is detached."""
    for name in ("rebase-merge/head-name", "rebase-apply/head-name"):
        head = _text(directory / name)
        if head.startswith("refs/heads/"):
            return head.removeprefix("refs/heads/")
    start = _text(directory / "BISECT_START")
    return start if start and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", start) else None


def _admins(common: Path) -> list[_Admin]:
    found = []
    try:
        entries = sorted(os.scandir(common / "worktrees"), key=lambda entry: entry.name)
    except OSError:
        return []
    for entry in entries:
        if pointer := _text(Path(entry.path, "gitdir")):
            path = os.path.normpath(os.path.join(entry.path, pointer)).removesuffix("/.git")  # noqa: PTH118 - pure text
            found.append(_Admin(entry.name, _created(Path(entry.path)), path))
    return found


def _admin_of(record: ListedWorktree, admins: Mapping[str, _Admin]) -> _Admin | None:
    """Return the administrative directory of a record; git and we may have written one path in two ways."""
    if record.path in admins:
        return admins[record.path]
    real = os.path.realpath(record.path)
    return next((admin for admin in admins.values() if os.path.realpath(admin.path) == real), None)


def _created(directory: Path) -> int:
    """Return when an administrative directory was made, in ns: `commondir` is written once and never again.

    0 in the moment before it is written.
    """
    try:
        return (directory / "commondir").stat().st_mtime_ns
    except OSError:
        return 0


def _own_common_dir(path: Path) -> Path:
    """Find the common directory as git does, for a git that does not know the repository's format."""
    for directory in (path, *path.parents):
        dot = directory / ".git"
        if dot.is_dir():
            return dot
        if pointer := _text(dot).removeprefix("gitdir: "):
            own = directory / pointer
            return own / (_text(own / "commondir") or ".")
        if (directory / "objects").is_dir() and (directory / "HEAD").is_file():
            return directory / (_text(directory / "commondir") or ".")
    raise NotARepositoryError(f"{path} is not inside a git repository", hint="run this in one, or name one")


def _own_records(common: Path) -> tuple[ListedWorktree, ...]:
    main = ListedWorktree(
        str(common.parent if common.name == ".git" else common), *_head(common), bare=common.name != ".git"
    )
    return (
        main,
        *(
            ListedWorktree(a.path, *_head(common / "worktrees" / a.name), locked=_lock(common, a))
            for a in _admins(common)
        ),
    )


def _head(directory: Path) -> tuple[str, str | None]:
    branch = _symbolic_head(directory)
    return ("", branch) if branch else (_text(directory / "HEAD"), None)


def _symbolic_head(directory: Path) -> str | None:
    head = _text(directory / "HEAD")
    attached = head.startswith("ref: refs/heads/") and head != _ELSEWHERE
    return head.removeprefix("ref: refs/heads/") if attached else None


def _lock(common: Path, admin: _Admin) -> str | None:
    path = common / "worktrees" / admin.name / "locked"
    return _text(path) if path.exists() else None


def _text(path: Path) -> str:
    """Return a small file's text without the newline at its end, empty where it cannot be read."""
    try:
        return os.fsdecode(path.read_bytes()).removesuffix("\n")
    except OSError:
        return ""


def change(place: Path, *args: str, stdin: bytes = b"", fine: tuple[int, ...] = (0,)) -> bytes:
    """Let git do what takes long or runs other programs, from a directory that exists; return what it printed.

    `stdin` is its input. GitError where it ends with another status than those that are `fine`; on an interrupt
    git and what it started have ended.
    """
    return _checked(place, args, _run("-C", str(place), *args, stdin=stdin), fine)


def _ask(place: Path, *args: str) -> bytes:
    """Ask git from a directory that exists; the one the router was started in may be gone by now."""
    return _checked(place, args, _run("-C", str(place), *args))


def _checked(place: Path, args: Sequence[str], answer: proc.Completed, fine: tuple[int, ...] = (0,)) -> bytes:
    if answer.code in fine:
        return answer.out
    reason = _reason(answer.err) or f"exit status {answer.code}"
    if "not a git repository" in reason:
        raise NotARepositoryError(f"{place} is not inside a git repository", hint="run this in one, or name one")
    check_version()
    hint = next((fix for key, fix in _FIX.items() if key in answer.err), "run the same command by hand to see more")
    raise GitError(f"git {' '.join(args[-3:])} failed: {reason}", hint=hint)


def _reason(said: str) -> str:
    """Return git's error as one line: what follows the last `fatal:`, with the lines that are indented below it."""
    fatal = said.rpartition("fatal: ")[2]
    return " ".join(re.split(r"\n(?!\t)", fatal)[0].split())


def _run(*args: str, stdin: bytes | None = None) -> proc.Completed:
    command, env = ["git", *args], _environment()
    try:
        if stdin is None:
            return proc.run(command, env=env)
        return proc.run_group(command, env=env, timeout=_PATIENCE, stdin=stdin)
    except RouterError as exc:
        raise GitError(exc.message, hint=exc.hint) from exc


def check_version() -> str:
    """Return what `git version` says; GitError where git is missing or too old."""
    text = _run("version").out.decode(errors="replace").strip()
    found = re.search(r"(\d+)\.(\d+)", text)
    if found and (int(found[1]), int(found[2])) < MINIMUM:
        wanted = ".".join(map(str, MINIMUM))
        raise GitError(f"{text} is too old", hint=f"install git {wanted} or newer")
    return text


def _environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment for git: no repository from outside, no index refresh, no question, English messages."""
    kept = {key: value for key, value in environ.items() if not key.startswith("GIT_") or key in _CONNECTS}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
