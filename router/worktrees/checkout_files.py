"""Which files a checkout has, and which of them git ignores, as git itself tells it."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from router.observe import git
from router.worktrees.git_commands import submodules

INCLUDE = ".worktreeinclude"
_COMPOSE = tuple(f"**/{start}compose*.{end}" for start in ("", "docker-") for end in ("yml", "yaml"))


def included(main: Path) -> tuple[str, ...]:
    """Return what `.worktreeinclude` names and git ignores, relative to the main checkout.

    A directory of which all is meant is one entry, with a slash at the end.
    """
    if not (main / INCLUDE).is_file() or (main / INCLUDE).is_symlink():
        return ()
    entries = _included(main, "--directory")
    whole = {*ignored(main, [entry for entry in entries if entry.endswith("/")])}
    files = [entry for entry in entries if not entry.endswith("/")]
    files += [name for entry in entries if entry.endswith("/") and entry not in whole for name in inside(main, entry)]
    return (*sorted(whole), *ignored(main, files))


def inside(main: Path, directory: str) -> tuple[str, ...]:
    """Return the files in a directory that `.worktreeinclude` names and git ignores."""
    return ignored(main, _included(main, "--", directory))


def ignored(checkout: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """Return those of some paths, relative to a checkout, that git ignores there."""
    stdin = b"".join(os.fsencode(path) + b"\0" for path in paths)
    return _names(git.change(checkout, "check-ignore", "--stdin", "-z", stdin=stdin, fine=(0, 1))) if stdin else ()


def committed(checkout: Path, paths: Iterable[str]) -> frozenset[str]:
    """Return those of some paths, relative to a checkout, that git has."""
    listed = [f":(literal){path}" for path in paths]
    return frozenset(_names(git.change(checkout, "ls-files", "-z", "--", *listed))) if listed else frozenset()


def content(checkout: Path) -> tuple[str, ...]:
    """Return all that is in a checkout: its files, and with a slash at the end what git ignores or has modules in."""
    return (*_listed(checkout), *(f"{name}/" for name in submodules(checkout)))


def compose_files(checkout: Path) -> tuple[str, ...]:
    """Return a checkout's Compose files, relative to it; ignored ones are left out."""
    return matching(checkout, _COMPOSE)


def matching(checkout: Path, patterns: Iterable[str]) -> tuple[str, ...]:
    """Return a checkout's files that one of git's glob patterns matches, relative to it; ignored ones are left out."""
    listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--")
    return _names(git.change(checkout, *listing, *(f":(glob){pattern}" for pattern in patterns)))


def _listed(checkout: Path) -> Iterator[str]:
    for options in (
        ("--cached",),
        ("--others", "--exclude-standard"),
        ("--others", "--ignored", "--exclude-standard", "--directory"),
    ):
        yield from _names(git.change(checkout, "ls-files", "-z", *options))


def _included(main: Path, *more: str) -> tuple[str, ...]:
    exclude = f"--exclude-from={main / INCLUDE}"
    return _names(git.change(main, "ls-files", "-z", "--others", "--ignored", exclude, *more))


def _names(out: bytes) -> tuple[str, ...]:
    return tuple(os.fsdecode(name) for name in out.split(b"\0") if name)
