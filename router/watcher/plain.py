"""The dashboard as text, for whoever asks for it with `curl`: a line for each worktree, what is up first."""

from collections.abc import Iterator
from typing import Any

from router.document import Document, problems
from router.text import shown

_FIRST = ("up", "starting", "not-answering", "asleep", "failed", "down")


def as_text(document: Document) -> str:
    """Return the status document as plain text: state, URL and services of each worktree, then what is wrong."""
    trees = sorted(
        document["worktrees"], key=lambda tree: (_FIRST.index(_state(tree)), tree["repository"], tree["name"])
    )
    rows = [(_state(tree), tree["url"], ", ".join(_services(tree))) for tree in trees]
    wide = max((len(url) for _, url, _ in rows), default=0)
    lines = [f"{state:<13}  {url:<{wide}}  {services}".rstrip() for state, url, services in rows]
    wrong = [f"{each['name'] or 'router'}: {each['message']} → {each['hint']}" for each in problems(document)]
    said = [shown(line) for line in (lines or ["no worktree is routed: run `router up` in a repository"])]
    return "\n".join([*said, *(["", *map(shown, wrong)] if wrong else []), ""])


def _state(tree: Document) -> str:
    states = map(_state_of, _seen(tree).values())
    return min(states, key=_FIRST.index, default="down")


def _state_of(service: dict[str, Any]) -> str:
    return str(service.get("state", "up" if service["up"] else "down"))


def _seen(tree: Document) -> dict[str, Any]:
    return {name: each for name, each in tree["services"].items() if each.get("seen", True)}


def _services(tree: Document) -> Iterator[str]:
    for name, each in _seen(tree).items():
        state = _state_of(each)
        yield f"{name} {each['port']}{'' if state == 'up' else ' ' + state}"
