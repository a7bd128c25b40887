"""JSON with comments and trailing commas, as editors and tools write their settings: read, and made plain in place."""

import json
import re
from typing import Any

_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_COMMA = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])')


def plain(text: str) -> str:
    """Return a text with blanks in place of comments and trailing commas: every place in it stays the same."""
    without = _COMMENT.sub(lambda match: match[1] or re.sub(r"[^\n]", " ", match[0]), text)
    return _COMMA.sub(lambda match: match[1] or " ", without)


def read(text: str | None) -> dict[str, Any]:
    """Return the object that a text is; an empty one where it is none."""
    if not text:
        return {}
    try:
        found = json.loads(plain(text.removeprefix("\ufeff")) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def line_of(text: str | None, word: str, *, behind: str = "") -> int:
    """Return the line, counted from 1, where a string stands in quotes; 1 where it does not.

    With `behind` it is looked for after that other string alone.
    """
    content = text or ""
    start = max(content.find(json.dumps(behind)), 0) if behind else 0
    found = content.find(json.dumps(word, ensure_ascii=False), start)
    return content.count("\n", 0, max(found, 0)) + 1
