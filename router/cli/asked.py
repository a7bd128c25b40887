"""The watcher's answers to commands: what they would come to by themselves, none where that may be something else."""

import os
from collections.abc import Mapping
from typing import Any

from router.cli import outcomes
from router.cli.typed import ASKED, typed
from router.observe.listeners import Listeners
from router.settings import Settings, load
from router.store import Store
from router.values import fields
from router.watcher.asked import Question

# By these a command may find other settings than the watcher, or other engines; the state directory is the same
_SETTINGS = frozenset({*(f"ROUTER_{each.name.upper()}" for each in fields(Settings))} - {"ROUTER_STATE_DIR"})
_PLACES = frozenset({"HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"})


def answer(store: Store, question: Question, *, listeners: Listeners | None = None) -> dict[str, Any] | None:
    """Return what a command comes to, None where it has to work that out itself. RouterError where it would fail.

    `listeners` are those of all answers: who holds which socket is then looked up only for those that are new.
    """
    asked = typed(question.arguments)
    if asked is None or asked.command not in ASKED or _telling(question.environ) != _telling(os.environ):
        return None
    settings = load(state_dir=store.directory)
    found = outcomes.outcome(settings, store, asked, cwd=question.cwd, environ=question.environ,
                             listeners=listeners)  # fmt: skip
    return found._asdict() if found else None


def _telling(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that decide which settings count, and which engines of containers are asked."""
    named = {name.upper() if name.upper() in _SETTINGS else name: value for name, value in environ.items()}
    return {
        name: value
        for name, value in named.items()
        if name in _SETTINGS or name in _PLACES or name.startswith(("DOCKER_", "CONTAINER_"))
    }
