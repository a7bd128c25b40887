"""Reading the status document: its worktrees by name or directory, their services, its problems. Few imports."""

import os
from collections.abc import Mapping
from typing import Any

from router.errors import UnknownNameError
from router.paths import deepest_root
from router.text import shown

Document = Mapping[str, Any]


def problems(document: Document) -> list[dict[str, Any]]:
    """Return every problem of a document, each with the `name` of its worktree (None for the router's own)."""
    own = [{"name": None, **problem} for problem in document["problems"]]
    return own + [{"name": w["name"], **problem} for w in document["worktrees"] for problem in w["problems"]]


def find(document: Document, name: str) -> Document:
    """Return the worktree with that label, else alias, else branch, else a name that was its own until lately.

    UnknownNameError lists the labels there are.
    """
    for names in (lambda w: [w["name"]], _lasting, lambda w: [w["branch"]], lambda w: w["aliases"]):
        for worktree in document["worktrees"]:
            if name in names(worktree):
                return dict(worktree)
    labels = ", ".join(w["name"] for w in document["worktrees"])
    hint = f"choose one of: {labels}" if labels else "no worktree is routed: run `router up` in a repository"
    raise UnknownNameError(f"no worktree is called {shown(name)!r}", hint=hint)


def passing(worktree: Document) -> dict[str, str]:
    """Return the aliases of a worktree that were its names until lately, each with when it ends (UTC)."""
    return {each["name"]: each["until"] for each in worktree.get("former", ()) if each["until"]}


def _lasting(worktree: Document) -> list[str]:
    return [name for name in worktree["aliases"] if name not in passing(worktree)]


def find_service(worktree: Document, name: str) -> Document:
    """Return a service of a worktree. UnknownNameError lists those it has."""
    if name in worktree["services"]:
        return dict(worktree["services"][name])
    services = ", ".join(worktree["services"])
    raise UnknownNameError(
        f"the worktree {worktree['name']} has no service {shown(name)!r}", hint=f"choose one of: {services}"
    )


def name_at(document: Document, directory: str | os.PathLike[str]) -> str | None:
    """Return the name of the worktree that a directory is in, None where it is in none of the document."""
    paths = ((w["name"], path) for w in document["worktrees"] for path in (w["path"], os.path.realpath(w["path"])))
    names = {path: name for name, path in paths}
    root = deepest_root(shown(os.path.realpath(directory)), names)
    return names[root] if root else None
