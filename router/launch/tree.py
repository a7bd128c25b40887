"""The files of a worktree that say how its servers start: data, read within bounds, never executed."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from router import files
from router.errors import FileError
from router.values import dataclass, field

_LARGEST = 1 << 18  # bytes of a file
_MOST = 400  # directories with packages
_DEEPEST = 3  # of apps/group/web
SKIPPED = frozenset({"node_modules", "vendor", "venv", "dist", "build", "target", "coverage", "tmp"})
"""Directories in which no project is looked for."""
_MANIFESTS = ("package.json", "pyproject.toml", "requirements.txt", "manage.py", "Gemfile", "go.mod", "composer.json")
_GROUPS = frozenset({"apps", "packages", "projects", "services"})  # whose directories are projects of their own


@dataclass(frozen=True, slots=True)
class Tree:
    """A worktree's files: `read` gives a file's text or None, `folders` the directories that have a package.json.

    `is_file` tells whether there is one, however large: lock files are. Every path is relative to the worktree, the
    worktree itself is the empty text.
    """

    read: Callable[[str], str | None]
    folders: Callable[[], tuple[str, ...]]
    is_file: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Package:
    """A package.json: the directory that it is in, its scripts by name, the names of all packages that it depends on.

    `text` is the file as it stands.
    """

    folder: str
    name: str = ""
    scripts: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    dependencies: frozenset[str] = frozenset()

    @property
    def file(self) -> str:
        """The path of the file."""
        return inside(self.folder, "package.json")

    def line_of(self, script: str) -> int:
        """Return the line of a script in the file, counted from 1."""
        found = self.text.find(f"{json.dumps(script)}:", max(self.text.find('"scripts"'), 0))
        return self.text.count("\n", 0, max(found, 0)) + 1


def tree(root: Path) -> Tree:
    """Return the files of the worktree at `root`.

    What cannot be read, is too large, or is a link out of the worktree counts as missing.
    """
    real = os.path.realpath(root)

    def read(path: str) -> str | None:
        if files.is_absent(f"{root}/{path}"):
            return None
        try:
            content = files.read_bounded(root / path, limit=_LARGEST)
        except FileError:
            return None
        return None if content is None or not is_inside(path) else content.decode("utf-8-sig", "replace")

    def is_inside(path: str) -> bool:
        return os.path.realpath(root / path).startswith(f"{real.rstrip('/')}/")

    def is_file(path: str) -> bool:
        return os.path.isfile(root / path) and is_inside(path)  # noqa: PTH113 - Path's raises where it may not look

    return Tree(read, lambda: tuple(list(_with_packages(root, "", 0))[:_MOST]), is_file)


def package(files_of: Tree, folder: str) -> Package | None:
    """Return the package.json of a directory, or of the nearest one above it in the worktree; None without one."""
    for each in above(folder):
        if (text := files_of.read(inside(each, "package.json"))) is not None:
            return _package(each, text)
    return None


def packages(files_of: Tree) -> tuple[Package, ...]:
    """Return every package of a worktree, the root's included."""
    found = ((folder, files_of.read(inside(folder, "package.json"))) for folder in files_of.folders())
    return tuple(_package(folder, text) for folder, text in found if text is not None)


def project_folders(files_of: Tree, folder: str) -> Iterator[str]:
    """Yield a directory and those above it that are projects of a monorepo, the deepest first, never the root."""
    for each in above(folder):
        group = each.rpartition("/")[0].rpartition("/")[2]
        if each and (group in _GROUPS or any(files_of.read(inside(each, name)) is not None for name in _MANIFESTS)):
            yield each


def above(folder: str) -> Iterator[str]:
    """Yield a directory and each above it, up to the worktree itself."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""


def inside(folder: str, name: str) -> str:
    """Return the path of a name in a directory, `.` and `..` taken out; empty where it leads out of the worktree."""
    path = os.path.normpath(f"{folder}/{name}".lstrip("/"))
    return "" if path == "." or path.startswith("..") else path


def _package(folder: str, text: str) -> Package:
    content = _json(text)
    scripts = content.get("scripts")
    named = {name: line for name, line in scripts.items() if isinstance(line, str)} if isinstance(scripts, dict) else {}
    name = content.get("name")
    groups = (content.get(key) for key in ("dependencies", "devDependencies"))
    dependencies = frozenset(each for group in groups if isinstance(group, dict) for each in group)
    return Package(folder, name if isinstance(name, str) else "", named, text, dependencies)


def _json(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _with_packages(root: Path, folder: str, depth: int) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        names = [each.name for each in entries if each.is_dir(follow_symlinks=False)]
    except OSError:
        return
    if any(each.name == "package.json" for each in entries):
        yield folder
    for name in names if depth < _DEEPEST else ():
        if not name.startswith(".") and name not in SKIPPED:
            yield from _with_packages(root, inside(folder, name), depth + 1)
