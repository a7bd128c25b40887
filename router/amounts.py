"""Durations and sizes as people write them in settings: `1h`, `90 min`, `2GB`, `64MiB`."""

import re
from typing import Any

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?(s|min|m|h|d|w)", re.ASCII)
_LONGEST = 3650 * 86400
_SHOWN = 100  # characters of a value in a message


def seconds(value: Any) -> float:
    """Return the seconds of a duration: a number of seconds, or text such as `30s`, `1h30m` or `2d`.

    ValueError says what to write.
    """
    found = float(value) if type(value) in (int, float) else _sum(value) if isinstance(value, str) else None
    if found is None or not 0 <= found <= _LONGEST:
        raise ValueError(f"a duration is like 30s, 15m, 1h or 2d, at most ten years, not {_quoted(value)}")
    return found


def size(value: Any) -> int:
    """Return the bytes of a size: a number of bytes, or text such as `50MB` or `64 MiB`.

    ValueError says what to write.
    """
    match = re.fullmatch(r"([0-9]{1,12}) ?(?:([kmgt]?)(i?)b)?", str(value), re.ASCII | re.IGNORECASE)
    found = 0
    if match and type(value) in (int, str):
        found = int(match[1]) * (1024 if match[3] else 1000) ** " kmgt".index((match[2] or " ").lower())
    if found < 1:
        raise ValueError(f"a size is a number of bytes, or like 50MB or 64MiB, not {_quoted(value)}")
    return found


def _sum(text: str) -> float | None:
    parts = _PART.findall(text)
    whole = "".join(_PART.sub("", text).split())
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts and not whole else None


def _quoted(value: Any) -> str:
    return ascii(value)[:_SHOWN]
