"""`router hook worktree-create`: a worktree with all that it needs, created whole or not at all."""

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from router.errors import FileError, GitError, RouterError, UsageError
from router.settings import Settings
from router.store import Store
from router.text import shown
from router.worktrees import checkout_files, git_commands, interrupts, layout, rest
from router.worktrees.git_commands import Checkout
from router.worktrees.provision import CopyProgress, Say, provision, wanted

_LONGEST_NAME = 100  # bytes: it becomes a file's name, and git puts suffixes behind it
_TRIES = 20


def create(
    name: str, *, cwd: Path, settings: Settings, store: Store, say: Say, progress: CopyProgress = lambda *_: None
) -> Path:
    """Return the path of the worktree of that name, created with all that it needs, or of the existing one.

    It is on branch `worktree-<name>`. A new branch begins at the commit of the checkout of `cwd`, or at origin's
    default branch where `router.toml` says `fetch`; an existing branch stays as it is. `say` gets a line for each step.
    RouterError says what failed, KeyboardInterrupt that a signal came: then all that this call created is removed.
    """
    here = git_commands.checkout_at(cwd)
    _check_name(name, here.common)
    asked = wanted(here.main, store)
    target, branch = Checkout(here.common, here.main, layout.path_of(here.main, name)), layout.branch_of(name)
    created, start = False, None
    with interrupts.interruptible():
        try:
            if removal := rest.begun(target):
                rest.finish(target, removal, say=say)
            with interrupts.deferred():  # or nobody would know that the directory is this call's
                created = _make_directory(target.root)
            if created:
                exists = git_commands.branch_commit(here.common, branch)
                start = None if exists else _start(here, fetch=asked.setup.fetch, say=say)
                _add(target, branch, start, sparse=asked.setup.sparse, say=say)
            else:
                _expect_worktree(target, say=say)
            provision(target, asked, settings, store, say=say, progress=progress)
        except BaseException as exc:
            if created:
                _undo(target, branch, start, say=say)
                _say_what_is_left(exc, target.root)
            raise
    return target.root


def _check_name(name: str, common: Path) -> None:
    """Raise UsageError unless a name is one part of a path and of a branch: an agent chose it."""
    plain = name.isprintable() and "/" not in name and not name.startswith(".")
    if not name or not plain or len(os.fsencode(name)) > _LONGEST_NAME or not _is_branch(name, common):
        raise UsageError(
            f"a worktree cannot be called {name[:200]!r}", hint="use letters, digits, `-`, `_`, `.`: no `/`, no `..`"
        )


def _is_branch(name: str, common: Path) -> bool:
    return git_commands.is_branch_name(common, layout.branch_of(name))


def _make_directory(path: Path) -> bool:
    """Make the worktree's directory, so that no other call creates the same one; False where it exists.

    Its parents may not be links, because it must stay inside the main checkout.
    """
    for _ in range(_TRIES):  # the removal of another worktree may remove the parents while they are empty
        with contextlib.suppress(FileNotFoundError):
            for parent in (path.parent.parent, path.parent):
                with contextlib.suppress(FileExistsError):
                    parent.mkdir()
                if not stat.S_ISDIR(parent.lstat().st_mode):
                    raise FileError(f"{parent} is not a directory", hint="replace it by one")
            try:
                path.mkdir()
            except FileExistsError:
                return False
            return True
    raise FileError(f"{path} cannot be created", hint="try again")


def _expect_worktree(checkout: Checkout, *, say: Say) -> None:
    worktree = git_commands.worktree_at(checkout.common, checkout.root)
    if worktree is None or not worktree.made or checkout.root.is_symlink():
        raise GitError(
            f"{checkout.root} is in the way: it is no worktree, or another call is creating it",
            hint="try again, choose another name, or remove that directory",
        )
    say(f"{shown(str(checkout.root))} exists already and stays as it is")


def _start(here: Checkout, *, fetch: bool, say: Say) -> str:
    """Return the commit that a new branch begins at; without the network, the one that was last fetched."""
    if not fetch:
        return git_commands.head_commit(here.root)
    try:
        return git_commands.fetch_default_branch(here.common)
    except GitError as exc:
        commit = git_commands.last_fetched(here.common)
        instead = "origin's default branch as last fetched" if commit else "this checkout's commit"
        say(f"could not fetch: {shown(exc.message)}; the branch begins at {instead}")
        return commit or git_commands.head_commit(here.root)


def _add(target: Checkout, branch: str, start: str | None, *, sparse: Sequence[str], say: Say) -> None:
    git_commands.add_worktree(target.main, target.root, branch, start, sparse=sparse)
    if start:
        worktree = git_commands.worktree_at(target.common, target.root)
        assert worktree is not None  # noqa: S101 - git has just created it
        layout.mark(git_commands.admin_directory(target.common, worktree), branch)
    commit = f"at {start[:12]}" if start else "as it was"
    say(f"created {shown(str(target.root))} on branch {shown(branch)} {commit}")
    path = str(target.root.relative_to(target.main))
    if not checkout_files.ignored(target.main, [path]):  # `git add .` would take it for a submodule
        say(f"git does not ignore {'/'.join(layout.DIRECTORY)}/: see `router init claude`")


def _say_what_is_left(exc: BaseException, path: Path) -> None:
    """Have an error speak of what is there: the worktree that it happened in was removed again."""
    if isinstance(exc, RouterError):
        exc.message = f"{exc.message}; the worktree was removed again"
        exc.args = (exc.message,)
        if str(path) in exc.hint or not exc.hint:
            exc.hint = "fix that in the main checkout or in router.toml, then create it again"


def _undo(target: Checkout, branch: str, start: str | None, *, say: Say) -> None:
    """Remove what this call created: the directory, git's record of it, and the branch unless it was there before."""
    interrupts.ignore()
    try:
        git_commands.discard_worktree(target.common, target.root)
        if start and git_commands.branch_commit(target.common, branch) == start:
            git_commands.delete_branch(target.common, branch)
    except RouterError as exc:  # the error that led here says more
        say(f"not everything could be removed: {shown(exc.message)}")
    layout.remove_empty_parents(target.root)
