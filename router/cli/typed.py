"""How the commands that agents run all the time are usually typed, read without Typer."""

from collections.abc import Sequence
from typing import NamedTuple


class Typed(NamedTuple):
    """A command, its words, and its options with their values; those without one have an empty one."""

    command: str
    words: tuple[str, ...]
    options: dict[str, str]


class _Form(NamedTuple):
    words: range
    flags: frozenset[str] = frozenset()
    valued: frozenset[str] = frozenset()


_FORMS = {
    "env": _Form(range(1), frozenset({"--check"}), frozenset({"--format"})),
    "run": _Form(range(1, 1 << 30), frozenset({"--fix", "--as-is"}), frozenset({"--service"})),
    "whose": _Form(range(1, 2), frozenset({"--json"})),
    "explain": _Form(range(1, 2)),
    "hook": _Form(range(1, 2)),
    "url": _Form(range(2), frozenset({"--direct"}), frozenset({"--service"})),
    "status": _Form(range(1), frozenset({"--json", "--check"})),
}
ASKED = frozenset({"env", "run", "whose", "explain", "hook", "url"})
"""The commands that a watcher works out; what others come to, and most of `url`, it has published."""
FORMATS = ("shell", "dotenv", "json", "mise")


def typed(arguments: Sequence[str]) -> Typed | None:
    """Return a command that is typed as usual; None for every other command and way, which are Typer's to read.

    The words of `run` are a command with its own options: the first of them ends those of the router.
    """
    form = _FORMS.get(arguments[0]) if arguments else None
    if form is None:
        return None
    command, *rest = arguments
    words: list[str] = []
    options: dict[str, str] = {}
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if command == "run" and (word == "--" or not word.startswith("-")):
            words = rest if word == "--" else [word, *rest]
            break
        if word in form.flags:
            options[word] = ""
        elif name in form.valued and (equals or rest):
            options[name] = value if equals else rest.pop(0)
        elif word.startswith("-"):
            return None
        else:
            words.append(word)
    usual = len(words) in form.words and options.get("--format", "shell") in FORMATS
    usual = usual and (command != "hook" or words == ["post-create"])
    usual = usual and (command != "status" or len(options) == 1)
    return Typed(command, tuple(words), options) if usual else None
