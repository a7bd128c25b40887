"""What the dashboard's buttons do: each is a command, run as its user would type it."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path

from router import proc
from router.document import Document
from router.errors import RouterError
from router.masked import masked_line
from router.store import Store
from router.watcher.live import Answer, json_answer
from router.watcher.own_page import refusal

COMMANDS = {
    "start": ("start",), "stop": ("stop", "--other"), "sleep": ("stop", "--other", "--sleep"),
    "restart": ("restart", "--other"), "pin": ("pin",), "unpin": ("pin", "--off"),
}  # fmt: skip
"""Each action's command; the page is of no worktree, so that every one is another one."""
_MOST = 40  # lines that are told of what a command said

Run = Callable[[Sequence[str]], tuple[int, str]]


class Actions:
    """Acts on the worktrees of a status document, of each one thing at a time. `run` runs a command of the router."""

    def __init__(self, status: Callable[[], Document | None], run: Run) -> None:
        self._status = status
        self._run = run
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    def __call__(self, asked: str) -> Answer:
        """Do `<action>/<label>` and tell how it ended: its exit code, and what the command said."""
        action, _, label = asked.partition("/")
        trees = (self._status() or {"worktrees": ()})["worktrees"]
        if action not in COMMANDS or label not in {tree["name"] for tree in trees}:
            return refusal("there is no such action, or no such worktree", HTTPStatus.NOT_FOUND)
        with self._lock:
            if label in self._busy:
                return refusal(f"something is being done with {label} already", HTTPStatus.CONFLICT)
            self._busy.add(label)
        try:
            code, said = self._run([*COMMANDS[action], label])
        finally:
            self._busy.discard(label)
        return json_answer({"code": code, "said": [masked_line(line) for line in said.splitlines() if line][-_MOST:]})


def runner(store: Store, *, cwd: Path | None = None) -> Run:
    """Return what runs a command of this router in a directory, or in none of anybody's, with its own environment."""
    environ = {**os.environ, "ROUTER_STATE_DIR": str(store.directory), "NO_COLOR": "1"}

    def run(arguments: Sequence[str]) -> tuple[int, str]:
        log = store.logs / f"act.{threading.get_ident()}.log"
        command = [sys.executable, "-m", "router", *arguments]
        try:
            code = proc.run_logged(command, env=environ, cwd=cwd or store.directory, log=log)
            return code, log.read_text(errors="replace")
        except RouterError as exc:
            return 1, exc.message
        finally:
            Path(log).unlink(missing_ok=True)

    return run
