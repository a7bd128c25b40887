"""Where a match of a Ruby regular expression may end in a text, in a time that no expression can make long.

Greed and order do not count here: each part of an expression is the set of places that it leads to from each place of
the text, and parts are put together by joining these sets.
"""

import re
from functools import reduce

from router.values import dataclass

_MOST = 200  # characters of an expression
_CLASSES = {"d": r"[0-9]", "w": r"[A-Za-z0-9_]", "s": r"[ \t\r\n\f\v]", "h": r"[0-9A-Fa-f]"}
_GROUP = re.compile(r"\((?:\?(?:<(?![=!])\w+>|[>:]|[im]*(?:-[imx]+)?:))?")
_TIMES = re.compile(r"([*+?]|\{(\d*)(,?)(\d*)\})[?+]?")
_SET = re.compile(r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\\\]\[&])*\]")
_POSIX = {"alnum": "A-Za-z0-9", "alpha": "A-Za-z", "digit": "0-9", "lower": "a-z", "upper": "A-Z", "word": r"\w",
          "xdigit": "0-9A-Fa-f"}  # fmt: skip

Places = tuple[frozenset[int], ...]
"""For each place of the text the places that a part of an expression leads to."""


class _UnreadableError(ValueError):
    """The expression has something that is not read here."""


def ends(expression: str, text: str, *, ignore_case: bool = False) -> frozenset[int] | None:
    """Return where a match that begins with the text may end; None where the expression has what is not read here."""
    if len(expression) > _MOST or "#{" in expression:
        return None
    reading = _Reading(expression, text, ignore_case)
    try:
        places, at = reading.alternatives(0)
    except (_UnreadableError, RecursionError, re.error):
        return None
    return None if at < len(expression) else places[0]


@dataclass(frozen=True, slots=True)
class _Reading:
    source: str
    text: str
    ignore_case: bool

    def alternatives(self, at: int) -> tuple[Places, int]:
        """Read what begins there, up to a closing bracket or the end; return it and where it ends."""
        places, at = self.sequence(at)
        while self.source[at : at + 1] == "|":
            other, at = self.sequence(at + 1)
            places = tuple(one | two for one, two in zip(places, other, strict=True))
        return places, at

    def sequence(self, at: int) -> tuple[Places, int]:
        places = self.nothing()
        while at < len(self.source) and self.source[at] not in "|)":
            part, at = self.part(at)
            times = _TIMES.match(self.source, at)
            if times:
                part, at = self.repeated(part, times), times.end()
            places = _joined(places, part)
        return places, at

    def part(self, at: int) -> tuple[Places, int]:
        group = _GROUP.match(self.source, at)
        if group:
            if "?" in group[0] and group[0][2:3] in {"i", "m", "-", ">"}:
                raise _UnreadableError(group[0])
            places, end = self.alternatives(group.end())
            if self.source[end : end + 1] != ")":
                raise _UnreadableError("(")
            return places, end + 1
        for word, found in ((r"\A", self.only(0)), ("^", self.only(0)), (r"\z", self.only(-1)), (r"\Z", self.only(-1)),
                            ("$", self.only(-1))):  # fmt: skip
            if self.source.startswith(word, at):
                return found, at + len(word)
        pattern, end = self.character(at)
        flags = (re.IGNORECASE if self.ignore_case else 0) | re.DOTALL
        one = re.compile(pattern, flags)
        steps = [frozenset({i + 1}) if one.fullmatch(c) else frozenset[int]() for i, c in enumerate(self.text)]
        return (*steps, frozenset()), end

    def character(self, at: int) -> tuple[str, int]:
        """Return a pattern of Python for the one character that an expression has there, and where that ends."""
        char = self.source[at]
        if char == "\\":
            follows = self.source[at + 1 : at + 2]
            if follows.lower() in _CLASSES and follows:
                inside = _CLASSES[follows.lower()]
                return (inside if follows.islower() else f"[^{inside[1:]}"), at + 2
            if not follows or follows.isalnum():
                raise _UnreadableError(follows)
            return re.escape(follows), at + 2
        if char == "[":
            found = _SET.match(self.source, at)
            if not found:
                raise _UnreadableError("[")
            inside = re.sub(r"\[:(\w+):\]", lambda match: _POSIX.get(match[1], "["), found[0][1:-1])
            if "[" in inside or re.search(r"\\[^dwsWDS\W]", inside):
                raise _UnreadableError(inside)
            return f"[{inside}]", found.end()
        if char in "*+?{":
            raise _UnreadableError(char)
        return ("." if char == "." else re.escape(char)), at + 1

    def repeated(self, part: Places, times: "re.Match[str]") -> Places:
        """Return a part so many times: more often than the text has characters adds nothing."""
        longest = len(self.text) + 1
        if times[1] in {"*", "+", "?"}:
            low, high = int(times[1] == "+"), (1 if times[1] == "?" else longest)
        else:
            low = min(int(times[2] or 0), longest)
            high = min(int(times[4]), longest) if times[4] else (longest if times[3] else low)
        exactly = reduce(_joined, [part] * low, self.nothing())
        found, last = exactly, exactly
        for _ in range(high - low):
            last = _joined(last, part)
            more = tuple(one | two for one, two in zip(found, last, strict=True))
            if more == found:
                break
            found = more
        return found

    def nothing(self) -> Places:
        return tuple(frozenset({i}) for i in range(len(self.text) + 1))

    def only(self, place: int) -> Places:
        wanted = place % (len(self.text) + 1)
        return tuple(frozenset({i}) if i == wanted else frozenset[int]() for i in range(len(self.text) + 1))


def _joined(first: Places, second: Places) -> Places:
    return tuple(frozenset[int]().union(*(second[place] for place in places)) for places in first)
