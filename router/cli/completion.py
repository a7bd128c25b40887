"""What a shell completes: commands, options, the names of worktrees and of their services."""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from router.cli.output import Output
from router.errors import RouterError
from router.naming import is_label

if TYPE_CHECKING:
    from router.document import Document


_ASKED = "_ROUTER_COMPLETE"  # the variable with which the script that Typer installs asks


def install() -> Output:
    """Install completion for the shell that the command was typed in, into that shell's own files."""
    from typer.completion import install as typer_install  # type: ignore[attr-defined] # not in its __all__

    shell, path = typer_install(prog_name="router", complete_var=_ASKED)
    if shell == "zsh":  # which runs the file at the first Tab of a session, and would complete nothing
        with path.open("a", encoding="utf-8") as file:
            file.write('\n_router_completion "$@"\n')
    return Output(notes=(f"{shell} completes `router` in new terminals: see {path}",))


def answer() -> None:
    """Make Typer answer a shell that asks what to complete."""
    if _ASKED in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined] # not in its __all__

        completion_init()


def names(incomplete: str) -> list[str]:
    """Return the labels of worktrees that begin so, and their aliases where no label does."""
    trees = _document()["worktrees"]
    found = _beginning((tree["name"] for tree in trees), incomplete)
    return found or _beginning((alias for tree in trees for alias in tree["aliases"]), incomplete)


def services(incomplete: str) -> list[str]:
    """Return the names of services that begin so, of whatever worktree."""
    return _beginning((name for tree in _document()["worktrees"] for name in tree["services"]), incomplete)


def _beginning(found: Iterator[str], incomplete: str) -> list[str]:
    """Return labels that begin so, each once. A shell evaluates them: nothing else is one."""
    return sorted({each for each in found if each.startswith(incomplete) and is_label(each)})


def _document() -> "Document":
    """Return what the watcher published, else what would be routed here; nothing is said of what goes wrong."""
    from router.cli.opened import current_directory, opened
    from router.watcher import client

    with contextlib.suppress(RouterError):
        settings, store = opened()
        return client.status(settings, store, cwd=current_directory())
    return {"worktrees": ()}
