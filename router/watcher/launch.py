"""Starts a watcher apart from the terminal of the command that wants one."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from router import proc
from router.document import Document
from router.errors import LostRaceError, RouterError
from router.store import Store
from router.watcher.client import POLL, published
from router.watcher.patience import Patience

_SLOW = 3.0  # seconds after which it is said what is waited for


def detach(store: Store, arguments: Sequence[str], *, say: Callable[[str], None]) -> Document:
    """Start `router up` apart from this terminal; return its first status document.

    `say` takes a line for people where that takes long. RouterError says what it said where it could not start;
    LostRaceError where another one was faster.
    """
    log = store.logs / f"up.{os.getpid()}.log"
    command = [sys.executable, "-m", "router", "up", *arguments]
    environ = {**os.environ, "ROUTER_STATE_DIR": str(store.directory)}
    try:
        process = proc.start(command, env=environ, cwd=store.directory, log=log)
        patience, slow = Patience(process.pid), time.monotonic() + _SLOW
        while process.poll() is None:
            document = published(store, process.pid)
            if document:
                process.returncode = 0  # it lives on: nobody is to wait for it
                return document
            if patience.exhausted():
                process.terminate()
                process.wait()
                raise RouterError(
                    f"the watcher did not start in time: {_said(log) or 'it printed nothing'}",
                    hint=f"see {store.watcher_log}",
                )
            if time.monotonic() > slow:
                waits = f"waiting for the watcher (pid {process.pid}) to load its first configuration"
                say(_said(log) or f"{waits}; the machine is busy")
                slow = float("inf")
            time.sleep(POLL)
        raise _not_started(store, process.returncode, log)
    finally:
        log.unlink(missing_ok=True)


def _not_started(store: Store, code: int | None, log: Path) -> RouterError:
    said = _said(log).removeprefix("error: ")
    if code == 0:  # it has joined another watcher, or was stopped
        return LostRaceError("another router was started or stopped meanwhile", hint="see `router status`")
    return RouterError(said or "the watcher ended at once", hint="" if said else f"see {store.watcher_log}")


def _said(log: Path) -> str:
    try:
        return log.read_text(errors="replace").strip()
    except OSError:
        return ""
