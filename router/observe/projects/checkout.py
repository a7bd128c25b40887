"""The files of a checkout that say how it starts: read once each, within bounds, never through a link out of it."""

import functools
import os
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from router import jsonc
from router.launch.tree import SKIPPED, Tree, inside, tree
from router.observe.projects.values import table, texts

GROUPS = ("apps", "packages", "services")
"""The directories whose directories are projects of a monorepo, whatever its package manager is told."""
_PARTS = frozenset({
    "frontend", "front", "client", "web", "www", "site", "ui", "app", "dashboard", "admin", "docs",
    "backend", "back", "server", "api",
})  # fmt: skip
"""Directories of a checkout itself that are usually projects of their own."""
_EXAMPLES = frozenset({
    "example", "examples", "fixtures", "playground", "playgrounds", "template", "templates", "test", "tests", "e2e",
    "__tests__", "benchmark", "benchmarks",
})  # fmt: skip
_MOST_PATTERNS = 50
_MOST_ENTRIES = 400  # of a directory
_MOST_LOOKS = 1000
_MOST = 200  # directories
_DEEPEST = 3  # of `packages/**`
_PLAIN = re.compile(r"[A-Za-z0-9_.@+-]+")  # a source has no other characters: it stands in the status


def checkout(root: Path) -> Tree:
    """Return the files of a checkout; its `folders` are those that may be projects of a monorepo.

    These are what the workspaces of its package manager name, `apps/*`, `packages/*`, `services/*`, and directories
    at its top that are called like a frontend or a backend. Examples and tests are none.
    """
    whole = tree(root)
    read = functools.cache(whole.read)
    return Tree(read, functools.cache(lambda: tuple(_folders(root, read))), functools.cache(whole.is_file))


def workspaces(read: Callable[[str], str | None]) -> tuple[str, ...]:
    """Return the patterns of the workspaces that a package manager is told (npm, Yarn, Bun, pnpm)."""
    said = jsonc.read(read("package.json")).get("workspaces")
    patterns = texts(said) or texts(table(said).get("packages")) or _of_pnpm(read("pnpm-workspace.yaml") or "")
    return patterns[:_MOST_PATTERNS]


def _of_pnpm(text: str) -> tuple[str, ...]:
    """Return the list `packages` of a pnpm-workspace.yaml, in either way in which YAML writes a list."""
    match = re.search(
        r"^packages:[ \t]*(\[[^\]]*\]|(?:(?:[ \t]*#.*)?\n(?:[ \t]*-[^\n]*|[ \t]*(?:#[^\n]*)?))*)", text, re.MULTILINE
    )
    found = match[1] if match else ""
    items = found.strip("[]").split(",") if found.startswith("[") else re.findall(r"^[ \t]*-(.*)$", found, re.MULTILINE)
    plain = (re.sub(r"(?:^|[ \t])#.*", "", each).strip() for each in items)
    return tuple(each.strip("'\"") for each in plain if each)


def _folders(root: Path, read: Callable[[str], str | None]) -> Iterator[str]:
    patterns = [each.removeprefix("./").rstrip("/") for each in workspaces(read)]
    excluded = [each[1:].removeprefix("./") for each in patterns if each.startswith("!")]
    wanted = [each for each in patterns if each and not each.startswith(("!", "/")) and ".." not in each.split("/")]
    usual = [f"{group}/*" for group in GROUPS]
    look = _looking(root)
    found = dict.fromkeys(each for pattern in (*wanted, *usual) for each in _matching(look, pattern.split("/"), ""))
    parts = [name for name in look("") if name in _PARTS]
    left = (each for each in (*found, *parts) if not any(fnmatchcase(each, pattern) for pattern in excluded))
    yield ""
    yield from islice(dict.fromkeys(each for each in left if each and _is_project(each)), _MOST)


def _is_project(folder: str) -> bool:
    names = folder.split("/")
    return not _EXAMPLES & set(names) and all(map(_PLAIN.fullmatch, names))


def _matching(look: Callable[[str], list[str]], parts: list[str], folder: str, depth: int = 0) -> Iterator[str]:
    """Yield the directories that a pattern of a workspace matches; `**` stands for all, three levels down."""
    if not parts:
        yield folder
        return
    for name in look(folder):
        place = inside(folder, name)
        if parts[0] == "**":
            yield place
            if depth < _DEEPEST:
                yield from _matching(look, parts, place, depth + 1)
        elif fnmatchcase(name, parts[0]):
            yield from _matching(look, parts[1:], place, depth)


def _looking(root: Path) -> Callable[[str], list[str]]:
    """Return what lists the directories in a directory, each once, and no more than a thousand of them altogether."""
    left = iter(range(_MOST_LOOKS))

    @functools.cache
    def look(folder: str) -> list[str]:
        if next(left, None) is None:
            return []
        try:
            with os.scandir(root / folder) as entries:
                found = [each.name for each in islice(entries, _MOST_ENTRIES) if each.is_dir(follow_symlinks=False)]
        except OSError:
            return []
        return sorted(name for name in found if not name.startswith(".") and name not in SKIPPED)

    return look
