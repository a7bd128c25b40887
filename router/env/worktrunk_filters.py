"""Worktrunk's filters for names in other systems, as its `src/config/expansion.rs` has them."""

import re

from router.naming import hash3

_LONGEST = 44  # characters of `sanitize_db` before `_` and the hash


def sanitize(text: str) -> str:
    """Return text with `-` for `/` and `\\`, for use as a directory's name; nothing else is changed."""
    return text.replace("/", "-").replace("\\", "-")


def sanitize_db(text: str) -> str:
    """Return text as a database's name of at most 48 characters that ends in the hash of the original."""
    if not text:
        return ""
    plain = re.sub(r"[^a-z0-9]+", "_", "".join(c.lower() if c.isascii() else c for c in text))
    plain = (f"_{plain}" if plain[0].isdigit() else plain)[:_LONGEST]
    return f"{plain}{'' if plain.endswith('_') else '_'}{hash3(text)}"
