"""Dotenv files as text: their values, and what `${NAME:-default}` in one comes to; nothing is executed."""

import io
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from router import references

if TYPE_CHECKING:
    from dotenv.parser import Binding, Original

_LONGEST = 4096  # characters of a value once it is filled in
_PLAIN = re.compile(r"""(?:export )?([A-Za-z_]\w*)=(?:([!$-&(-\[\]-_a-~]*)|"([^"\\]*)"|'([^'\\]*)')|#.*|""", re.ASCII)
"""A line that every dotenv file has: nothing is escaped in it, nothing goes on in the next one."""


def bindings(content: str) -> list[tuple[str, str, int]]:
    """Return the name, value and line of every binding of a dotenv file. ValueError names a line that is none."""
    found = []
    for binding in _parsed(content):
        line = _line(binding.original)
        if binding.error:
            raise ValueError(f"line {line} is not KEY=value")
        if binding.key is not None:
            found.append((binding.key, _plain(binding.value or ""), line))
    return found


def values(content: str) -> tuple[dict[str, str], str]:
    """Return what a dotenv file sets, as written, and what of it cannot be understood, empty where all can."""
    if (plain := _plain_values(content)) is not None:
        return plain, ""
    found: dict[str, str] = {}
    bad: list[int] = []
    for binding in _parsed(content):
        if binding.error:
            bad.append(_line(binding.original))
        elif binding.key is not None and binding.value is not None:
            found[binding.key] = _plain(binding.value)
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return found, f"line {bad[0]}{more} is not KEY=value" if bad else ""


def _plain_values(content: str) -> dict[str, str] | None:
    """Return what a file of plain lines sets; None where one line is another: python-dotenv, a third of the time that
    a command takes, knows them all.
    """
    lines = [_PLAIN.fullmatch(line) for line in content.split("\n")]
    if not all(lines) or "\r" in content:
        return None
    return {line[1]: _plain(line[2] or line[3] or line[4] or "") for line in lines if line and line[1]}


def expanded(value: str, earlier: Mapping[str, str]) -> str:
    r"""Return a value with its references filled in from the variables that were set earlier.

    As npm's dotenv-expand does it (`$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `\$`), of which
    python-dotenv has the forms in braces. Variables of the shell count as not set: they differ between terminals.
    """
    if "$" not in value:
        return value
    parts = references.split(value.replace("\\$", "\0"))
    return "".join(_filled(part, earlier) for part in parts).replace("\0", "$")[:_LONGEST]


def _filled(part: str, earlier: Mapping[str, str]) -> str:
    if part == "$$" or not references.is_reference(part):
        return part
    name, operator, word = references.read(part)
    known = earlier.get(name)
    if known is None or (known == "" and operator.startswith(":")):
        return expanded(word, earlier) if operator.endswith("-") else ""
    return known


def _plain(value: str) -> str:
    """Return a value without backticks around it, which npm's dotenv reads as quotes."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == "`" else value


def _parsed(content: str) -> "Iterator[Binding]":
    if content.strip():
        from dotenv.parser import parse_stream  # here: most worktrees have no such file

        yield from parse_stream(io.StringIO(content))


def _line(original: "Original") -> int:
    """Return the line that a binding begins in; the blank lines in front of it are part of what was read."""
    return original.line + original.string[: -len(original.string.lstrip())].count("\n")
