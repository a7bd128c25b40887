"""Ends a watcher and whatever the router has started for its state directory."""

import signal
import time
from collections.abc import Callable

from router import ps
from router.errors import RouterError
from router.settings import Settings
from router.store import RunningWatcher, Store
from router.watcher.client import POLL, send
from router.watcher.patience import Patience


def stop(settings: Settings, store: Store, *, patience: Callable[[int], Patience] = Patience) -> bool:
    """End the watcher, and every Caddy and server that the router started for this state directory.

    False where nothing ran. A watcher that does nothing any more is killed; `patience` says for how long a process is
    waited for.
    """
    from router.caddy import modes
    from router.data.servers import running

    watcher = store.running_watcher()
    if watcher:
        _end(store, watcher, patience)
    with store.no_watcher_begins() as follower:
        if follower:  # its Caddy and its repositories are its own
            return True
        left = bool(running.end_all(store.directory)) | modes.end_left(settings, store)
        store.stop_serving()
    return watcher is not None or left


def _end(store: Store, watcher: RunningWatcher, patience: Callable[[int], Patience]) -> None:
    """End a watcher: ask it, wait while it shows signs of life, kill it where it shows none."""
    process = ps.identify(watcher.pid)
    if process is None:
        return
    send(watcher, signal.SIGTERM)
    waited = patience(watcher.pid)
    while store.running_watcher() == watcher or ps.alive(process):
        if ps.stopped(process):
            ps.signal(process, ps.CONTINUE)
        if waited.exhausted() and not ps.end(process, ((signal.SIGKILL, 5.0),)):
            raise RouterError(f"the watcher (pid {watcher.pid}) does not end", hint=f"run `kill -9 {watcher.pid}`")
        time.sleep(POLL)
