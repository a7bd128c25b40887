"""What is remembered as the text of a file, read back only where it can have come from routes."""

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from router import from_json
from router.naming import is_label
from router.ports import HIGHEST
from router.remembered import Memory, RememberedWorktree
from router.values import asdict

SCHEMA = 2
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_SOURCE = re.compile(r"[a-z]+(?::[A-Za-z0-9_./@+-]+)?")


def written(memory: Memory) -> str:
    """Return a memory as JSON."""
    return json.dumps({"schema": SCHEMA, **asdict(memory)})


@functools.lru_cache(maxsize=2)  # a watcher reads its own text again at each pass
def read(text: str) -> Memory | None:
    """Return the memory that a text holds; None where it is another version's, or nothing that was ever written."""
    try:
        return _memory(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _memory(document: Mapping[str, Any]) -> Memory:
    if document["schema"] == 1:
        document = _of_schema_1(document)
    if document["schema"] != SCHEMA:
        raise ValueError("another version's")
    known = {"repositories": document["repositories"], "worktrees": document["worktrees"]}
    memory = from_json.build(Memory, {**known, "gone": document.get("gone", [])})
    names = (name for gone in memory.gone for name in (*gone.names, gone.project, gone.scope) if name)
    if not all(map(_was_given, memory.worktrees)) or not all(map(is_label, names)):
        raise ValueError("nothing that was ever routed")
    return memory


def _of_schema_1(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document that 0.1.0 wrote as this version writes it: `env_port` was called `given`."""
    worktrees = [
        {**worktree, "services": {name: _renamed(service) for name, service in worktree["services"].items()}}
        for worktree in document["worktrees"]
    ]
    return {**document, "schema": SCHEMA, "worktrees": worktrees}


def _renamed(service: Mapping[str, Any]) -> dict[str, Any]:
    return {"env_port" if key == "given" else key: value for key, value in service.items()}


def _was_given(kept: RememberedWorktree) -> bool:
    """Tell whether it can come from a route: what is remembered stands in the next Caddyfile again."""
    own = (kept.label, *kept.aliases, *(lost.name for lost in kept.former))
    names = (*own, *kept.services, *(name for name in (kept.project, kept.scope) if name))
    ports = [
        port
        for s in kept.services.values()
        for port in (s.port, s.assigned, s.env_port, s.handed_out)
        if port is not None
    ]
    sane = all(s.address in _LOOPBACK and _SOURCE.fullmatch(s.source) for s in kept.services.values())
    return sane and all(map(is_label, names)) and all(0 < port <= HIGHEST for port in ports)
