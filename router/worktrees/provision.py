"""What a worktree gets from the main checkout: copied files, links, submodules, and its env block."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from router import files
from router.env import env_files
from router.errors import FileError, HiddenError, RouterError, SettingsError
from router.naming import shown
from router.observe import mise
from router.repository_settings import FILE, Setup, load_repository_settings
from router.settings import Settings
from router.store import Store
from router.worktrees import git_commands, interrupts
from router.worktrees.git_commands import Checkout

Say = Callable[[str], None]
_REMOVED = (FileNotFoundError, NotADirectoryError)  # by another program, since it was listed


def setup(main: Path) -> Setup:
    """Return the `[setup]` table of the main checkout's `router.toml`.

    FileError or SettingsError where the file cannot be read.
    """
    try:
        return load_repository_settings(main).setup
    except SettingsError as exc:
        raise SettingsError(f"{main / FILE}: {exc.message}", hint="fix it; nothing was created") from exc


def post_create(*, cwd: Path, settings: Settings, store: Store, say: Say) -> None:
    """Give the worktree of `cwd`, whoever created it, what it needs; what it has of its own stays."""
    checkout = git_commands.checkout_at(cwd)
    with interrupts.interruptible():
        provision(checkout, setup(checkout.main), settings, store, say=say)


def provision(checkout: Checkout, wanted: Setup, settings: Settings, store: Store, *, say: Say) -> None:
    """Give a worktree what it needs; what it has of its own stays. `say` gets a line for each step.

    Safe to repeat. The main checkout itself gets an env block only. RouterError says what failed.
    """
    if checkout.root != checkout.main:
        _copy(checkout, git_commands.included_files(checkout.main), say=say)
        _copy(checkout, wanted.copies, say=say)
        _link(checkout, wanted.link, say=say)
        _update_submodules(checkout, wanted, say=say)
    _write_env(checkout.root, settings, store, say=say)


def _copy(checkout: Checkout, paths: Iterable[str], *, say: Say) -> None:
    for path, source, target in _missing(checkout, paths, say=say):
        if checkout.root.is_relative_to(source):
            say(f"did not copy {shown(path)}: this worktree is inside it")
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with files.beside(target) as temporary:
                _duplicate(source, temporary)
        except OSError as exc:
            if os.path.lexists(target):  # somebody else was faster
                continue
            if os.path.lexists(source):
                message = f"{exc.filename or source} cannot be copied: {exc.strerror or exc}"
                raise FileError(message, hint="fix that, or do not copy it") from exc
            say(f"did not copy {shown(path)}: it was removed meanwhile")
        else:
            say(f"copied {shown(path)}")


def _duplicate(source: Path, target: Path) -> None:
    """Copy a file, a link, or a tree with all that another program does not remove from it meanwhile.

    FIFOs, sockets and devices in a tree are left out.
    """
    if not source.is_dir() or source.is_symlink():
        shutil.copy2(source, target, follow_symlinks=False)
        return
    directories = [(source, target)]
    for original, copy in directories:
        copy.mkdir()
        with contextlib.suppress(*_REMOVED), os.scandir(original) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    directories.append((Path(entry.path), copy / entry.name))
                elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                    with contextlib.suppress(*_REMOVED):
                        shutil.copy2(entry.path, copy / entry.name, follow_symlinks=False)
    for original, copy in reversed(directories[1:]):  # when nothing is written into them any more
        with contextlib.suppress(*_REMOVED):
            shutil.copystat(original, copy)
    shutil.copystat(source, target)


def _link(checkout: Checkout, paths: Iterable[str], *, say: Say) -> None:
    linked = []
    for path, source, target in _missing(checkout, paths, say=say):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source, target_is_directory=source.is_dir())
        except FileExistsError:
            continue
        except OSError as exc:
            raise FileError(f"{target} cannot be linked: {exc.strerror}", hint="fix its directory") from exc
        linked.append(path)
        say(f"linked {shown(path)}")
    for path in sorted({*linked} - {*git_commands.ignored(checkout.root, linked)}):
        say(f"git does not ignore the link {shown(path)}, and `{shown(path)}/` is not enough: ignore `/{shown(path)}`")


def _missing(checkout: Checkout, paths: Iterable[str], *, say: Say) -> Iterator[tuple[str, Path, Path]]:
    """Yield each path that the main checkout has and the worktree lacks, with its full path in either.

    A link on the way to either would lead out of the checkout: such a path is left out, and so is what is neither a
    file nor a directory.
    """
    for path in paths:
        source, target = checkout.main / path, checkout.root / path
        if os.path.lexists(target) or not os.path.lexists(source):
            continue
        if not (_without_links(source.parent, checkout.main) and _without_links(target.parent, checkout.root)):
            say(f"left out {shown(path)}: a link leads to it")  # a branch may have a link where another has a directory
        elif not (source.is_symlink() or source.is_file() or source.is_dir()):
            say(f"left out {shown(path)}: it is neither a file nor a directory")
        else:
            yield path, source, target


def _without_links(directory: Path, root: Path) -> bool:
    """Tell whether the path from a root to a directory, existing or not, has no link in it."""
    return Path(os.path.realpath(directory)) == root / directory.relative_to(root)


def _update_submodules(checkout: Checkout, wanted: Setup, *, say: Say) -> None:
    """Check out the submodules that the main checkout has; only `fetch = true` allows to ask the network for them.

    A failure is reported and no error: the worktree is of use without its submodules.
    """
    for path, url in git_commands.submodules(checkout.root).items():
        if not (checkout.main / path / ".git").exists() or (checkout.root / path / ".git").exists():
            continue
        if not wanted.fetch and not url.startswith(("/", "file:///")):
            say(f"left out the submodule {shown(path)}: it is remote; `[setup] fetch = true` would fetch it")
            continue
        try:
            git_commands.update_submodule(checkout.root, path)
            say(f"checked out the submodule {shown(path)}")
        except RouterError as exc:
            say(f"left out the submodule {shown(path)}: {shown(exc.message)}")


def _write_env(root: Path, settings: Settings, store: Store, *, say: Say) -> None:
    """Write the env block: dev servers and Compose wrappers read `.env.local`, mise its own file where it is used."""
    try:
        written = [env_files.write(settings, store, cwd=root)]
    except HiddenError as exc:
        say(f"left out the worktree's environment: {exc.message}")
        return
    if any((root / name).is_file() for name in mise.PROJECT):
        written.append(env_files.write(settings, store, cwd=root, form="mise"))
    say(f"wrote the worktree's environment into {', '.join(path.name for path in written)}")
