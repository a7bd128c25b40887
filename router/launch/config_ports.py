"""Fixed ports in the configuration files of frameworks, that no flag overrides."""

import re

from router.launch.tree import Tree, inside
from router.values import dataclass

_ENDS = ("js", "mjs", "cjs", "ts", "mts", "cts")
_FILES = {
    "Vite": ("vite.config",),
    "React Router": ("vite.config",),
    "Remix": ("vite.config",),
    "Astro": ("astro.config", "vite.config"),
    "Nuxt": ("nuxt.config",),
}  # fmt: skip
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|(?<![:\"'])//[^\n]*", re.DOTALL)
_HOT_RELOAD = re.compile(r"\bhmr\s*:\s*\{[^{}]*?\bport\s*:\s*(\d{1,5})\b")


@dataclass(frozen=True, slots=True)
class ConfigPort:
    """A port that a file fixes for hot reload: the file, the line counted from 1, and the port as written."""

    file: str
    line: int
    port: str


def config_ports(server: str, files: Tree, *, folder: str) -> tuple[ConfigPort, ...]:
    """Return the ports of hot reload that the configuration of a server (by its name for people) fixes in a directory.

    Only a number that is written there counts: what a file computes may well be right.
    """
    names = [f"{stem}.{end}" for stem in _FILES.get(server, ()) for end in _ENDS]
    found = ((path, files.read(path)) for path in (inside(folder, name) for name in names))
    return tuple(each for path, text in found if text for each in _ports(path, text))


def without_comments(text: str) -> str:
    """Return a configuration in JavaScript with blanks in place of its comments: every place in it stays the same."""
    return _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _ports(path: str, text: str) -> tuple[ConfigPort, ...]:
    plain = without_comments(text)
    return tuple(
        ConfigPort(path, plain.count("\n", 0, match.start(1)) + 1, match[1]) for match in _HOT_RELOAD.finditer(plain)
    )
