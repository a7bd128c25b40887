"""What a web framework needs behind `*.localhost`, and how the files of a directory are read for it."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from router.values import dataclass

Files = Mapping[str, str]
"""The texts of a directory's files by name, which may hold anything."""
Version = tuple[int, ...]

_LABELS = ("a", "feature-x", "fix-login-2", "7b", "feature-x--api")
ONE_LABEL = tuple(f"{label}.localhost" for label in _LABELS)
"""Hosts as worktrees have them: a framework accepts hosts of one label where it accepts all of these."""
TWO_LABELS = tuple(f"{service}.{label}.localhost" for service in ("api", "docs-2") for label in _LABELS[:-1])
"""Hosts as the services of worktrees have them."""


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework that a directory uses, and one of three answers.

    It needs nothing: all texts are empty. It needs the `line` in its `file`: `without` is what happens without it, and
    an empty line means that what `without` names has to go. It cannot be told: `unsure` says why, and `look` what its
    `file` has to say. With `deep` the answer is about hosts of two labels only (`api.feature-x.localhost`); `programs`
    are the names of its server.
    """

    name: str
    line: str = ""
    file: str = ""
    without: str = ""
    deep: bool = False
    programs: frozenset[str] = frozenset()
    unsure: str = ""
    look: str = ""


def elsewhere(name: str, file: str, setting: str) -> Framework:
    """Return that a setting leads hot reload away from the page's own host."""
    return Framework(name, file=file, without=f"{setting} sends hot reload to another place than the page's: remove it")


def worst(answers: Sequence[Framework]) -> Framework | None:
    """Return the answer that weighs most: what is lacking, then what cannot be told; None where there is none."""
    ordered = sorted(answers, key=lambda answer: (not answer.without, not answer.unsure))
    return ordered[0] if ordered else None


def agreed(answers: Sequence[bool | None]) -> bool | None:
    """Return what all ways through a file answer; None where they differ, or one of them is not known."""
    return answers[0] if answers and all(answer == answers[0] for answer in answers) else None


def either(answers: Sequence[bool | None]) -> bool | None:
    """Return whether one of several is true; None where that depends on one that is not known."""
    return True if True in answers else None if None in answers else False


def first_of(files: Files, names: Sequence[str]) -> str:
    """Return the first of some names that is there, empty where none is."""
    return next((name for name in names if name in files), "")


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


def variable(files: Files, names: Sequence[str], name: str) -> str | None:
    """Return the value that env files give a variable, the last of `names` first; None where none of them sets it."""
    pattern = re.compile(rf"^[ \t]*(?:export[ \t]+)?{name}[ \t]*=[ \t]*[\"']?([^\"'\s#]*)", re.MULTILINE)
    found = (pattern.findall(files.get(file, "")) for file in reversed(names))
    return next((values[-1] for values in found if values), None)
