"""Reads values in JavaScript and TypeScript without running them: which are known, and which are only when they run."""

import re
from collections.abc import Iterator, Sequence

from router.values import dataclass

MOST_TOKENS = 30_000
_MOST_PLACES = 20  # of one name in a file
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<string>'(?:[^'\\\n]|\\.){0,500}'|"(?:[^"\\\n]|\\.){0,500}"|`(?:[^`\\]|\\.){0,500}`)
      | (?P<word>[A-Za-z_$][\w$]*|\d[\w.]*)
      | (?P<sign>\.\.\.|=>|[?][.?]|[&|]{2}|.)""",
    re.VERBOSE | re.DOTALL,
)
_EXPRESSION = re.compile(r"/(?![*/])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.){0,100}\]){1,100}/[a-z]*")
_BEFORE_EXPRESSION = frozenset("(,=:[!&|?{};") | {"", "return", "=>", "&&", "||"}
_LITERAL = re.compile(r"true|false|null|undefined|\d[\w.]*")
_CASTS = frozenset({"satisfies", "as"})
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Value:
    """The tokens of a value, without comments."""

    tokens: tuple[str, ...]

    @property
    def text(self) -> str | None:
        """Return the text of a value that is one string; None for any other value."""
        return string(self.tokens[0]) if len(self.tokens) == 1 else None

    @property
    def plain(self) -> str | None:
        """Return what stands there where it is known: the text of a string, a number, `true`; None where it is not."""
        if self.text is None and len(self.tokens) == 1 and _LITERAL.fullmatch(self.tokens[0]):
            return self.tokens[0]
        return self.text

    @property
    def items(self) -> "tuple[Value, ...] | None":
        """Return the values of an array; None where the value is none. One of `...other` begins with `...`."""
        if self.tokens[:1] != ("[",) or closing(self.tokens, 0) != len(self.tokens) - 1:
            return None
        return tuple(Value(part) for part in _parts(self.tokens[1:-1]) if part)

    @property
    def object(self) -> "Object | None":
        """Return the properties of an object literal; None where the value is something else."""
        if self.tokens[:1] != ("{",):
            return None
        end = closing(self.tokens, 0)
        rest = self.tokens[end + 1 :]
        return _object(self.tokens[1:end]) if not rest or rest[0] in _CASTS else None


@dataclass(frozen=True, slots=True)
class Object:
    """The properties of an object literal in their order; `open` where it has others: `...other` or `[name]: …`."""

    properties: tuple[tuple[str, Value], ...]
    open: bool

    def get(self, name: str) -> Value | None:
        """Return a property, the last of that name; None where there is none."""
        return next((value for key, value in reversed(self.properties) if key == name), None)


def tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of a text without comments, 30,000 at the most; it may be no JavaScript at all."""
    found: list[str] = []
    at = 0
    while at < len(text) and len(found) < MOST_TOKENS:
        before = found[-1] if found else ""
        expression = _EXPRESSION.match(text, at) if text[at] == "/" and before in _BEFORE_EXPRESSION else None
        match = expression or _TOKEN.match(text, at)
        if match is None:  # the last alternative takes any character
            break
        if expression or match.lastgroup != "space":
            found.append(match[0])
        at = match.end()
    return tuple(found)


def string(word: str) -> str | None:
    """Return the text of a string token; None for any other word, and for a text that is computed."""
    closed = len(word) > 1 and word[0] in "'\"`" and word[-1] == word[0]
    if not closed or (word[0] == "`" and "${" in word):
        return None
    return re.sub(r"\\(.)", r"\1", word[1:-1])


def mentions(found: Sequence[str], *names: str) -> int:
    """Return how often these names stand in a file, as words or in quotes."""
    return sum(word in names or string(word) in names for word in found)


def properties(found: tuple[str, ...], name: str) -> Iterator[Value]:
    """Yield the value of each property of this name anywhere in a file, the first 20 of them.

    That of `{ name }` is the name itself; what is assigned (`config.name = …`) begins with `=`.
    """
    places = [at for at, word in enumerate(found) if word == name or string(word) == name]
    for at in places[:_MOST_PLACES]:
        before, after = found[at - 1] if at else "", found[at + 1] if at + 1 < len(found) else ""
        if before in {"", "{", ","} and after == ":":
            yield Value(next(_parts(found[at + 2 : _end(found, at)])))
        elif before in {"{", ","} and after in {",", "}"}:
            yield Value((name,))
        elif before == "." and after == "=":
            yield Value(found[at + 1 : at + 4])


def closing(found: Sequence[str], at: int) -> int:
    """Return where the bracket that opens there is closed; the last token where it is not."""
    level = 0
    for i in range(at, len(found)):
        level += (found[i] in _OPEN) - (found[i] in _CLOSE)
        if level <= 0:
            return i
    return len(found) - 1


def _object(inside: tuple[str, ...]) -> Object:
    parts = [part for part in _parts(inside) if part]
    known = tuple(
        (string(part[0]) or part[0], Value(part[2:] if part[1:2] == (":",) else part))  # `{ name }`, or a method
        for part in parts
        if part[0] not in {"...", "["}
    )
    return Object(known, open=len(known) < len(parts))


def _parts(found: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the parts between the commas outside of all brackets."""
    level, start = 0, 0
    for at, word in enumerate(found):
        level += (word in _OPEN) - (word in _CLOSE)
        if word == "," and level == 0:
            yield found[start:at]
            start = at + 1
    yield found[start:]


def _end(found: Sequence[str], at: int) -> int:
    """Return where the brackets around a place are closed."""
    level = 0
    for i in range(at, len(found)):
        level += (found[i] in _OPEN) - (found[i] in _CLOSE)
        if level < 0:
            return i
    return len(found)
