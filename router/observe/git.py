"""Git: where a repository is, which worktrees it lists, and what else it is asked to do."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from router import proc
from router.errors import GitError, NotARepositoryError, RouterError, SlowGitError, SlowProgramError, UnknownFormatError
from router.naming import EXPECT, RESOLVE
from router.observe import git_files
from router.observe.directories import is_directory
from router.observe.git_files import ListedWorktree

MINIMUM = (2, 36)  # `worktree list -z`
_DEADLINE = 10.0  # seconds for a question
_MEMORY = 1 << 30  # bytes: git takes all that there is for a file that never ends
_PATIENCE = 900.0  # seconds for a checkout of a large repository, or a fetch
_CONNECTS = {"GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS"}  # how the user's git reaches a server
_KINDS = {
    "relativeworktrees": UnknownFormatError,  # the format of `worktree.useRelativePaths`, as git before 2.48 names it
    "Out of memory": SlowGitError,
}
_HINTS = {
    "safe.directory": "run `git config --global --add safe.directory PATH` if you trust it",
    "unknown repository extension": "update git: the repository uses a format that this git does not know",
}
_OUTER = "--show-superproject-working-tree"  # prints nothing outside of submodules
_ROOM = 1 << 20  # bytes; with less, that is the likely cause of a failure, and git seldom says so


def common_dir(path: Path) -> Path:
    """Return the common git directory of the repository that holds `path`, of the outermost one inside submodules.

    Raises NotARepositoryError where there is none, GitError where git is missing, too old or refuses.
    """
    try:
        there = is_directory(str(path))
    except OSError as exc:
        raise GitError(f"{path} cannot be read: {exc.strerror}", hint="fix its permissions, or its disk") from exc
    if not there:
        raise NotARepositoryError(f"{path} is not a directory", hint="name a directory inside a git repository")
    try:
        wanted = ("--is-inside-work-tree", "--path-format=absolute", "--git-common-dir")
        first, _, found = _ask(path, "rev-parse", _OUTER, *wanted).removesuffix(b"\n").partition(b"\n")
        if first not in {b"true", b"false"}:  # a path, which may be of several lines
            return common_dir(Path(os.fsdecode(_ask(path, "rev-parse", _OUTER).removesuffix(b"\n"))))
    except UnknownFormatError:
        found = os.fsencode(git_files.common_dir(path))
    return Path(os.path.realpath(os.fsdecode(found)))


def listed(common: Path) -> tuple[ListedWorktree, ...]:
    """Return what git lists, the main checkout or the bare repository first.

    Raises UnknownFormatError where git knows less than the repository needs, SlowGitError where it does not answer,
    GitError where it refuses.
    """
    return parse(_ask(common, f"--git-dir={common}", "worktree", "list", "--porcelain", "-z"))


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


def files(place: Path) -> Iterator[str]:
    """Yield the files of a worktree below its path, tracked and new, without those that git ignores.

    GitError where git does not tell them.
    """
    answer = _ask(place, "-c", "core.fsmonitor=false", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return (os.fsdecode(name) for name in answer.split(b"\0") if name)


def last_commit(place: Path) -> tuple[str, int]:
    """Return the subject of a worktree's last commit and when it was made, in seconds since the epoch.

    GitError where there is none, or git does not tell.
    """
    answer = _ask(place, "-c", "log.showSignature=false", "log", "-1", "--no-color", "--format=%ct%x00%s")
    when, _, subject = answer.decode(errors="replace").rstrip("\n").partition("\0")
    return subject, int(when)


def is_changed(place: Path) -> bool:
    """Tell whether a worktree has anything that is in no commit, and run nothing that its repository names.

    What a filter would have made equal counts as changed. GitError where git does not tell.
    """
    plain = ("-c", "core.fsmonitor=false", *_without_filters(place))
    new = ("ls-files", "-z", "--others", "--exclude-standard", "--directory", "--no-empty-directory")
    return bool(
        _ask(place, *plain, "diff-index", "--raw", "--ignore-submodules=all", "HEAD") or _ask(place, *plain, *new)
    )


def _without_filters(place: Path) -> Iterator[str]:
    """Yield the arguments that empty every filter of the configuration: comparing a file would run it."""
    args = ("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
    keys = _checked(place, args, _run("-C", str(place), *args), fine=(0, 1)).split(b"\0")
    for key in sorted({os.fsdecode(each) for each in keys if each}):
        if "=" in key:  # `-c` would set something else
            raise GitError(f"{place} has a filter with = in its name: {key}", hint="give it another name")
        yield from ("-c", f"{key}={'false' if key.endswith('.required') else ''}")


def change(place: Path, *args: str, stdin: bytes = b"", fine: tuple[int, ...] = (0,)) -> bytes:
    """Let git do what takes long or runs other programs, from a directory that exists; return what it printed.

    `stdin` is its input. GitError where it ends with another status than those that are `fine`; on an interrupt
    git and what it started have ended.
    """
    return _checked(place, args, _run("-C", str(place), *args, stdin=stdin), fine)


def check_version() -> str:
    """Return what `git version` says; GitError where git is missing or too old."""
    text = _run("version").out.decode(errors="replace").strip()
    found = re.search(r"(\d+)\.(\d+)", text)
    if found and (int(found[1]), int(found[2])) < MINIMUM:
        wanted = ".".join(map(str, MINIMUM))
        raise GitError(f"{text} is too old", hint=f"install git {wanted} or newer")
    return text


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
    hint = next((hint for key, hint in _HINTS.items() if key in answer.err), "run the same command by hand to see more")
    if _is_full(place):
        reason, hint = f"{reason} (the disk is full)", "free some space and try again"
    error = next((kind for key, kind in _KINDS.items() if key in reason), GitError)
    command = " ".join([arg for arg in args if not arg.startswith("-")][:2])
    raise error(f"git {command} failed: {reason}", hint=hint)


def _is_full(place: Path) -> bool:
    try:
        space = os.statvfs(place)
    except OSError:
        return False
    return space.f_bavail * space.f_frsize < _ROOM


def _reason(said: str) -> str:
    """Return git's error as one line: what follows the last `fatal:`, with the lines that are indented below it."""
    fatal = said.rpartition("fatal: ")[2]
    return " ".join(re.split(r"\n(?!\t)", fatal)[0].split())


def _run(*args: str, stdin: bytes | None = None) -> proc.Completed:
    # Never with `cwd`: the child would change there before it runs, and hold this whole process up where that hangs
    command, env = ["git", *args], _environment()
    try:
        if stdin is None:
            return proc.run(command, env=env, timeout=_DEADLINE, memory=_MEMORY)
        return proc.run_group(command, env=env, timeout=_PATIENCE, stdin=stdin)
    except SlowProgramError as exc:
        raise SlowGitError(exc.message, hint=f"see what keeps it: `git {' '.join(args)}`") from exc
    except RouterError as exc:
        raise GitError(exc.message, hint=exc.hint) from exc


def _environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment for git: no repository from outside, no index refresh, no question, English messages.

    Hooks that git runs in a new worktree must not expect the one that the command was started for.
    """
    unwanted = {key for key in environ if key in (EXPECT, RESOLVE) or (key.startswith("GIT_") and key not in _CONNECTS)}
    passed_on = {key: value for key, value in environ.items() if key not in unwanted}
    return {**passed_on, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
