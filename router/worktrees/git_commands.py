"""The git commands that create and remove worktrees, and that tell what a worktree starts from and would lose."""

import os
import random
import re
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from router.errors import GitError
from router.model import Worktree
from router.observe import git, git_worktrees
from router.paths import deepest_root
from router.values import dataclass

_TRIES = 12
# What git prints where another git is at work on the same repository: its lock is there, or its worktree half created
_BUSY = re.compile(r"\.lock': File exists|(?:cannot|could not|unable to) lock|failed to read .*(?:commondir|gitdir)")
_OPERATIONS = ("rebase-merge", "rebase-apply", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A repository as seen from a directory: its common directory, main checkout, and the worktree one is in."""

    common: Path
    main: Path
    root: Path


def checkout_at(directory: Path) -> Checkout:
    """Return where a directory is. GitError where it is in no worktree, or the repository has no main checkout."""
    common = git.common_dir(directory)
    worktrees = git_worktrees.worktrees(common).worktrees
    root = deepest_root(os.path.realpath(directory), {os.path.realpath(worktree.path) for worktree in worktrees})
    main = next((worktree.path for worktree in worktrees if worktree.main and worktree.present), None)
    if root is None:
        raise GitError(f"{directory} is in no worktree", hint="run this inside a checkout of the repository")
    if main is None:
        what = "belongs to a bare repository whose default branch has no worktree"
        raise GitError(f"{directory} {what}", hint=git_worktrees.hint_for_bare(common))
    return Checkout(common, Path(os.path.realpath(main)), Path(root))


def worktree_at(common: Path, path: Path) -> Worktree | None:
    """Return the worktree that git has registered at a path, None where it has none."""
    real = os.path.realpath(path)
    return next((w for w in git_worktrees.worktrees(common).worktrees if os.path.realpath(w.path) == real), None)


def paths(common: Path) -> list[str]:
    """Return the paths of all worktrees of a repository, real ones."""
    return [os.path.realpath(w.path) for w in git_worktrees.worktrees(common).worktrees]


def is_branch_name(common: Path, name: str) -> bool:
    """Tell whether a branch may have this name (git-check-ref-format(1))."""
    try:
        git.change(common, "check-ref-format", "--branch", name)
    except GitError:
        return False
    return True


def branch_commit(common: Path, branch: str) -> str | None:
    """Return the commit that a branch is at, None where there is no such branch."""
    return _line(common, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}", fine=(0, 1)) or None


def head_commit(checkout: Path) -> str:
    """Return the commit that a checkout is at. GitError where it has none yet."""
    commit = _line(checkout, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", fine=(0, 1))
    if not commit:
        raise GitError(f"{checkout} has no commit yet", hint="commit something first")
    return commit


def default_branch(common: Path) -> str | None:
    """Return origin's default branch as this repository knows it, None where it does not."""
    name = _line(common, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD", fine=(0, 1))
    return name.removeprefix("refs/remotes/origin/") or None


def fetch_default_branch(common: Path) -> str:
    """Fetch origin's default branch and return its commit. GitError says why that fails."""
    branch = default_branch(common) or _default_branch_of_origin(common)
    into = f"refs/remotes/origin/{branch}"
    options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")
    _run_until_free(common, "fetch", *options, "origin", f"+refs/heads/{branch}:{into}")
    return _line(common, "rev-parse", "--verify", f"{into}^{{commit}}")


def last_fetched(common: Path) -> str | None:
    """Return the commit of origin's default branch as last fetched, None where it never was."""
    branch = default_branch(common)
    if branch is None:
        return None
    commit = f"refs/remotes/origin/{branch}^{{commit}}"
    return _line(common, "rev-parse", "--verify", "--quiet", commit, fine=(0, 1)) or None


def add_worktree(main: Path, path: Path, branch: str, start: str | None, *, sparse: Sequence[str] = ()) -> None:
    """Add a worktree on a new branch at commit `start`; where that is None, on the existing branch.

    With `sparse` only these directories are checked out, and the files of those above them (git-sparse-checkout(1)).
    """
    new = ("--no-track", "-b", branch, str(path), start) if start else (str(path), branch)
    _run_until_free(main, "worktree", "add", "--quiet", *(["--no-checkout"] if sparse else []), *new)
    if sparse:
        _run_until_free(path, "sparse-checkout", "set", "--cone", "--", *sparse)
        _run_until_free(path, "checkout", "--quiet")


def discard_worktree(common: Path, path: Path) -> None:
    """Remove what `add_worktree` created at a path, whole or half, and all that is in it."""
    remove = ("worktree", "remove", "--force", "--force", str(path))
    try:
        _run_until_free(common, *remove)
    except GitError:
        shutil.rmtree(path, ignore_errors=True)
        if worktree_at(common, path):
            _run_until_free(common, *remove)
    shutil.rmtree(path, ignore_errors=True)


def remove_worktree(common: Path, path: Path, *, force: bool) -> None:
    """Remove a worktree; with `force` whatever is in it, even a locked one. GitError says why git did not."""
    _run_until_free(common, "worktree", "remove", *(["--force", "--force"] if force else []), str(path))


def delete_branch(common: Path, branch: str) -> None:
    """Delete a branch, whatever commits are on it. GitError where it is checked out."""
    _run_until_free(common, "branch", "--quiet", "-D", branch)


def admin_directory(common: Path, worktree: Worktree) -> Path:
    """Return a linked worktree's administrative directory, which git removes with it."""
    return common / "worktrees" / worktree.id.admin


def uncommitted(checkout: Path) -> tuple[tuple[str, str], ...]:
    """Return what is not committed, as pairs of git's two letters (`??` for untracked files) and a path."""
    out = git.change(
        checkout, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=none"
    )
    return tuple((entry[:2], entry[3:]) for entry in _names(out))


def commits_on_head_alone(checkout: Path, *, ignoring: str | None = None) -> tuple[str, ...]:
    """Return the commits of HEAD that are on no branch, remote branch or tag, each as `hash subject`, newest first.

    Branch `ignoring` does not count.
    """
    return _names(git.change(checkout, "log", "-z", "--format=%h %s", "HEAD", *_on_nothing_else(ignoring)))


def commits_on_branch_alone(common: Path, branch: str) -> int:
    """Return how many commits of a branch are on no other branch, remote branch or tag."""
    return int(_line(common, "rev-list", "--count", f"refs/heads/{branch}", *_on_nothing_else(branch)))


def operation_in_progress(admin: Path) -> str | None:
    """Return which operation git is in the middle of (`rebase`, `merge`, `cherry-pick`, `revert`), None where none.

    What it has stashed away would be lost with the worktree.
    """
    name = next((name for name in _OPERATIONS if (admin / name).exists()), None)
    return name and name.removesuffix("_HEAD").partition("-")[0].lower().replace("_", "-")


def submodules(checkout: Path) -> dict[str, str]:
    """Return the checkout's submodules that this repository has initialised: their paths with their addresses."""
    if not (checkout / ".gitmodules").is_file():
        return {}
    paths = _config(checkout, r"^submodule\..*\.path$", "--file", str(checkout / ".gitmodules"))
    urls = _config(checkout, r"^submodule\..*\.url$", "--local")
    return {path: urls[name] for key, path in paths.items() if (name := key.removesuffix(".path") + ".url") in urls}


def update_submodule(checkout: Path, submodule: str) -> None:
    """Check out a submodule, and the submodules in it."""
    _run_until_free(checkout, "submodule", "--quiet", "update", "--init", "--recursive", "--", submodule)


def unpushed_commits(submodule: Path) -> int:
    """Return how many commits of a submodule's checkout, stashes included, are on no remote branch."""
    return int(_line(submodule, "rev-list", "--count", "--all", "HEAD", "--not", "--remotes"))


def _default_branch_of_origin(common: Path) -> str:
    match = re.match(r"ref: refs/heads/(\S+)\s", _line(common, "ls-remote", "--symref", "origin", "HEAD"))
    if not match:
        raise GitError("origin names no default branch", hint="run `git remote set-head origin --auto`")
    return match[1]


def _on_nothing_else(ignoring: str | None) -> tuple[str, ...]:
    other = (f"--exclude={ignoring}",) if ignoring else ()
    return ("--not", *other, "--branches", "--remotes", "--tags")


def _config(where: Path, pattern: str, *source: str) -> dict[str, str]:
    out = git.change(where, "config", "-z", *source, "--get-regexp", pattern, fine=(0, 1))
    pairs: Iterable[tuple[str, str, str]] = (entry.partition("\n") for entry in _names(out))
    return {key: value for key, _, value in pairs}


def _names(out: bytes) -> tuple[str, ...]:
    return tuple(os.fsdecode(name) for name in out.split(b"\0") if name)


def _line(where: Path, *args: str, fine: tuple[int, ...] = (0,)) -> str:
    return os.fsdecode(git.change(where, *args, fine=fine)).strip()


def _run_until_free(where: Path, *args: str) -> None:
    """Run git, again after a moment where another git is at work on the same repository."""
    for left in reversed(range(_TRIES)):
        try:
            git.change(where, *args)
        except GitError as exc:
            if not left or not _BUSY.search(exc.message):
                raise
            time.sleep(random.uniform(0.05, 0.3))  # noqa: S311 - so that two who wait do not collide again
        else:
            return
