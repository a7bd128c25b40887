"""Whether a Rails application accepts `*.localhost`: what its files do to `config.hosts`, by ActionPack's own matching.

`ActionDispatch::HostAuthorization::Permissions`: a string with a dot in front accepts one label more, another string
itself, an expression what it matches as a whole; each with any port. In development `.localhost` is allowed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from router.doctor.frameworks.framework import Files, Framework, number

MARKER = "Gemfile"
_FILES = ("config/application.rb", "config/environments/development.rb")
_CHECKS = (6, 0)  # has ActionDispatch::HostAuthorization
_HOSTS = ("feature-x.localhost", "api.feature-x.localhost")
_LINE = r"config.hosts << /[a-z0-9.-]+\.localhost(:\d+)?/"
_PROGRAMS = frozenset({"rails", "puma", "rackup", "unicorn"})
_CHANGE = re.compile(r"config\.hosts\s*(<<|\+=|\.push|\.append|\.concat|=(?!=)|\.clear)\s*(.*)")
_OPENED = re.compile(r"middleware\.delete[( ]+:?:?ActionDispatch::HostAuthorization")
_TOKEN = re.compile(
    r"""\s*(?:"(?P<double>[^"#\\]*)"|'(?P<single>[^'\\]*)'|%r\{(?P<braces>[^}]*)\}(?P<b>[imx]*)"""
    r"""|/(?P<slashes>(?:[^/\\\n]|\\.)*)/(?P<s>[imx]*)|IPAddr\.new\([^)]*\)|(?P<nil>nil\b)|(?P<other>[^,\s\])]+))\s*,?"""
)
_LONGEST = 200  # characters of an expression; Ruby's own are short


@dataclass(frozen=True, slots=True)
class _Hosts:
    """Whether a host of one label and one of two is accepted, None where only running the application would show it."""

    accepted: tuple[bool | None, ...]

    def with_pattern(self, matches: tuple[bool | None, ...]) -> "_Hosts":
        """Return what is accepted with one more pattern."""
        return _Hosts(tuple(_either(a, b) for a, b in zip(self.accepted, matches, strict=True)))


def is_used(files: Files) -> bool:
    """Tell whether a directory has a Rails application."""
    return bool(re.search(r"""^[ \t]*gem[ \t]*\(?[ \t]*["']rails["']""", files.get(MARKER, ""), re.MULTILINE))


def further_files(files: Files) -> Iterator[str]:
    """Yield the names of further files to read."""
    if MARKER in files:
        yield from ("Gemfile.lock", *_FILES)


def framework(files: Files) -> Framework:
    """Return what a Rails application needs."""
    version = number(r"^    rails \((\d+\.\d+)", files.get("Gemfile.lock", ""))
    one, two = _hosts(files).accepted
    if version and version < _CHECKS:
        return Framework("rails")
    if one is None or (one and two is None):
        return Framework("rails", file=_FILES[1], unsure="what config.hosts accepts is decided when it runs: see there")
    if one and two:
        return Framework("rails")
    without = "it answers 403, Blocked hosts"
    return Framework("rails", _LINE, _FILES[1], without, deep=one, programs=_PROGRAMS if one else frozenset())


def _hosts(files: Files) -> _Hosts:
    found = _Hosts(_matches_string(".localhost"))
    for name in _FILES:
        blocks: tuple[bool, ...] = ()
        for line in re.sub(r"(?m)(?:^|\s)#.*$", "", files.get(name, "")).splitlines():
            if _OPENED.search(line):
                found = _Hosts((True, True))
            if match := _CHANGE.search(line):
                found = _changed(found, match[1], match[2], only_if=any(blocks))
            blocks = _blocks(blocks, line.strip())
    return found


def _blocks(blocks: tuple[bool, ...], line: str) -> tuple[bool, ...]:
    """Return the blocks that a line stands in for the next one, and of each whether it runs under a condition only."""
    if re.match(r"(?:if|unless|case)\b", line):
        return (*blocks, True)
    if re.match(r"(?:class|module|def|begin|while)\b", line) or re.search(r"\bdo\b(?:\s*\|[^|]*\|)?\s*$", line):
        return (*blocks, False)
    return blocks[:-1] if re.match(r"end\b", line) else blocks


def _changed(found: _Hosts, operator: str, text: str, *, only_if: bool) -> _Hosts:
    text, condition = _partition(text)
    if operator == ".clear" or (operator == "=" and re.fullmatch(r"nil|\[\s*\]", text.strip())):
        after = _Hosts((True, True))  # no pattern at all: nothing is checked
    else:
        after = found if operator != "=" else _Hosts((False, False))
        for matches in _patterns(text):
            after = after.with_pattern(matches)
    if not (condition or only_if):
        return after
    return _Hosts(tuple(a if a is b else None for a, b in zip(found.accepted, after.accepted, strict=True)))


def _partition(text: str) -> tuple[str, str]:
    """Return a statement apart from the condition behind it."""
    match = re.search(r"(?:^|\s)(if|unless)\s", text)
    return (text[: match.start()], text[match.end() :]) if match else (text, "")


def _patterns(text: str) -> Iterator[tuple[bool | None, ...]]:
    for token in _TOKEN.finditer(text.strip().strip("()[]")):
        string = token["double"] if token["double"] is not None else token["single"]
        expression = token["slashes"] if token["slashes"] is not None else token["braces"]
        if string is not None:
            yield _matches_string(string)
        elif expression is not None:
            yield _matches_expression(expression, (token["s"] or "") + (token["b"] or ""))
        elif token["other"]:
            yield (None, None)


def _matches_string(string: str) -> tuple[bool | None, ...]:
    plain = re.escape(string.removeprefix("."))
    pattern = rf"(?:[a-z0-9-]+\.)?{plain}" if string.startswith(".") else plain
    return tuple(re.fullmatch(pattern, host, re.IGNORECASE) is not None for host in _HOSTS)


def _matches_expression(expression: str, flags: str) -> tuple[bool | None, ...]:
    """Return what an expression accepts as a whole; one that Python reads otherwise, or slowly, is unknown."""
    text = expression.replace(r"\A", "").replace(r"\z", "").replace(r"\Z", "").replace(r"\h", "[0-9a-fA-F]")
    if len(text) > _LONGEST or "#{" in text or re.search(r"\)[*+{]|[*+}][*+]|\(\?<", text):
        return (None, None)
    try:
        pattern = re.compile(rf"(?:{text})(?::\d+)?", re.IGNORECASE if "i" in flags else 0)
    except (re.error, RecursionError):
        return (None, None)
    return tuple(pattern.fullmatch(host) is not None for host in _HOSTS)


def _either(left: bool | None, right: bool | None) -> bool | None:
    return True if True in (left, right) else None if None in (left, right) else False
