"""Remembers that a port was handed out: whoever listens there is that worktree's server, wherever it works."""

from collections.abc import Mapping
from pathlib import Path

from router.env.current import current_worktree
from router.remembered import Memory, RememberedWorktree
from router.settings import Settings
from router.store import Store
from router.values import replace


def hand_out(settings: Settings, store: Store, *, path: str, service: str, port: int) -> None:
    """Remember that the port of a service was handed out; `path` is that of its worktree.

    Without a watcher it may not be known yet: then it is looked at.

    A port where a server was found is none that was handed out: only one that the router assigned, or that the
    worktree's environment gives.
    """
    if not _remember(store, path, {service: port}) and store.running_watcher() is None:
        current_worktree(settings, store, cwd=Path(path))
        _remember(store, path, {service: port})


def hand_out_all(store: Store, *, path: str, ports: Mapping[str, int]) -> None:
    """Remember that the ports of a worktree's environment were handed out; `ports` are by service."""
    _remember(store, path, ports)


def _remember(store: Store, path: str, ports: Mapping[str, int]) -> bool:
    """Tell whether the worktree is known; then the ports are remembered, where that is new."""
    known = _worktree(store.memory(), path)
    if known is not None and _with(known, ports) != known:
        with store.changing() as memory:
            worktrees = tuple(_with(each, ports) if each.path == path else each for each in memory.worktrees)
            store.remember(replace(memory, worktrees=worktrees))
    return known is not None


def _worktree(memory: Memory, path: str) -> RememberedWorktree | None:
    return next((each for each in memory.worktrees if each.path == path), None)


def _with(known: RememberedWorktree, ports: Mapping[str, int]) -> RememberedWorktree:
    services = {
        name: replace(each, handed_out=ports[name])
        if name in ports and ports[name] in (each.assigned, each.env_port)
        else each
        for name, each in known.services.items()
    }
    return replace(known, services=services)
