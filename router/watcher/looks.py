"""What the dashboard shows of each worktree and nobody else needs: looked up only while somebody has it open."""

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from router.document import Document
from router.errors import RouterError
from router.observe import git
from router.observe.lanes import Lanes
from router.processes.belonging import ProcessMap, WorktreeRoot, process_map
from router.processes.look import look
from router.processes.seats import seats
from router.processes.servers import place_of
from router.store import Store
from router.text import shown

_FRESH = 2.0  # seconds for which a look at the processes serves everybody who asks
_AGAIN, _EACH = 15.0, 0.2  # git is asked again after so many seconds, and after so many for each worktree
_MOST = 60  # processes of a worktree that are told
_LONGEST = 200  # characters of a subject

Work = dict[str, Any]


class Looks:
    """The last commit of each worktree, whether it has changes, who sits in it, and what runs there."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: Lanes[str, Work] = Lanes(threads=2)
        self._work: dict[str, Work] = {}
        self._asked: dict[str, float] = {}
        self._found: dict[str, Any] = {}
        self._until = float("-inf")

    def __call__(self) -> dict[str, Any]:
        """Return what is known by now, by the worktree's path; nothing before there is a status. Waits for no git."""
        with self._lock:
            if self._clock() > self._until:
                self._found = self._look(json.loads(self._store.read(self._store.status_file) or "null"))
                self._until = self._clock() + _FRESH
            return self._found

    def close(self) -> None:
        """Look no more."""
        self._lanes.close()

    def _look(self, status: Document | None) -> dict[str, Any]:
        if status is None:
            return {}
        trees = status["worktrees"]
        self._ask_git([tree["path"] for tree in trees])
        places = {tree["path"]: place_of(tree["path"]) for tree in trees}
        mapped = process_map(look(), living=[place.root for place in places.values()])
        return {"worktrees": {t["path"]: _facts(t, places[t["path"]], mapped, self._work) for t in trees}}

    def _ask_git(self, paths: list[str]) -> None:
        """Have git asked about the worktrees whose turn it is, and take over what it has answered."""
        now, rest = self._clock(), max(_AGAIN, _EACH * len(paths))
        due = [path for path in paths if now - self._asked.get(path, float("-inf")) > rest]
        self._asked = {path: self._asked[path] for path in paths if path in self._asked} | dict.fromkeys(due, now)
        late = [path for path in paths if not self._lanes.is_free(path)]
        found = self._lanes.run({path: partial(_work, path) for path in {*due, *late}}, patience=0.1)
        self._work = {path: work for path, work in (self._work | found).items() if path in self._asked}


def _facts(tree: Document, place: WorktreeRoot, mapped: ProcessMap, work: dict[str, Work]) -> dict[str, Any]:
    own = mapped.of(place)
    begun = {each.pid: each.started for each in mapped.processes}
    pids = {name: service["pid"] for name, service in tree["services"].items() if service["pid"]}
    return {
        **work.get(tree["path"], {}),
        "seats": [shown(each) for each in seats(mapped, place)],
        "since": {name: round(begun[pid]) for name, pid in pids.items() if pid in begun},
        "processes": [{"pid": p.pid, "program": p.program and shown(p.program), "role": p.role} for p in own[:_MOST]],
    }


def _work(path: str) -> Work:
    """Return the last commit of a worktree, and whether it has changes; what git does not tell is left out."""
    try:
        subject, when = git.last_commit(Path(path))
        return {"commit": {"subject": shown(subject)[:_LONGEST], "time": when}, "dirty": git.is_changed(Path(path))}
    except RouterError:
        return {}
