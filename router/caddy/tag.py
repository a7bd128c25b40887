"""The grammar of the tag that the router puts in front of a state: it begins with `WT1.`.

`WT1.<name>.` names a host. `WT1.<name>,<path>,.` also says on which path the app behind it waits for the answer, where
it took its redirect URI from its host; slashes are commas, as Okta documents only letters, digits, `,._-` for a state.
`WT1.<name>,,<path>,.` says where a sign-out leads back to; no state of the app needs to follow it.
`WT1.<name>-,<path>,.` names the host that a tenant's is in front of: which one, no tag says, as no table has it.

It is written down here alone: the templates get it rendered in, and `relay.js` from the page that runs it.
"""

import re

from router.naming import PATH_SEGMENT
from router.values import dataclass

LABEL = r"[a-z0-9]+(?:-[a-z0-9]+)*"
TEXT = r"[\x20-\x7e]"  # RFC 6749 appendix A.5: what a state may consist of

MARK = re.escape("WT1.")
"""The regular expression of what every tag begins with: Go's, Python's and JavaScript's, as are the others here."""

NAME = rf"{LABEL}(?:---?{LABEL})?"
"""What a tag calls a host."""

PATH = rf"(?:,{PATH_SEGMENT})+,?"
"""A path in a tag."""

OUT = rf",(?:{PATH}|,)"
"""A path in a tag that a sign-out leads back to, the root included."""

BEHIND = rf"{LABEL}(?:--{LABEL})?"
"""What a tag calls the host that another one is in front of; a `-` follows it."""

TAG = rf"{MARK}{NAME}-?(?:(?:{PATH}|{OUT}),)?\."
"""A tag in front of a decoded state."""

REST = rf"(?:(?:{PATH},)?\.{TEXT}+|{OUT},\.{TEXT}*)"
"""What follows the name in a tagged state."""

FRONT = rf"{MARK}({BEHIND})-{PATH},\.({TEXT}+)"
"""A decoded state with the tag of a host in front of another one; its groups are that one and the app's own state."""

_COMMA = "(?:,|%2[Cc])"
SEGMENT = "(?:[A-Za-z0-9_~-]|%7[Ee])(?:[A-Za-z0-9._~-]|%7[Ee])*"
"""What is between two slashes of a path, as a query may have it."""
_RAW_PATH = rf"(?:{_COMMA}{SEGMENT})+{_COMMA}?"
_RAW_OUT = rf"{_COMMA}(?:{_RAW_PATH}|{_COMMA})"
WITH_PATH = rf"{MARK}[a-z0-9-]+(?:{_RAW_PATH}|{_RAW_OUT}){_COMMA}\."
"""A tag with a path, as a query or a form may have it."""
PATH_OF = rf"{MARK}[a-z0-9-]+({_RAW_PATH}){_COMMA}\."
"""The tag of a sign-in with a path; its group is the path."""
OUT_OF = rf"{MARK}[a-z0-9-]+{_COMMA}({_RAW_PATH}|{_COMMA}){_COMMA}\."
"""The tag of a sign-out; its group is the path."""
ANY = rf"{MARK}[a-z0-9-]+(?:(?:{_RAW_PATH}|{_RAW_OUT}){_COMMA})?\."
"""Any tag, whatever host it names, as a query or a form may have it."""

FORM = "WT1,form"
"""What stands in front of the query where a form is sent on to a path: Caddy sees a form's tag only in its body."""

# A text, as few commands need it: `re` compiles it when it is first used
_TAGGED = rf"{MARK}({NAME})(?:(?:({PATH}),)?\.({TEXT}+)|,({PATH}|,),\.({TEXT}*))"


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tagged state: the `name` of a host, the `path` on it (empty: the redirect URI's), the app's own state.

    It `ends` a session where it is that of a sign-out.
    """

    name: str
    path: str
    state: str
    ends: bool = False


def written(name: str, path: str = "", *, ends: bool = False) -> str:
    """Return the tag that names a host, and a path on it."""
    return f"WT1.{name}{',' if ends else ''}{path.replace('/', ',')}{',' if path else ''}."


def split(state: str) -> Tagged | None:
    """Return what a tagged state consists of; None where there is no tag."""
    match = re.fullmatch(_TAGGED, state)
    if not match:
        return None
    name, path, own, back, left = match.groups()
    return Tagged(name, (back or path or "").replace(",", "/"), left if back else own, ends=bool(back))
