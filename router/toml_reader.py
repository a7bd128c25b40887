"""TOML that others wrote, agents among them, read within limits."""

import re
from typing import Any

_DEEPEST = 100
_DOT = re.compile(r"[^.]\.")


def read_toml(text: str) -> dict[str, Any]:
    """Return a TOML text as plain values. ValueError where it is not TOML, or is nested too deeply.

    A line may have at most 100 dots: tomllib takes minutes for a key of some ten thousand parts.
    """
    if not text.strip():
        return {}
    if any(len(_DOT.findall(line)) > _DEEPEST for line in text.split("\n")):
        raise ValueError(f"a line has more than {_DEEPEST} dots")
    import tomllib  # here: most worktrees have no such file

    try:
        return tomllib.loads(text)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
