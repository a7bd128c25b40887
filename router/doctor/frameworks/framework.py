"""What a web framework needs behind `*.localhost`, and how the files of a directory are read for it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Files = Mapping[str, str]
"""The texts of a directory's files by name, which may hold anything."""
Version = tuple[int, ...]
SCRIPTS = ("js", "mjs", "cjs", "ts", "mts")
"""How the files end that are written in JavaScript or TypeScript."""


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework that a directory uses, and the `line` that its `file` lacks; `without` is what happens without it.

    All three are empty where it needs nothing. With `deep` it needs the line only for hosts of two labels
    (`api.feature-x.localhost`), which services other than `web` have; `programs` are the names of its server. Where
    only running the project would show it, `unsure` says what cannot be told, and what to look at.
    """

    name: str
    line: str = ""
    file: str = ""
    without: str = ""
    deep: bool = False
    programs: frozenset[str] = frozenset()
    unsure: str = ""


def first_of(files: Files, names: tuple[str, ...]) -> str:
    """Return the first of some names that is there, empty where none is."""
    return next((name for name in names if name in files), "")


def without_comments(text: str) -> str:
    """Return JavaScript without its comments, roughly: the slashes of an address in quotes stay."""
    return re.sub(r"/\*.*?(?:\*/|\Z)|(?<![:\"'])//[^\n]*", "", text, flags=re.DOTALL)


def as_json(text: str) -> dict[str, Any]:
    """Return the object that a JSON text is, empty where it is none."""
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def number(pattern: str, text: str) -> Version | None:
    """Return the version that a pattern's group finds, None where it finds none."""
    match = re.search(pattern, text, re.MULTILINE)
    return tuple(int(part[:6]) for part in match[1].split(".")) if match else None


def version_of(files: Files, package: str, wanted: str = "") -> Version | None:
    """Return the version of an npm package that is installed, else the lowest that its range allows."""
    version = as_json(files.get(f"node_modules/{package}/package.json", "")).get("version")
    installed = number(r"^(\d+\.\d+)", version) if isinstance(version, str) else None
    return installed or number(r"^[~^]?(\d+\.\d+)", wanted)
