"""The grammar of the tag, the name that the router puts in front of a state: `WT1.<name>.`, the name being a host's.

It is written down here alone: the templates get it rendered in, and `relay.js` from the page that runs it.
"""

import re

LABEL = r"[a-z0-9]+(?:-[a-z0-9]+)*"
TEXT = r"[\x20-\x7e]"  # RFC 6749 appendix A.5: what a state may consist of

MARK = re.escape("WT1.")
"""The regular expression of what every tag begins with: Go's, Python's and JavaScript's, as are the others here."""

ANY = rf"{MARK}[a-z0-9-]+\."
"""Any tag, whatever host it names."""


_TAGGED = re.compile(rf"{MARK}({LABEL}(?:---?{LABEL})?)\.({TEXT}+)")


def written(name: str) -> str:
    """Return the tag that names a host."""
    return f"WT1.{name}."


def split(state: str) -> tuple[str, str] | None:
    """Return what a tagged state calls the host, and the state as the app made it; None where there is no tag."""
    match = _TAGGED.fullmatch(state)
    return (match[1], match[2]) if match else None
