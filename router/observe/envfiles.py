"""A worktree's env and mise files: the ports they declare, read as text and never executed."""

import contextlib
import functools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from router import files
from router.blocks import parts
from router.errors import BlockError, FileError
from router.model import Declaration, Problem, ServiceSpec
from router.observe import dotenv, mise
from router.ports import parse_port
from router.text import shown
from router.values import dataclass, field, replace

DOTENV = (".env.development.local", ".env.local", ".env.development", ".env")
"""The order in which Next, dotenv-flow and most others read them, the strongest first."""
_DOTENV_OF_VITE = (".env.development.local", ".env.development", ".env.local", ".env")  # its guide, "Env Files"
_ON_VITE = frozenset({"vite", "astro", "@sveltejs/kit"})
FILES = (*mise.LOCAL, *DOTENV, *mise.PROJECT)
WRITTEN = (".mise.local.toml", ".env.local")
"""The files that the router writes its own block into."""
_LARGEST = 1 << 16  # bytes; a larger one is no env file, and a hostile one of 1 MiB takes the parsers seconds


def names(root: Path) -> tuple[str, ...]:
    """Return the names of the files that may declare something in a worktree, the strongest first.

    Vite puts the files of a mode above those of one checkout alone; mise puts the files of its environments first.
    """
    with contextlib.suppress(OSError, ValueError):
        packages = text(root / "package.json") or ""
        of_environments = mise.environments(text(root / mise.SETTINGS) or "")
        own = tuple(name for each in of_environments for name in mise.of_environment(each))
        return (*own, *mise.LOCAL, *(_DOTENV_OF_VITE if _is_on_vite(packages) else DOTENV), *mise.PROJECT)
    return FILES


def watched(root: Path) -> tuple[str, ...]:
    """Return the paths that show by their state whether any of these files has changed, relative to a worktree.

    Files in a directory that is not there are left out: the directory shows when it comes.
    """
    there = {"", *(each for each in mise.DIRECTORIES if os.path.isdir(f"{root}/{each}"))}  # noqa: PTH112 - Path's raises where it may not look
    files_there = (name for name in names(root) if name.rpartition("/")[0] in there)
    return (*files_there, mise.SETTINGS, *(f"{each}/" for each in mise.DIRECTORIES if each.rpartition("/")[0] in there))


def declarations(
    root: Path, services: Sequence[ServiceSpec], *, before: Iterable[Declaration] = ()
) -> tuple[tuple[Declaration, ...], tuple[Problem, ...]]:
    """Return what the files of a worktree say of its services' ports, strongest first, and what cannot be read.

    A file before a variable: all that a stronger file says of a service stands before what a weaker one says.
    References are filled in from the same files; nothing is run. What the router's own block in a stronger file sets
    otherwise says nothing: programs do not see it. Where the system fails to read a file, what it said in `before`
    stands.
    """
    found: list[Declaration] = []
    problems: list[Problem] = []
    wanted = frozenset(variable for service in services for variable in service.env)
    read = _files(root)
    ours: dict[str, str] = {}
    for name, file in read.items():
        problems += file.problems(root / name, wanted)
        if file.failed:
            found += (each for each in before if each.source == _source(name))
        for service in services:
            for variable in service.env:
                value = file.values.get(variable)
                if value is not None and ours.get(variable, value) == value:
                    found.append(Declaration(service.name, parse_port(value), _source(name), variable, value))
        ours |= {variable: value for variable, value in file.block.items() if variable not in ours}
    return tuple(found), tuple(problems)


def values(root: Path, *, blocks: bool = True) -> Iterator[tuple[str, str, str]]:
    """Yield every value that the files of a worktree give to a variable, as name, value and file.

    The router's own block counts with `blocks`. What cannot be read says nothing.
    """
    for name, file in _files(root).items():
        found = {**file.values, **file.block} if blocks else file.values
        yield from ((variable, value, name) for variable, value in found.items())


def blocks(root: Path) -> tuple[Mapping[str, str], ...]:
    """Return what the router's own blocks in the files of a worktree set, the strongest first."""
    return tuple(file.block for name in WRITTEN if (file := _read(root, name)) and file.block)


def text(path: Path) -> str | None:
    """Return the text of a regular file of at most 64 KiB, None where there is none.

    OSError where the system fails to read it; ValueError where it is no such file, or not UTF-8.
    """
    try:
        content = files.read_bounded(path, limit=_LARGEST)
    except FileError as exc:
        if isinstance(exc.__cause__, OSError):
            raise exc.__cause__ from None
        raise ValueError(exc.reason) from exc
    return None if content is None else content.decode("utf-8-sig")


@dataclass(frozen=True, slots=True)
class _File:
    """What one file sets, apart from the router's own block, and what that block sets.

    `bad` is what of it cannot be understood, `failed` whether the system failed to read it.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    block: Mapping[str, str] = field(default_factory=dict)
    bad: str = ""
    failed: bool = False
    rest: str = "nothing in it counts"
    unread: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()

    def problems(self, path: Path, wanted: frozenset[str]) -> Iterator[Problem]:
        """Yield what cannot be read of a file; `wanted` are the variables that name ports."""
        if self.bad:
            yield _unreadable(path, self.bad, rest=self.rest)
        if computed := [name for name in self.unread if name in wanted]:
            reason = f"{', '.join(computed)} would have to be computed, and nothing of it is run"
            yield _unreadable(path, reason, hint="write the port itself where the router shall know it")
        elif self.scripts:
            reason = f"it takes its values from {self.scripts[0]}, which is not run"
            yield _unreadable(path, reason, hint="write ports themselves where the router shall know them")


def _files(root: Path) -> Mapping[str, _File]:
    return _expanded({name: file for name in names(root) if (file := _read(root, name))})


def _read(root: Path, name: str) -> _File | None:
    try:
        if files.is_absent(f"{root}/{name}") or (content := text(root / name)) is None:
            return None
        plain, block = _parts(content)
        if name in DOTENV:
            return replace(_dotenv(plain), block=_dotenv(block).values)
        return replace(
            _mise(root, plain), block=_mise(root, block if block.startswith("[env]\n") else f"[env]\n{block}").values
        )
    except OSError as exc:
        return _File(bad=_reason(exc), failed=True, rest="what it said before counts")
    except ValueError as exc:
        return _File(bad=_reason(exc))


def _expanded(read: Mapping[str, _File]) -> Mapping[str, _File]:
    """Return the files with the references in dotenv files filled in.

    Programs take these files as one, the weakest first; what a stronger one sets stays in its first place there, and a
    reference sees what stands before it.
    """
    of_dotenv = {name: file for name, file in reversed(tuple(read.items())) if name in DOTENV}
    order = dict.fromkeys(variable for file in of_dotenv.values() for variable in (*file.values, *file.block))
    earlier: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {name: {} for name in of_dotenv}
    blocks: dict[str, dict[str, str]] = {name: {} for name in of_dotenv}
    for variable in order:
        value = ""
        for name, file in of_dotenv.items():
            for written, filled in ((file.values, values[name]), (file.block, blocks[name])):
                if variable in written:
                    value = filled[variable] = dotenv.expanded(written[variable], earlier)
        earlier[variable] = value
    return {
        name: replace(file, values=values[name], block=blocks[name]) if name in of_dotenv else file
        for name, file in read.items()
    }


def _source(name: str) -> str:
    return f"{'env' if name in DOTENV else 'mise'}:{name}"


def _parts(content: str) -> tuple[str, str]:
    """Return a file without the router's own block, and the block: what the router wrote is no wish of anybody's.

    Its lines are left empty, so that those behind keep their numbers.
    """
    try:
        found = parts(content)
    except BlockError:
        return content, ""
    if found.block is None:
        return content, ""
    return found.before + "\n" * (found.block.count("\n") + 2) + found.after, found.block


@functools.lru_cache(maxsize=512)  # the worktrees of a repository have the same files, and a hostile one takes 0.4 s
def _dotenv(content: str) -> _File:
    found, bad = dotenv.values(content)
    return _File(found, bad=bad, rest="the rest counts")


def _mise(root: Path, content: str) -> _File:
    exported = _exported(content)
    found: dict[str, str] = {}
    for name, value in exported.steps:
        found |= {name: value} if name else _loaded(root, value)
    return _File(found, unread=exported.templates, scripts=exported.scripts)


@functools.lru_cache(maxsize=512)
def _exported(content: str) -> mise.Exported:
    return mise.exported(content)


def _loaded(root: Path, path: str) -> Mapping[str, str]:
    """Return what a dotenv file sets that a mise file loads; nothing where it is outside of the worktree."""
    if ".." in path.split("/") or path.startswith(("/", "~")):
        return {}
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, str] = {}
        for name, value in dotenv.values(text(root / path) or "")[0].items():
            found[name] = dotenv.expanded(value, found)
        return found
    return {}


@functools.lru_cache(maxsize=512)
def _is_on_vite(package: str) -> bool:
    """Tell by a package.json whether a worktree's env files are read by Vite."""
    try:
        content = json.loads(package or "{}")
    except (ValueError, RecursionError):
        return False
    groups = [content.get(key) for key in ("dependencies", "devDependencies")] if isinstance(content, dict) else []
    packages = {name for group in groups if isinstance(group, dict) for name in group}
    return bool(packages & _ON_VITE) and "next" not in packages


def _reason(exc: OSError | ValueError) -> str:
    if isinstance(exc, OSError):
        return exc.strerror or "it cannot be read"
    return "it is not UTF-8" if isinstance(exc, UnicodeDecodeError) else str(exc)


def _unreadable(path: Path, reason: str, *, rest: str = "", hint: str = "") -> Problem:
    hint = hint or f"fix or remove {shown(path.name)}; until then {rest}"
    return Problem("unreadable-file", f"{shown(str(path))}: {shown(reason)}", hint)
