"""What a worktree gets from the main checkout: copied files, links, submodules, and its env block.

What only a `router.toml` asks for, and what reads it (pydantic), is imported where there is one that says something.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from router import files, repository_file
from router.env import env_files
from router.errors import FileError, HiddenError, RouterError, SettingsError
from router.observe import mise
from router.observe.listeners import Listeners
from router.observe.projects import claude
from router.observe.said import Said, Setup, said
from router.repository_file import FILE
from router.settings import Settings
from router.store import Store
from router.text import shown
from router.worktrees import checkout_files, copying, git_commands, interrupts, preview, setup_done
from router.worktrees.git_commands import Checkout

Say = Callable[[str], None]
CopyProgress = Callable[[str, int], None]


def wanted(main: Path, store: Store) -> Said:
    """Return what the main checkout's `router.toml` says. FileError or SettingsError where it cannot be read."""
    try:
        return said(repository_file.text(main), state=store.directory)
    except SettingsError as exc:
        raise SettingsError(f"{main / FILE}: {exc.message}", hint="fix it; nothing was created") from exc


def post_create(
    *, cwd: Path, settings: Settings, store: Store, say: Say, progress: CopyProgress = lambda *_: None
) -> None:
    """Give the worktree of `cwd`, whoever created it, what it needs; what it has of its own stays."""
    checkout = git_commands.checkout_at(cwd)
    with interrupts.interruptible():
        provision(checkout, wanted(checkout.main, store), settings, store, say=say, progress=progress)


def is_short(checkout: Checkout, asked: Said) -> bool:
    """Tell whether a worktree gets an env block and nothing else: nothing is copied, linked, made or run for it.

    `asked` is what `router.toml` says.
    """
    longer = (checkout.main / checkout_files.INCLUDE, checkout.root / ".gitmodules", checkout.main / claude.FILE)
    return not any(map(os.path.lexists, longer)) and asked.setup == Setup() and not asked.repository.resources


def provision(
    checkout: Checkout, asked: Said, settings: Settings, store: Store, *, say: Say,
    progress: CopyProgress = lambda *_: None, listeners: Listeners | None = None,
) -> None:  # fmt: skip
    """Give a worktree what it needs; what it has of its own stays. `say` gets a line for each step.

    `progress` is told what is being copied, and how many of its files have been. Safe to repeat. The main checkout
    itself gets an env block only. RouterError says what failed, but for the commands of `[setup] run`. `asked` is what
    `router.toml` says, `listeners` are those of whoever looks often.
    """
    if checkout.root != checkout.main:
        _copy(checkout, _included(checkout), say=say, progress=progress)
        _copy(checkout, (*asked.setup.copies, *asked.setup.clone), say=say, progress=progress)
        _link(checkout, asked.setup.link, say=say)
        _update_submodules(checkout, fetch=asked.setup.fetch, say=say)
        preview.write(checkout, settings, store, say=say)
    _write_env(checkout.root, settings, store, say=say, listeners=listeners)
    if checkout.root != checkout.main:
        _make_and_run(checkout, asked, settings, store, say=say)


def _make_and_run(checkout: Checkout, asked: Said, settings: Settings, store: Store, *, say: Say) -> None:
    """Make the resources of a worktree, and run the commands of `[setup] run` in it, once as long as they stay."""
    if asked.repository.resources:
        from router.worktrees import own_resources

        own_resources.provide(checkout, settings, store, say=say)
    if asked.setup.run and not setup_done.is_done(checkout, asked.setup.run):
        from router.worktrees import setup_commands

        setup_commands.run(checkout, settings, store, environ=os.environ, say=say)


def _copy(checkout: Checkout, paths: Iterable[str], *, say: Say, progress: CopyProgress) -> None:
    for path, source, target in _missing(checkout, paths, say=say):
        if checkout.root.is_relative_to(source):
            say(f"did not copy {shown(path)}: this worktree is inside it")
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with files.beside(target) as temporary:
                copied = copying.copy(source, temporary, progress=partial(progress, path))
        except OSError as exc:
            if os.path.lexists(target):  # somebody else was faster
                continue
            is_gone = isinstance(exc, FileNotFoundError) and str(exc.filename) == str(source)  # it may be back by now
            if os.path.lexists(source) and not is_gone:
                message = f"{exc.filename or source} cannot be copied: {exc.strerror or exc}"
                raise FileError(message, hint="fix that, or do not copy it") from exc
            say(f"did not copy {shown(path)}: it was removed meanwhile")
        else:
            say(f"copied {shown(path)}{f': {copied}' if source.is_dir() else ''}")


def _included(checkout: Checkout) -> Iterator[str]:
    """Yield what `.worktreeinclude` names; where the worktree has a directory already, the files that go into it."""
    for entry in checkout_files.included(checkout.main):
        if entry.endswith("/") and (checkout.root / entry).is_dir():
            yield from checkout_files.inside(checkout.main, entry)
        else:
            yield entry.removesuffix("/")


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
    for path in sorted({*linked} - {*checkout_files.ignored(checkout.root, linked)}):
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


def _update_submodules(checkout: Checkout, *, fetch: bool, say: Say) -> None:
    """Check out the submodules that the main checkout has; only `fetch = true` allows to ask the network for them.

    A failure is reported and no error: the worktree is of use without its submodules.
    """
    for path, url in git_commands.submodules(checkout.root).items():
        if not (checkout.main / path / ".git").exists() or (checkout.root / path / ".git").exists():
            continue
        if not fetch and not url.startswith(("/", "file:///")):
            say(f"left out the submodule {shown(path)}: it is remote; `[setup] fetch = true` would fetch it")
            continue
        try:
            git_commands.update_submodule(checkout.root, path)
            say(f"checked out the submodule {shown(path)}")
        except RouterError as exc:
            say(f"left out the submodule {shown(path)}: {shown(exc.message)}")


def _write_env(root: Path, settings: Settings, store: Store, *, say: Say, listeners: Listeners | None) -> None:
    """Write the env block: dev servers and Compose wrappers read `.env.local`, mise its own file where it is used."""
    written: list[Path] = []
    forms: list[env_files.Form] = ["dotenv"]
    if any((root / name).is_file() for name in mise.PROJECT):
        forms.append("mise")
    for form in forms:
        path = root / env_files.FILES[form]
        if path.is_symlink():  # a branch may have one, or `[setup] link` names it
            place = shown(str(path.readlink()))
            say(f"did not write the worktree's environment into {path.name}: it is a link to {place}")
            continue
        try:
            written.append(env_files.write(settings, store, cwd=root, form=form, listeners=listeners))
        except HiddenError as exc:
            say(f"left out the worktree's environment: {exc.message}")
            return
    if written:
        say(f"wrote the worktree's environment into {', '.join(path.name for path in written)}")
