"""What Compose makes of `$NAME` and `${NAME:-default}` in a value, and whether it is the same in every worktree."""

from collections.abc import Mapping

from router.references import is_reference, read, split
from router.values import dataclass

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
        if part == "$$" or not is_reference(part):
            return Value(part[:1] if part == "$$" else part)
        name, operator, word = read(part)
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


def split_at(text: str, separator: str) -> list[str]:
    """Return a text split at a character, except where that stands inside a reference or in square brackets."""
    pieces, depth = [""], 0
    for part in split(text):
        if is_reference(part):
            pieces[-1] += part
            continue
        for character in part:
            depth += {"[": 1, "]": -1}.get(character, 0)
            if character == separator and depth <= 0:
                pieces.append("")
            else:
                pieces[-1] += character
    return pieces
