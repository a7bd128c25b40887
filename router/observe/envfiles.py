"""A worktree's env and mise files: the ports they declare, read as text and never executed."""

import contextlib
import functools
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dotenv.parser import Original, parse_stream

from router import files
from router.blocks import parts
from router.errors import BlockError, FileError
from router.model import Declaration, Problem, ServiceSpec
from router.naming import shown
from router.ports import parse_port
from router.toml_reader import read_toml

MISE_LOCAL = (".mise.local.toml", "mise.local.toml")
DOTENV = (".env.development.local", ".env.local", ".env.development", ".env")
MISE = (".mise.toml", "mise.toml")
FILES = (*MISE_LOCAL, *DOTENV, *MISE)
MISE_PROJECT_FILES = (
    "mise.toml", ".mise.toml", ".config/mise.toml", ".config/mise/config.toml", "mise/config.toml", ".mise/config.toml",
)  # fmt: skip
"""Where mise looks for a project's own configuration."""
_LARGEST = 1 << 16  # bytes; a larger one is no env file, and a hostile one of 1 MiB takes the parsers seconds


def declarations(
    root: Path, services: Sequence[ServiceSpec], *, before: Iterable[Declaration] = ()
) -> tuple[tuple[Declaration, ...], tuple[Problem, ...]]:
    """Return what the files of a worktree say of its services' ports, strongest first, and what cannot be read.

    A file before a variable: all that a stronger file says of a service stands before what a weaker one says.
    Values are kept as written; templates and references are not expanded, nothing is run. Where the system fails to
    read a file, what it said in `before` stands.
    """
    found: list[Declaration] = []
    problems: list[Problem] = []
    for name in FILES:
        source = f"{'env' if name in DOTENV else 'mise'}:{name}"
        try:
            values, wrong = _read(root / name)
        except OSError as exc:
            problems.append(_unreadable(root / name, _reason(exc), rest="what it said before counts"))
            found += (each for each in before if each.source == source)
            continue
        problems += wrong
        found += (
            Declaration(service.name, parse_port(values[variable]), source, variable, values[variable])
            for service in services
            for variable in service.env
            if variable in values
        )
    return tuple(found), tuple(problems)


def values(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield every value that the files of a worktree give to a variable, as name, value and file; the router's own
    block included. What cannot be read says nothing."""
    for name in FILES:
        with contextlib.suppress(OSError):
            found, _ = _read(root / name, whole=True)
            yield from ((variable, value, name) for variable, value in found.items())


def bindings(content: str) -> list[tuple[str, str, int]]:
    """Return the name, value and line of every binding of a dotenv file. ValueError names a line that is none."""
    found = []
    for binding in parse_stream(io.StringIO(content)):
        line = _line(binding.original)
        if binding.error:
            raise ValueError(f"line {line} is not KEY=value")
        if binding.key is not None:
            found.append((binding.key, binding.value or "", line))
    return found


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


def _read(path: Path, *, whole: bool = False) -> tuple[Mapping[str, str], list[Problem]]:
    try:
        content = text(path)
        if content is None:
            return {}, []
        values, bad = _parsed(content, dotenv=path.name in DOTENV, whole=whole)
    except ValueError as exc:
        return {}, [_unreadable(path, _reason(exc))]
    rest = "the rest counts" if path.name in DOTENV else "nothing in it counts"
    return values, [_unreadable(path, bad, rest=rest)] if bad else []


@functools.lru_cache(maxsize=512)  # the worktrees of a repository have the same files, and a hostile one takes 0.4 s
def _parsed(content: str, *, dotenv: bool, whole: bool) -> tuple[Mapping[str, str], str]:
    """Return the values that a file gives, and what of it cannot be understood, empty where all can."""
    content = content if whole else _declaring(content)
    try:
        return _dotenv(content) if dotenv else (_mise(content), "")
    except ValueError as exc:
        return {}, _reason(exc)


def _dotenv(content: str) -> tuple[dict[str, str], str]:
    values: dict[str, str] = {}
    bad: list[int] = []
    for binding in parse_stream(io.StringIO(content)):
        if binding.error:
            bad.append(_line(binding.original))
        elif binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return values, f"line {bad[0]}{more} is not KEY=value" if bad else ""


def _declaring(content: str) -> str:
    """Return a file without the router's own block: what the router wrote there is no wish of anybody's.

    Its lines are left empty, so that those behind keep their numbers.
    """
    try:
        found = parts(content)
    except BlockError:
        return content
    return content if found.block is None else found.before + "\n" * (found.block.count("\n") + 2) + found.after


def _line(original: Original) -> int:
    """Return the line that a binding begins in; the blank lines in front of it are part of what was read."""
    return original.line + original.string[: -len(original.string.lstrip())].count("\n")


def _mise(content: str) -> dict[str, str]:
    env = read_toml(content).get("env", {})
    if not isinstance(env, dict):
        raise ValueError("[env] is not a table")
    values = {key: _mise_value(value) for key, value in env.items()}
    return {key: value for key, value in values.items() if value is not None}


def _mise_value(value: Any) -> str | None:
    """Return a value as mise would export it, None where it exports nothing."""
    if isinstance(value, dict):
        return _mise_value(value.get("value", False))
    if isinstance(value, bool):
        return "true" if value else None
    return value if isinstance(value, str) else str(value)


def _reason(exc: OSError | ValueError) -> str:
    if isinstance(exc, OSError):
        return exc.strerror or "it cannot be read"
    if isinstance(exc, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(exc)


def _unreadable(path: Path, reason: str, *, rest: str = "nothing in it counts") -> Problem:
    return Problem(
        "unreadable-file",
        f"{shown(str(path))}: {shown(reason)}",
        f"fix or remove {shown(path.name)}; until then {rest}",
    )
