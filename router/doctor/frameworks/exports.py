"""Which objects a configuration file in JavaScript or TypeScript exports, found without running it."""

import re
from collections.abc import Iterator

from router.doctor.frameworks.javascript import MOST_TOKENS, Object, Value, closing, mentions

_CALL = re.compile(r"define\w*Config")
_NAMED = 4  # calls, functions and constants around one another that lead to the object
_MOST = 8  # of exports, and of what a function returns
_CONTROL = frozenset({"if", "for", "while", "switch", "catch", "with"})
_DECLARES = frozenset({"const", "let", "var"})
_GOES_ON = frozenset({"(", ".", "[", "?", "?.", "??", "||", "&&", "`"})


def configurations(found: tuple[str, ...]) -> tuple[Object, ...] | None:
    """Return the objects that a file exports as its configuration; None where only running it would show them.

    These are the object itself, that in `defineConfig(…)`, what a function returns, and a constant of that file.
    """
    if not mentions(found, "export", "exports"):
        exported = [Value(("{", *found, "}")).object]  # a part of one
    else:
        exported = list(_exported(found))
    known = tuple(value for value in exported if value is not None)
    return known if known and len(known) == len(exported) and len(found) < MOST_TOKENS else None


def _exported(found: tuple[str, ...]) -> Iterator[Object | None]:
    default = [at + 1 for at, word in enumerate(found) if word == "default" and found[at - 1 : at] == ("export",)]
    common = [at + 2 for at, word in enumerate(found) if word == "exports" and found[at + 1 : at + 2] == ("=",)]
    for at in (*default, *common)[:_MOST]:
        yield from _configuration(found, at, _NAMED)


def _configuration(found: tuple[str, ...], at: int, left: int) -> Iterator[Object | None]:
    """Yield the objects of the expression that begins at a word; None for what is not known."""
    while found[at : at + 1] in {("async",), ("(",)} and not _is_function(found, at):
        at += 1
    first, second = (*found[at : at + 2], "", "")[:2]
    if left == 0:
        yield None
    elif first == "{":
        yield Value(found[at : closing(found, at) + 1]).object
    elif _CALL.fullmatch(first) and second == "(":
        yield from _configuration(found, at + 2, left - 1)
    elif _is_function(found, at):
        yield from _returned(found, at, left)
    elif first.isidentifier() and second not in _GOES_ON:
        yield from _constant(found, first, left)
    else:
        yield None


def _is_function(found: tuple[str, ...], at: int) -> bool:
    first, second = (*found[at : at + 2], "", "")[:2]
    if first == "(":
        after = closing(found, at) + 1
        return found[after : after + 1] in {("=>",), (":",)}
    return first == "function" or second == "=>"


def _returned(found: tuple[str, ...], at: int, left: int) -> Iterator[Object | None]:
    """Yield what a function returns: after its arrow, or after each `return` of its own."""
    opening = next((i for i in range(at, min(at + 4, len(found))) if found[i] == "("), at)
    arguments = closing(found, opening) if found[opening] == "(" else at
    ahead = range(arguments + 1, min(arguments + 60, len(found)))
    body = next((i for i in ahead if found[i] in {"{", "=>"}), len(found))
    if found[body : body + 1] == ("=>",):
        body += 1
    if found[body : body + 1] != ("{",):
        yield from _configuration(found, body, left - 1)
        return
    own = [body + 1 + i for i in _own_returns(found[body + 1 : closing(found, body)])]
    yield from (value for i in own[:_MOST] for value in _configuration(found, i + 1, left - 1))
    if not own or len(own) > _MOST:
        yield None


def _own_returns(body: tuple[str, ...]) -> Iterator[int]:
    """Yield where the body of a function returns: not where a function inside it does."""
    functions: list[bool] = []  # of each block that is open, whether it is a function's
    before: list[str] = []  # the token in front of each bracket that is open
    last = ""  # the one in front of the bracket that was closed last
    for at, word in enumerate(body):
        ahead = body[at - 1] if at else ""
        if word == "(":
            before.append(ahead)
        elif word == ")" and before:
            last = before.pop()
        elif word == "{":
            functions.append(ahead == "=>" or (ahead == ")" and last not in _CONTROL))
        elif word == "}" and functions:
            functions.pop()
        elif word == "return" and not any(functions):
            yield at


def _constant(found: tuple[str, ...], name: str, left: int) -> Iterator[Object | None]:
    """Yield the object that a constant of the file is; None where it is changed later on, or is not of this file."""
    at = next((i for i in range(1, len(found)) if found[i] == name and found[i - 1] in _DECLARES), None)
    changed = any(found[i] == name and found[i + 1] in {".", "["} for i in range(len(found) - 1))
    equals = None if at is None else next((i for i in range(at, min(at + 40, len(found))) if found[i] == "="), None)
    if equals is None or changed:
        yield None
    else:
        yield from _configuration(found, equals + 1, left - 1)
