"""A line for a shell, as package scripts and Procfiles have them, taken apart as far as that is certain."""

import re
from collections.abc import Iterator

from router.values import dataclass

_LONGEST = 8192  # characters: a longer line is not looked at
_DOLLAR = r"\$\{[^{}]*\}|\$\((?:[^()'\"\\])*\)|\$"
_WORD = re.compile(rf"(?:{_DOLLAR}|'[^']*'|\"(?:[^\"\\`]|\\.)*\"|\\.|[^\s'\"\\`$;&|()<>])+", re.DOTALL)
_PIECE = re.compile(rf"({_DOLLAR})|'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)|([^'\"\\$]+)", re.DOTALL)
_REDIRECTION = re.compile(r"(?:\d*|&)(?:>>|>\||>&|<&|>|<(?!<))[ \t]*")
_OPERATOR = re.compile(r"&&|\|\||[;&|\n]")
_BLANK = re.compile(r"(?:[ \t]|\\\n)+")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_KEYWORDS = frozenset("if then else elif fi for while until do done case esac { } ! [[ function select".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Simple:
    """One command of a line: the variables set in front of it, its words, and the operator behind it, if any.

    Words have their quotes taken off; `$NAME` in them stays as it is written.
    """

    variables: tuple[tuple[str, str], ...]
    words: tuple[str, ...]
    then: str = ""


def commands(line: str) -> tuple[Simple, ...] | None:
    """Return the commands of a line, None where it has more to it than commands one after another.

    A line that ends with an operator has a last command without words, as words put behind it would begin one.
    """
    tokens = None if len(line) > _LONGEST else _tokens(line.strip())
    if tokens is None:
        return None
    found, words = [], []
    for kind, text in (*tokens, ("operator", "")):
        if kind == "word":
            words.append(text)
            continue
        found.append(_simple(words, text.strip() or (";" if text else "")))
        words = []
    raw = [each for simple in found for each in simple.words[:1]]
    return None if _KEYWORDS & set(raw) else tuple(found)


def assignments(words: list[str] | tuple[str, ...]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return the variables that stand in front of a command's words, and the rest of the words."""
    values: list[tuple[str, str]] = []
    for index, word in enumerate(words):
        if not (match := _ASSIGNMENT.fullmatch(word)):
            return tuple(values), tuple(words[index:])
        values.append((match[1], match[2]))
    return tuple(values), ()


def _simple(words: list[str], then: str) -> Simple:
    values, rest = assignments(words)
    return Simple(values, rest, then)


def _tokens(line: str) -> list[tuple[str, str]] | None:
    """Return words and operators in their order, redirections left out; None where something else is met."""
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(line):
        if blank := _BLANK.match(line, place):
            place = blank.end()
        elif redirection := _REDIRECTION.match(line, place):
            target = _WORD.match(line, redirection.end())
            if target is None:
                return None
            place = target.end()
        elif operator := _OPERATOR.match(line, place):
            found.append(("operator", operator[0]))
            place = operator.end()
        elif (word := _WORD.match(line, place)) and not word[0].startswith("#"):
            found.append(("word", "".join(_plain(word[0]))))
            place = word.end()
        else:
            return None
    return found


def _plain(word: str) -> Iterator[str]:
    for dollar, single, double, escaped, plain in _PIECE.findall(word):
        yield dollar or single or re.sub(r"\\([\"\\$`\n])", r"\1", double) or escaped or plain
