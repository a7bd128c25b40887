"""What would collide between the Compose stacks of two worktrees of a checkout, as text; its files are only read."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from router import files
from router.env.values import port_variables, varying
from router.errors import FileError, SettingsError
from router.observe import dotenv, envfiles
from router.repository_settings import RepositorySettings, load_repository_settings
from router.text import shown
from router.tools.compose.collision import Collision, Context
from router.tools.compose.collisions import collisions
from router.tools.compose.interpolation import Variables
from router.tools.compose.ports import ROLES, Names
from router.tools.compose.stack import Stack, stacks

_LARGEST = 1 << 20  # bytes of a file; the parsers take seconds for one


def report(root: Path, main: Path, names: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """Return what would collide, a paragraph each, and notes.

    `names` are the Compose files of the checkout at `root`, relative to it; `main` is the main checkout, whose
    `router.toml` counts.
    """
    names = tuple(names)
    if not names:
        return "", ("compose: this checkout has no Compose file",)
    settings = _settings(main)
    lines, notes = list[str](), list[str]()
    for stack in stacks(names, lambda name: files.text(root / name, limit=_LARGEST)):
        colliding = found(stack, root, settings)
        notes += [f"compose: {shown(note)}" for note in stack.notes]
        if not colliding and not stack.notes:
            notes.append(f"compose: nothing in {shown(stack.file)} would collide")
        lines += _lines(colliding)
    return "".join(lines), tuple(notes)


def found(stack: Stack, root: Path, settings: RepositorySettings) -> tuple[Collision, ...]:
    """Return what would collide of one stack of the checkout at `root`."""
    services = settings.specs()
    first = {service: variable for variable, service in reversed(port_variables(services))}
    own = varying(services, settings.env)
    constants = {name: value for name, value in settings.env.items() if name not in own}
    variables = Variables(own | {"PWD"}, {**_dotenv(root / stack.project), **constants})
    return collisions(stack, Context(variables, stack.project), Names({**ROLES, **first}))


def _dotenv(directory: Path) -> Mapping[str, str]:
    """Return what the `.env` beside a Compose file sets: Compose reads it, and the same file is in every worktree."""
    try:
        text = envfiles.text(directory / ".env")
        return {name: value for name, value, _ in dotenv.bindings(text or "")}
    except (OSError, ValueError):
        return {}


def _settings(main: Path) -> RepositorySettings:
    try:
        return load_repository_settings(main)
    except (FileError, SettingsError):  # said by `router status`
        return RepositorySettings()


def _lines(colliding: Iterable[Collision]) -> Iterable[str]:
    """Yield each collision as a paragraph, and after those of one file the lines for `router.toml`."""
    for file, group in groupby(colliding, key=lambda each: each.file):
        several = list(group)
        for each in several:
            yield f"{shown(file)}:{each.line}: {shown(each.what)}\n"
            yield from (f"    {shown(line)}\n" for line in each.instead.splitlines())
        if env := dict.fromkeys(line for each in several for line in each.env):
            yield "router.toml, so that these have another value in each worktree:\n    [env]\n"
            yield from (f"    {shown(line)}\n" for line in env)
