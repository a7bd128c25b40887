"""References to variables in a text, as shells, Compose and dotenv files have them: `$NAME`, `${NAME:-default}`."""

import re
from collections.abc import Iterator

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]|")


def split(text: str) -> Iterator[str]:
    """Yield the parts of a text: `$$`, each reference with what is nested in it, and what is between."""
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


def is_reference(part: str) -> bool:
    """Tell whether a part is `$$` or a reference: a `$` that begins none is text."""
    return part.startswith("$") and len(part) > 1 and _end(part, 0) == len(part)


def read(reference: str) -> tuple[str, str, str]:
    """Return the name of a reference, its operator (empty, `-`, `:-`, `?`, `:?`, `+`, `:+`), and the word behind it."""
    inside = reference[2:-1] if reference.startswith("${") else reference[1:]
    name = _NAME.match(inside)
    assert name is not None  # noqa: S101 - `split` yields nothing else
    rest = inside[name.end() :]
    operator = _OPERATOR.match(rest)
    assert operator is not None  # noqa: S101 - it may be empty
    return name[0], operator[0], rest[operator.end() :]


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
