"""Plain values in the settings of other tools, which may be anything: read where they are what they should be."""

from collections.abc import Mapping
from typing import Any

from router.ports import HIGHEST, LOWEST, NOT_DEV_PORTS, parse_port

_MOST = 100  # entries of a list
_LONGEST = 4096  # characters of a text


def entries(value: object) -> tuple[Mapping[str, Any], ...]:
    """Return the objects of a list, the first 100 of its entries; none where it is no list."""
    return tuple(each for each in value[:_MOST] if isinstance(each, dict)) if isinstance(value, list) else ()


def table(value: object) -> Mapping[str, Any]:
    """Return an object, an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """Return a text that fits one printed line, empty where it is something else."""
    return value.strip() if isinstance(value, str) and len(value) <= _LONGEST and value.strip().isprintable() else ""


def texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, a number as it is written; none where it is no list."""
    plain = [str(each) if type(each) is int else each for each in value[:_MOST]] if isinstance(value, list) else []
    return tuple(each for each in map(text, plain) if each)


def lines(value: object) -> tuple[str, ...]:
    """Return the lines of a script, or of a list of commands, without empty ones and comments."""
    several = value if isinstance(value, list) else [value]
    found = [line.strip() for each in several[:_MOST] if isinstance(each, str) for line in each.splitlines()[:_MOST]]
    return tuple(line for line in found if text(line) and not line.startswith("#"))


def line_of(content: str | None, words: str) -> int:
    """Return the line, counted from 1, where these words first stand in a text; 1 where they do not."""
    return (content or "").count("\n", 0, max((content or "").find(words), 0)) + 1


def port(value: object) -> int | None:
    """Return a port that a dev server may have, None for everything else: a debugger's or a database's too."""
    number = parse_port(value) if isinstance(value, str) else value if type(value) is int else None
    fits = number is not None and LOWEST <= number <= HIGHEST and number not in NOT_DEV_PORTS
    return number if fits else None
