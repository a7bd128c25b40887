"""The few small files of a worktree that show which frameworks it uses. Agents write them: data, read with limits."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from router import files
from router.doctor.frameworks import MARKERS, further_files
from router.errors import FileError

_LARGEST = 1 << 18  # bytes
_MOST = 60  # directories of one worktree
_GROUPS = frozenset({"apps", "packages", "projects", "services"})  # whose directories are projects of their own
_SKIPPED = frozenset({"node_modules", "vendor", "venv", "dist", "build", "target", "coverage", "tmp"})


def projects(root: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield each directory of a worktree that has one of the markers, with the texts of its files by name.

    These are the root, the directories in it, and those in `apps` and its like; links are not followed. A file that
    cannot be read, is no regular file or is larger than 256 KiB counts as missing. Raises nothing.
    """
    for directory in list(_directories(root))[:_MOST]:
        markers = _texts(root / directory, MARKERS)
        if markers:
            names = further_files(markers)
            further = _texts(root / directory, names)
            missing = [name for name in names if name.startswith("node_modules/") and name not in further]
            yield directory, {**_texts(root, missing), **further, **markers}  # a workspace installs into its root


def _directories(root: Path) -> Iterator[str]:
    yield "."
    for name in _inside(root):
        yield name
        if name in _GROUPS:
            yield from (f"{name}/{inner}" for inner in _inside(root / name))


def _inside(directory: Path) -> list[str]:
    try:
        entries = [entry.name for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(name for name in entries if not name.startswith(".") and name not in _SKIPPED)


def _texts(directory: Path, names: tuple[str, ...] | list[str]) -> dict[str, str]:
    texts = {name: _text(directory / name) for name in names}
    return {name: text for name, text in texts.items() if text is not None}


def _text(path: Path) -> str | None:
    """Return a file's text, None where there is none that can be read."""
    try:
        content = files.read_bounded(path, limit=_LARGEST)
    except FileError:
        return None
    return None if content is None else content.decode("utf-8-sig", "replace")
