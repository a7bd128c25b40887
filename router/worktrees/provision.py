"""What a worktree gets from the main checkout: copied files, links, submodules, and its env block."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from router import files
from router.env import env_files
from router.errors import FileError, HiddenError, RouterError, SettingsError
from router.naming import shown
from router.observe.envfiles import MISE_PROJECT_FILES
from router.repository_settings import FILE, Setup, read_repository_settings
from router.settings import Settings
from router.store import Store
from router.worktrees import git_commands
from router.worktrees.git_commands import Checkout

Say = Callable[[str], None]


def setup(main: Path) -> Setup:
    """Return the `[setup]` table of the main checkout's `router.toml`. SettingsError where that cannot be read."""
    path = main / FILE
    try:
        return read_repository_settings(files.text(path) or "").setup
    except SettingsError as exc:
        raise SettingsError(f"{path}: {exc.message}", hint="mend it; nothing was made") from exc


def provision(checkout: Checkout, wanted: Setup, settings: Settings, store: Store, *, say: Say) -> None:
    """Give a worktree what it needs; what it has of its own stays. `say` is told each step.

    Doing it twice is doing it once. The main checkout itself gets an env block only. RouterError says what failed.
    """
    if checkout.root != checkout.main:
        _copy(checkout, git_commands.included(checkout.main), say=say)
        _copy(checkout, wanted.copies, say=say)
        _link(checkout, wanted.link, say=say)
        _populate(checkout, wanted, say=say)
    _write_env(checkout.root, settings, store, say=say)


def _copy(checkout: Checkout, paths: Iterable[str], *, say: Say) -> None:
    for source, target in _missing(checkout, paths, say=say):
        beside = target.with_name(f".{target.name}.{os.getpid()}.new")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir() and not source.is_symlink():
                shutil.copytree(source, beside, symlinks=True)
            else:
                shutil.copy2(source, beside, follow_symlinks=False)
            beside.rename(target)
        except (OSError, shutil.Error) as exc:
            if os.path.lexists(target):  # somebody else was faster
                continue
            raise FileError(f"{source} cannot be copied: {_reason(exc)}", hint="mend it, or do not copy it") from exc
        finally:
            _clear(beside)
        say(f"copied {shown(str(target.relative_to(checkout.root)))}")


def _link(checkout: Checkout, paths: Iterable[str], *, say: Say) -> None:
    linked = []
    for source, target in _missing(checkout, paths, say=say):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source, target_is_directory=source.is_dir())
        except FileExistsError:
            continue
        except OSError as exc:
            raise FileError(f"{target} cannot be linked: {exc.strerror}", hint="mend its directory") from exc
        linked.append(str(target.relative_to(checkout.root)))
        say(f"linked {shown(linked[-1])}")
    for path in sorted({*linked} - {*git_commands.ignored(checkout.root, linked)}):
        say(f"git does not ignore the link {shown(path)}, and `{shown(path)}/` is not enough: ignore `/{shown(path)}`")


def _missing(checkout: Checkout, paths: Iterable[str], *, say: Say) -> Iterable[tuple[Path, Path]]:
    """Yield what the main checkout has and the worktree lacks, as source and target, none outside of either."""
    for path in paths:
        source, target = checkout.main / path, checkout.root / path
        if os.path.lexists(target) or not os.path.lexists(source):
            continue
        if _real(source.parent, checkout.main) and _real(target.parent, checkout.root):
            yield source, target
        else:  # a branch may have a link where another has a directory
            say(f"left out {shown(path)}: a link leads to it")


def _real(directory: Path, root: Path) -> bool:
    """Tell whether a directory, there or not, is reached from a root without a link."""
    return Path(os.path.realpath(directory)) == root / directory.relative_to(root)


def _populate(checkout: Checkout, wanted: Setup, *, say: Say) -> None:
    """Check out the submodules that the main checkout has. Those that would need the network want `fetch = true`.

    One that cannot be had is told, not an error: the worktree is of use without it.
    """
    for path, url in git_commands.submodules(checkout.root).items():
        if not (checkout.main / path / ".git").exists() or (checkout.root / path / ".git").exists():
            continue
        if not wanted.fetch and not url.startswith(("/", "file:///")):
            say(f"left out the submodule {shown(path)}: it is elsewhere; `[setup] fetch = true` would fetch it")
            continue
        try:
            git_commands.populate(checkout.root, path)
            say(f"checked out the submodule {shown(path)}")
        except RouterError as exc:
            say(f"left out the submodule {shown(path)}: {shown(exc.message)}")


def _write_env(root: Path, settings: Settings, store: Store, *, say: Say) -> None:
    """Write the env block: dev servers and Compose wrappers read `.env.local`, mise its own file where it is used."""
    try:
        written = [env_files.write(settings, store, cwd=root)]
    except HiddenError as exc:
        say(f"left out the worktree's own values: {exc.message}")
        return
    if any((root / name).is_file() for name in MISE_PROJECT_FILES):
        written.append(env_files.write(settings, store, cwd=root, form="mise"))
    say(f"wrote the worktree's own values into {', '.join(path.name for path in written)}")


def _clear(path: Path) -> None:
    """Remove what an interrupted copy left."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _reason(exc: Exception) -> str:
    """Return why, in one line: `copytree` gathers its errors as triples of source, target and reason."""
    if isinstance(exc, shutil.Error) and exc.args and isinstance(exc.args[0], list):
        return str(exc.args[0][0][-1])
    return str(getattr(exc, "strerror", None) or exc)
