"""The `caddy/` folder: the templates and pages that Caddy is given."""

from collections.abc import Mapping
from pathlib import Path

from router.errors import RouterError

INLINE = "relay.js"
"""The script that stands in the relay page itself: its hash is in the page's policy."""

_PACKAGE = Path(__file__).parents[1]


def folder() -> Path:
    """Return the `caddy/` folder: inside the package in a wheel, beside it in a checkout."""
    for candidate in (_PACKAGE / "assets" / "caddy", _PACKAGE.parent / "caddy"):
        if (candidate / "Caddyfile.j2").is_file():
            return candidate
    raise RouterError("the templates for Caddy are missing from this installation", hint="reinstall worktree-router")


def compose_file(name: str) -> Path:
    """Return a Compose file by its name from the project's root."""
    return folder().parent / name


def templates() -> Mapping[str, str]:
    """Return the text of every template by file name, and that of the script that stands in a page."""
    paths = [*folder().glob("*.j2"), pages() / INLINE]
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def pages() -> Path:
    """Return the folder of the static pages."""
    return folder() / "pages"
