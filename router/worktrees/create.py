"""Worktrees below `.claude/worktrees/`, made whole or not at all, and removed only when nothing would be lost."""

import contextlib
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

from router import files
from router.errors import FileError, GitError, RouterError, UnsavedWorkError, UsageError
from router.naming import shown
from router.repository_settings import Setup
from router.settings import Settings
from router.store import Store
from router.worktrees import git_commands, unsaved
from router.worktrees.git_commands import Checkout
from router.worktrees.provision import Say, provision, setup

HOME = (".claude", "worktrees")  # where Claude Code has its own
PREFIX = "worktree-"
_MARK = "worktree-router"  # in a worktree's administrative directory: the branch that was made with it
_LONGEST = 100  # bytes of a name: it becomes a file's, and git puts suffixes behind it
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def create(name: str, *, cwd: Path, settings: Settings, store: Store, say: Say) -> Path:
    """Return the path of the worktree of that name, made with all it needs, or the one that is there.

    It is on branch `worktree-<name>`, at what the checkout of `cwd` is at, or at origin's default branch where
    `router.toml` says `fetch`. A branch that is there is taken as it is. `say` is told each step. RouterError,
    or KeyboardInterrupt for a signal: then everything this call made is gone again.
    """
    here = git_commands.checkout_at(cwd)
    path = here.main.joinpath(*HOME, _checked(here.common, name))
    wanted = setup(here.main)
    made, branch = Checkout(here.common, here.main, path), f"{PREFIX}{name}"
    owned, start = False, None
    with _interruptible():
        try:
            with _held_back():  # nobody would know whose the directory is
                owned = _claim(path)
            if owned:
                start = None if git_commands.tip(here.common, branch) else _start(here, wanted, say=say)
                _add(made, branch, start, say=say)
            else:
                _expect_whole(made, say=say)
            provision(made, wanted, settings, store, say=say)
        except BaseException:
            if owned:
                _undo(made, branch, start, say=say)
            raise
    return path


def post_create(*, cwd: Path, settings: Settings, store: Store, say: Say) -> None:
    """Give the worktree of `cwd`, whoever made it, what it needs; what it has of its own stays."""
    checkout = git_commands.checkout_at(cwd)
    with _interruptible():
        provision(checkout, setup(checkout.main), settings, store, say=say)


def remove(path: Path, *, force: bool, say: Say) -> None:
    """Remove a worktree that `create` made, and its branch where no commit is on that alone.

    UnsavedWorkError where work would go that is nowhere else, unless `force`; a branch with such work stays then
    too. One that is gone already is fine.
    """
    checkout = _checkout_of(path)
    worktree = git_commands.registered(checkout.common, checkout.root)
    if worktree is None:
        if os.path.lexists(checkout.root):
            raise GitError(f"{checkout.root} is no worktree of {checkout.main}", hint="see `git worktree list`")
        say(f"{shown(str(checkout.root))} is gone already")
        return
    admin = git_commands.admin(checkout.common, worktree)
    branch = files.text(admin / _MARK)
    if not force and worktree.present:
        if work := unsaved.work(checkout, admin, branch):
            raise UnsavedWorkError(
                f"{shown(str(checkout.root))} stays: {'; '.join(work)}",
                hint=f"commit, push or merge it; or: router hook worktree-remove --force {shown(str(checkout.root))}",
            )
        unsaved.clear(checkout)
    git_commands.remove(checkout.common, checkout.root, force=force or bool(git_commands.submodules(checkout.root)))
    say(f"removed {shown(str(checkout.root))}")
    _drop(checkout, branch, say=say)
    for parent in (checkout.root.parent, checkout.root.parent.parent):
        with contextlib.suppress(OSError):  # the last one leaves no empty directory
            parent.rmdir()


def _checked(common: Path, name: str) -> str:
    """Return a name that is one part of a path and of a branch. An agent chose it: UsageError says what it may be."""
    plain = name.isprintable() and "/" not in name and not name.startswith(".") and len(os.fsencode(name)) <= _LONGEST
    if not name or not plain or not git_commands.is_branch(common, f"{PREFIX}{name}"):
        raise UsageError(
            f"a worktree cannot be called {name[:200]!r}", hint="use letters, digits, `-`, `_`, `.`: no `/`, no `..`"
        )
    return name


def _claim(path: Path) -> bool:
    """Make the worktree's directory: who makes it owns it. False where it is there.

    Its parents may be no links, for it must stay inside the main checkout.
    """
    for _ in range(20):  # a removal beside us takes the parents away when they are empty
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
    raise FileError(f"{path} cannot be made", hint="try again")


def _expect_whole(checkout: Checkout, *, say: Say) -> None:
    worktree = git_commands.registered(checkout.common, checkout.root)
    if worktree is None or not worktree.made or checkout.root.is_symlink():
        raise GitError(
            f"{checkout.root} is in the way: it is no worktree, or another call is making it",
            hint="try again, choose another name, or remove that directory",
        )
    say(f"{shown(str(checkout.root))} is there already and is used as it is")


def _start(here: Checkout, wanted: Setup, *, say: Say) -> str:
    """Return the commit that a new branch begins at; without the network, what was last fetched will do."""
    if wanted.fetch:
        try:
            return git_commands.fetched(here.common)
        except GitError as exc:
            known = git_commands.known(here.common)
            then = "origin's default branch as last fetched" if known else "this checkout's commit"
            say(f"nothing was fetched: {shown(exc.message)}; the branch begins at {then}")
            if known:
                return known
    return git_commands.head(here.root)


def _add(made: Checkout, branch: str, start: str | None, *, say: Say) -> None:
    git_commands.add(made.main, made.root, branch, start)
    if start:
        worktree = git_commands.registered(made.common, made.root)
        assert worktree is not None  # noqa: S101 - git has just made it
        files.write(git_commands.admin(made.common, worktree) / _MARK, branch)
    at = f"at {start[:12]}" if start else "as it was"
    say(f"made {shown(str(made.root))} on branch {shown(branch)} {at}")
    path = str(made.root.relative_to(made.main))
    if not git_commands.ignored(made.main, [path]):  # `git add .` would take it for a submodule
        say(f"git does not ignore {'/'.join(HOME)}/: see `router init claude`")


def _undo(made: Checkout, branch: str, start: str | None, *, say: Say) -> None:
    """Remove what this call made: the directory, git's record of it, and the branch unless it was there before."""
    _deaf()
    try:
        git_commands.discard(made.common, made.root)
        if start and git_commands.tip(made.common, branch) == start:
            git_commands.drop(made.common, branch)
    except RouterError as exc:  # why it came to this is more telling
        say(f"not everything could be removed: {shown(exc.message)}")
    for parent in (made.root.parent, made.root.parent.parent):
        with contextlib.suppress(OSError):
            parent.rmdir()


def _drop(checkout: Checkout, branch: str | None, *, say: Say) -> None:
    if branch is None or git_commands.tip(checkout.common, branch) is None:
        return
    if count := git_commands.only_on(checkout.common, branch):
        say(f"branch {shown(branch)} stays: {unsaved.commits(count)} on it alone")
        return
    try:
        git_commands.drop(checkout.common, branch)
    except GitError as exc:
        say(f"branch {shown(branch)} stays: {shown(exc.message)}")
    else:
        say(f"removed branch {shown(branch)}")


def _checkout_of(path: Path) -> Checkout:
    """Return the place of a worktree that `create` may have made. UsageError where it is another directory."""
    try:
        real = Path(os.path.realpath(path))
    except ValueError as exc:  # a zero in it, or half a character
        raise UsageError(f"{str(path)!r} is no path", hint="name the worktree to remove") from exc
    if path.is_absolute() and real.parts[-3:-1] == HOME and len(real.parts) > len(HOME) + 1:
        main = git_commands.checkout_at(real.parents[len(HOME)])
        if main.main == real.parents[len(HOME)]:
            return Checkout(main.common, main.main, real)
    raise UsageError(
        f"{path} is not below the `{'/'.join(HOME)}` of a main checkout",
        hint="this removes what `router hook worktree-create` made; for others: `git worktree remove`",
    )


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Turn the first signal that ends us into KeyboardInterrupt, so that what is half made is undone; ignore others."""

    def interrupt(*_: object) -> None:
        _deaf()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


def _deaf() -> None:
    for number in _ENDING:
        signal.signal(number, lambda *_: None)  # not SIG_IGN: git, which undoes for us, would inherit that


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Hold signals back: they come when the block has ended."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
