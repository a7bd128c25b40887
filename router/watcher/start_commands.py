"""Finds how the servers that are down are started, apart from the loop: the starting pages show it."""

import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from router.observe.lanes import Lanes
from router.observe.start_command import StartCommand, start_command
from router.route_table import RouteTable

INTERVAL = 60.0  # seconds between two looks at the files of one worktree,
USUAL = 20  # of so many that are down; where there are more, each is looked at less often


class StartCommands:
    """The start commands of the worktrees whose `web` is down, by path; `wake` is called when one was found."""

    def __init__(self, wake: Callable[[], None], *, interval: float = INTERVAL) -> None:
        self._lanes: Lanes[str, StartCommand | None] = Lanes(threads=4, on_late=wake)
        self._interval = interval
        self._asked: dict[str, float] = {}
        self.found: Mapping[str, StartCommand] = {}

    def about(self, table: RouteTable) -> None:
        """Take over what was found since the last time, and look where it is due. Waits for nothing."""
        now = time.monotonic()
        paths = {route.worktree.path for route in table.routes if not route.services[0].up}
        self._asked = {path: when for path, when in self._asked.items() if path in paths}
        interval = self._interval * max(1.0, len(paths) / USUAL)
        due = {path for path in paths if now - self._asked.get(path, float("-inf")) >= interval}
        self._asked |= dict.fromkeys(due, now)
        asked = due | {path for path in paths if not self._lanes.is_free(path)}
        looks = {path: partial(start_command, Path(path), installed=shutil.which) for path in asked}
        known = {path: command for path, command in self.found.items() if path in paths}
        found = {**known, **self._lanes.run(looks, patience=0)}
        self.found = {path: command for path, command in found.items() if command is not None}

    def close(self) -> None:
        """Look no more."""
        self._lanes.close()
