"""A member added to a JSON object, as text: every other byte stays, and the file's indentation is followed."""

import json
import re
from typing import Any

from router.errors import FileError
from router.values import dataclass

_SPACE = re.compile(r"[ \t\r\n]*")
_UNIT = "  "


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object, and where its value starts and ends in the text."""

    key: str
    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ObjectSpan:
    """An object in a text: where its brace opens and closes, and its members."""

    opens: int
    closes: int
    members: tuple[Member, ...]

    def member(self, key: str) -> Member | None:
        """Return the member of that name, None where there is none. FileError where there are two."""
        members = [member for member in self.members if member.key == key]
        if len(members) > 1:
            raise FileError(f"it has {key!r} twice", hint="remove one of them")
        return members[0] if members else None


def read(text: str) -> ObjectSpan:
    """Return the object that a JSON text is. FileError where it is something else, or has comments."""
    opens = _skip(text, 1 if text.startswith("\ufeff") else 0)
    try:
        value, end = json.JSONDecoder().raw_decode(text, opens)
    except (ValueError, RecursionError) as exc:
        line = f"line {exc.lineno}: {exc.msg}" if isinstance(exc, json.JSONDecodeError) else "it is nested too deeply"
        raise FileError(f"it is not plain JSON ({line})", hint="fix it; comments are not JSON") from exc
    if not isinstance(value, dict) or _skip(text, end) != len(text):
        raise FileError("it is not one JSON object", hint="fix it; comments are not JSON")
    return object_at(text, opens)


def object_at(text: str, opens: int) -> ObjectSpan:
    """Return the object whose brace opens there, in a text that is JSON."""
    decoder, members = json.JSONDecoder(), []
    position = _skip(text, opens + 1)
    while text[position] != "}":
        key, end = decoder.raw_decode(text, position)
        start = _skip(text, _skip(text, end) + 1)
        value, end = decoder.raw_decode(text, start)
        members.append(Member(key, value, start, end))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return ObjectSpan(opens, position, tuple(members))


def with_member(text: str, span: ObjectSpan, key: str, value: Any) -> str:
    """Return the text with a member added at the object's end."""
    if not span.members:
        outer = _indent(text, span.opens)
        inner = outer + _unit(text)
        only = f"\n{inner}{_member(key, value, inner, _unit(text))}\n{outer}"
        return _joined(text, span.opens + 1, only, span.closes)
    last = span.members[-1].end
    first = text[span.opens + 1 : span.members[0].start]
    if "\n" not in first:
        return _joined(text, last, f", {_member(key, value)}", last)
    inner = first.rpartition("\n")[2].partition('"')[0]
    return _joined(text, last, f",\n{inner}{_member(key, value, inner, _unit(text))}", last)


def with_value(text: str, member: Member, value: Any) -> str:
    """Return the text with another value for a member: over several lines where the old one is."""
    lines = "\n" in text[member.start : member.end]
    new = _dumped(value, _indent(text, member.start), _unit(text)) if lines else json.dumps(value)
    return _joined(text, member.start, new, member.end)


def with_item(text: str, array: Member, value: Any) -> str:
    """Return the text with an item added at the end of a member's array."""
    closes = array.end - 1
    body = text[array.start + 1 : closes]
    if not array.value:
        return _joined(text, array.start + 1, json.dumps(value), closes)
    last = closes - len(body) + len(body.rstrip())
    if "\n" not in body:
        return _joined(text, last, f", {json.dumps(value)}", last)
    inner = body[: len(body) - len(body.lstrip())].rpartition("\n")[2]
    return _joined(text, last, f",\n{inner}{_dumped(value, inner, _unit(text))}", last)


def _joined(text: str, start: int, new: str, end: int) -> str:
    return text[:start] + new + text[end:]


def _member(key: str, value: Any, indent: str | None = None, unit: str = _UNIT) -> str:
    return f"{json.dumps(key)}: {json.dumps(value) if indent is None else _dumped(value, indent, unit)}"


def _dumped(value: Any, indent: str, unit: str) -> str:
    return json.dumps(value, indent=unit).replace("\n", f"\n{indent}")


def _indent(text: str, position: int) -> str:
    """Return the blanks at the beginning of the line of a position."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """Return the blanks that the file indents with: those of its first indented line."""
    match = re.search(r"\n([ \t]+)\S", text)
    return match[1] if match else _UNIT


def _skip(text: str, position: int) -> int:
    """Return the position after the white space at a position."""
    match = _SPACE.match(text, position)
    return match.end() if match else position
