"""Reads which hosts a Rails application allows in `config.hosts`, without running it."""

import re
from collections.abc import Iterator, Sequence

from router.values import dataclass

_HOSTS = re.compile(r"(?:\b(?:Rails\.)?(?:application|app)\.)?\bconfig\.hosts\b\s*")
_MIDDLEWARE = re.compile(r"config\.middleware\.(?:delete|remove)\W+ActionDispatch::HostAuthorization")
_OPENS = re.compile(r"^(?:if|unless|case|while|until|begin|for)\b|=\s*(?:if|unless|case|begin)\b")
_BLOCK = re.compile(r"^(?:class|module|def)\b|\bdo\s*(?:\|[^|]*\|)?\s*$")
_ENVIRONMENT = re.compile(r"^Rails\.env\.(\w+)\?$|^Rails\.env\s*==\s*[\"'](\w+)[\"']$")
_MODIFIER = re.compile(r"\s(if|unless)\s+(\S.*)$")
_HERE = frozenset({"development", "local"})
_MOST_WAYS = 16
_MOST = 50  # entries
_LONGEST = 1 << 16  # characters of a file
_LONGEST_STATEMENT = 1000
_CODE = re.compile(r"^=begin\b.*?(?:^=end\b|\Z)|^__END__$.*", re.MULTILINE | re.DOTALL)  # what is none
_ADDED = re.compile(r"(?:<<|\+=|\|=|\.(?:push|append|concat|unshift|prepend)\b)\s*")


@dataclass(frozen=True, slots=True)
class Host:
    """An entry of `config.hosts`: a `text`, an `expression`, or neither where it is not known."""

    text: str | None = None
    expression: str | None = None
    ignore_case: bool = False


UNKNOWN = Host()
NO_NAME = Host(text="")  # an address: it accepts no name
Hosts = tuple[Host, ...]


def ways(texts: Sequence[str], default: Hosts) -> tuple[Hosts, ...]:
    """Return the hosts after each way through these files; an empty list of hosts allows all."""
    found: tuple[Hosts, ...] = (default,)
    if any(len(text) > _LONGEST for text in texts):
        return ((UNKNOWN,),)
    for line, certain in (each for text in texts for each in _statements(text)):
        after = tuple(_after(line, hosts) for hosts in found)
        found = tuple(dict.fromkeys(after if certain else (*found, *after)))
        if len(found) > _MOST_WAYS or any(len(hosts) > _MOST for hosts in found):
            return ((UNKNOWN,),)
    return found


def _statements(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each statement about hosts that may run in development, and whether it does for certain."""
    opened: list[bool | None] = []  # of each block that is open, whether it runs; None where that is not known
    for line in _lines(text):
        if line == "end" or line.startswith(("end.", "end ")):
            opened = opened[:-1]
        elif opened and re.match(r"(?:else|elsif|when|rescue|in)\b", line):
            opened[-1] = not opened[-1] if opened[-1] is not None and line == "else" else None
        elif _HOSTS.search(line) or _MIDDLEWARE.search(line):
            statement, runs = _with_modifier(line)
            taken = [*opened, runs]
            if False not in taken:
                yield statement, None not in taken
        elif _OPENS.search(line):
            opened.append(_runs(line))
        elif _BLOCK.search(line):
            opened.append(True)


def _lines(text: str) -> Iterator[str]:
    """Yield a file's lines without comments; a statement with open brackets is one line."""
    waiting = ""
    for line in _CODE.sub("", text).splitlines():
        plain = re.sub(r"(?:^|\s)#(?!\{).*", "", line).strip()
        waiting = f"{waiting} {plain}".strip() if waiting else plain
        is_open = len(waiting) < _LONGEST_STATEMENT and bool(_HOSTS.search(waiting)) and _is_open(waiting)
        if waiting and not is_open:
            yield waiting
        waiting = waiting if is_open else ""
    if waiting:
        yield waiting


def _is_open(line: str) -> bool:
    plain = re.sub(r"\"[^\"]*\"|'[^']*'|/(?:\\.|[^/\\])+/|%r\{.*\}\w*(?=[\s,\])]|$)", "", line)
    return sum(plain.count(c) for c in "([{") > sum(plain.count(c) for c in ")]}") or plain.endswith(
        (",", "<<", "=", "\\")
    )


def _with_modifier(line: str) -> tuple[str, bool | None]:
    """Return a statement without the `if` behind it, and whether it runs."""
    modifier = _MODIFIER.search(line)
    if modifier is None:
        return line, True
    return line[: modifier.start()], _runs(f"{modifier[1]} {modifier[2]}")


def _runs(line: str) -> bool | None:
    """Tell whether what follows an `if` or `unless` runs in development; None where that is not known."""
    word, _, condition = line.partition(" ")
    environment = _ENVIRONMENT.match(condition.removesuffix(" then").strip())
    if word not in {"if", "unless"} or environment is None:
        return None
    return ((environment[1] or environment[2]) in _HERE) == (word == "if")


def _after(statement: str, hosts: Hosts) -> Hosts:  # noqa: PLR0911 - one for each kind of statement
    if _MIDDLEWARE.search(statement):
        return ()
    found = _HOSTS.search(statement)
    rest = statement[found.end() :].strip() if found else ""
    added = _ADDED.match(rest)
    if added:
        listed = not rest.startswith(("<<", ".push", ".append", ".unshift", ".prepend"))
        return (*hosts, *(_entries(rest[added.end() :], listed=listed)))
    if rest.startswith(".clear") or re.match(r"=\s*(?:nil|\[\s*\]|Array\.new)\s*$", rest):
        return ()
    removed = re.match(r"\.delete\(?\s*([\"'])([^\"'#]*)\1", rest)
    if removed:
        return (*(host for host in hosts if host.text != removed[2]), NO_NAME)  # the default has addresses as well
    if found and statement[: found.start()].rstrip().endswith("="):
        return (UNKNOWN,)  # another name for it, by which it may be changed
    if re.match(r"=(?![=~])", rest):
        return _entries(rest[1:].strip(), listed=True)
    if re.match(r"\|\|=|==|\.(?:any|include|empty|each|map|join|inspect|size|dup|first)\b|[,)\]]|$", rest):
        return hosts
    return (UNKNOWN,)


def _entries(text: str, *, listed: bool) -> Hosts:
    """Return the entries that an expression adds: a list, or several in a row; unknown ones where it is computed."""
    words = re.fullmatch(r"\(?\s*%[wW][\[({<|]([^\]})>|]*)[\])}>|]\s*\)?(?:\.freeze)?", text)
    if words:
        return tuple(Host(text=word) if "#{" not in word else UNKNOWN for word in words[1].split())
    found, rest = [], text.strip().removeprefix("(") if not listed else text.strip()
    inside = re.fullmatch(r"\(?\s*\[(.*)\]\s*\)?(?:\.freeze)?", rest, re.DOTALL)
    if listed and inside is None:
        return (UNKNOWN,)
    rest = inside[1] if inside and listed else rest
    while rest := rest.strip(" ,").removeprefix("<<").strip():
        host, rest = _entry(rest)
        found.append(host)
    return tuple(found)


def _entry(text: str) -> tuple[Host, str]:
    """Return the entry that a text begins with, and what follows it."""
    quoted = re.match(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", text)
    if quoted and re.match(r"\s*(?:,|<<|\)|$)", text[quoted.end() :]):
        plain = quoted[1] if quoted[1] is not None else quoted[2]
        is_known = "#{" not in plain or quoted[1] is None
        return (Host(text=plain) if is_known else UNKNOWN), text[quoted.end() :].strip(" )")
    expression = re.match(r"/((?:[^/\\]|\\.)*)/(\w*)|%r\{(.*?)\}(\w*)(?=\s*(?:,|<<|\)|$))|%r([!|])(.*?)\5(\w*)", text)
    if expression:
        source = next(group for group in (expression[1], expression[3], expression[6]) if group is not None)
        flags = expression[2] or expression[4] or expression[7] or ""
        known = not set(flags) - {"i", "o", "u"}
        host = Host(expression=source.replace(r"\/", "/"), ignore_case="i" in flags) if known else UNKNOWN
        return host, text[expression.end() :].strip(" )")
    address = re.match(r"IPAddr\.new\(\s*[\"'][^\"']*[\"']\s*\)", text)
    if address:
        return NO_NAME, text[address.end() :].strip(" )")
    nothing = re.match(r"nil\b", text)
    return (NO_NAME if nothing else UNKNOWN), (text[3:] if nothing else "")
