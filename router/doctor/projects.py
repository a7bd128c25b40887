"""The few small files of a worktree that show which frameworks it uses. Agents write them: data, read with limits."""

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from router import files
from router.doctor.frameworks.found import MARKERS, further_files
from router.errors import FileError

_LARGEST = 1 << 18  # bytes
_MOST = 400  # directories of one worktree that are looked at
_DEEPEST = 3  # apps/shop/web
_ROUNDS = 6  # settings that import others
_SKIPPED = frozenset({"node_modules", "vendor", "venv", "dist", "build", "target", "coverage", "tmp"})


def projects(root: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield each directory of a worktree that has one of the markers, with the texts of its files by name.

    These are the root and the directories up to three below it, those nearer to it first; links are not followed. A
    file that cannot be read, is no regular file or is larger than 256 KiB counts as missing. Raises nothing.
    """
    for directory in islice(_directories(root), _MOST):
        files = _texts(root / directory, MARKERS)
        if not files:
            continue
        asked: set[str] = set()
        for _ in range(_ROUNDS):
            names = [name for name in further_files(files) if name not in asked]
            asked.update(names)
            more = _texts(root / directory, names)
            missing = [name for name in names if name.startswith("node_modules/") and name not in more]
            files = {**_texts(root, missing), **more, **files}  # a workspace installs into its root
            if not more:
                break
        yield directory, files


def _directories(root: Path) -> Iterator[str]:
    level = ["."]
    for _ in range(_DEEPEST + 1):
        yield from level
        level = [
            name if directory == "." else f"{directory}/{name}"
            for directory in level[:_MOST]
            for name in _inside(root / directory)
        ]


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
