"""What Compose makes of `$NAME` and `${NAME:-default}` in a value, and whether it is the same in every worktree."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEEPEST = 20  # defaults inside defaults
_MACHINE = {"HOME": "~", "USER": "$USER", "LOGNAME": "$LOGNAME", "TMPDIR": "/tmp"}  # noqa: S108 - what it usually is
"""Variables of the user's own, which are the same in every worktree and should be."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its variables filled in.

    `varies` is whether it is another one in each worktree; `unset` are the variables in it that nothing sets for each
    worktree, with what they come to: their default, or what a `.env` says.
    """

    text: str
    varies: bool = False
    unset: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Variables:
    """What variables a stack sees: those that differ between worktrees, and those that a `.env` beside it fixes."""

    varying: frozenset[str]
    fixed: Mapping[str, str]

    def value(self, text: str) -> Value:
        """Return what Compose makes of a text, by its rules for interpolation."""
        return self._value(text, 0)

    def _value(self, text: str, depth: int) -> Value:
        parts = [self._part(part, depth) for part in split(text)]
        unset = tuple(dict.fromkeys(each for part in parts for each in part.unset))
        return Value("".join(part.text for part in parts), any(part.varies for part in parts), unset)

    def _part(self, part: str, depth: int) -> Value:
        if part == "$$" or not _is_reference(part):
            return Value(part[:1] if part == "$$" else part)
        name, operator, word = _reference(part)
        if operator.endswith("+"):
            return self._alternative(name, operator, word, depth)
        if name in self.varying:
            return Value(f"${{{name}}}", varies=True)
        if name in _MACHINE:
            return Value(_MACHINE[name])
        fixed = self.fixed.get(name)
        if fixed or (fixed is not None and not operator.startswith(":")):
            return Value(fixed, unset=((name, fixed),))
        default = self._value(word, depth + 1) if operator.endswith("-") and depth < _DEEPEST else Value("")
        return Value(default.text, default.varies, ((name, default.text), *default.unset))

    def _alternative(self, name: str, operator: str, word: str, depth: int) -> Value:
        """Return the value of `${NAME:+word}`: the word where the variable has a value, whichever it is."""
        fixed = self.fixed.get(name)
        has_value = name in self.varying or bool(fixed) or (fixed is not None and operator == "+")
        return self._value(word, depth + 1) if has_value and depth < _DEEPEST else Value("")


def split(text: str) -> Iterator[str]:
    """Yield the parts of a text: `$$`, each reference to a variable with what is nested in it, and what is between."""
    start = position = 0
    while (position := text.find("$", position)) >= 0:
        end = _end(text, position)
        if end > position + 1:
            if start < position:
                yield text[start:position]
            yield text[position:end]
            start = end
        position = end
    if start < len(text):
        yield text[start:]


def split_at(text: str, separator: str) -> list[str]:
    """Return a text split at a character, except where that stands inside a reference or in square brackets."""
    pieces, depth = [""], 0
    for part in split(text):
        if _is_reference(part):
            pieces[-1] += part
            continue
        for character in part:
            depth += {"[": 1, "]": -1}.get(character, 0)
            if character == separator and depth <= 0:
                pieces.append("")
            else:
                pieces[-1] += character
    return pieces


def _is_reference(part: str) -> bool:
    """Tell whether a part is `$$` or a reference: a `$` that begins none is text."""
    return part.startswith("$") and len(part) > 1 and _end(part, 0) == len(part)


def _end(text: str, dollar: int) -> int:
    """Return where the reference that a `$` begins ends; the next position where it begins none."""
    if text[dollar + 1 : dollar + 2] == "$":
        return dollar + 2
    if match := _NAME.match(text, dollar + 1):
        return match.end()
    if not text.startswith("{", dollar + 1) or not _NAME.match(text, dollar + 2):
        return dollar + 1
    depth = 0
    for position in range(dollar + 1, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position + 1
    return dollar + 1


def _reference(part: str) -> tuple[str, str, str]:
    """Return the name of a reference, its operator (empty, `-`, `:-`, `?`, `:?`, `+`, `:+`), and the word behind it."""
    inside = part[2:-1] if part.startswith("${") else part[1:]
    name = _NAME.match(inside)
    assert name is not None  # noqa: S101 - `split` yields nothing else
    rest = inside[name.end() :]
    operator = re.match(r":?[-?+]|", rest)
    assert operator is not None  # noqa: S101 - it may be empty
    return name[0], operator[0], rest[operator.end() :]
