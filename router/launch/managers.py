"""What runs the programs of a project: its package manager, and what stands before a command of Python's."""

import re

from router.launch.tree import Tree, inside

_LOCKS = {
    "pnpm-lock.yaml": "pnpm", "pnpm-workspace.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun", "bun.lockb": "bun",
    "package-lock.json": "npm", "npm-shrinkwrap.json": "npm",
}  # fmt: skip
_PYTHON_LOCKS = {"uv.lock": "uv run ", "poetry.lock": "poetry run ", "pdm.lock": "pdm run ", "Pipfile": "pipenv run "}
_NAMED = re.compile(r'"packageManager"\s*:\s*"(npm|pnpm|yarn|bun)@')


def manager(files: Tree, folder: str = "") -> str:
    """Return the package manager of a directory: what its package.json names, else the root's, else by a lock file."""
    places = tuple(dict.fromkeys((folder, "")))
    texts = (files.read(inside(place, "package.json")) or "" for place in places)
    named = (match[1] for text in texts if (match := _NAMED.search(text)))
    locks = (name for place in places for lock, name in _LOCKS.items() if files.is_file(inside(place, lock)))
    return next(named, None) or next(locks, "npm")


def python_runner(files: Tree, folder: str) -> str:
    """Return what stands before a command of Python's in a directory, by the lock file there; empty without one."""
    return next((run for lock, run in _PYTHON_LOCKS.items() if files.is_file(inside(folder, lock))), "")
