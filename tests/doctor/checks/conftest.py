"""An installation for the checks to look at, with a state directory and a port of its own."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router import __version__
from router.doctor.installation import Installation
from router.settings import Settings
from router.store import RunningWatcher, Store

Make = Callable[..., Installation]


@pytest.fixture
def installation(tmp_path: Path, free: int) -> Make:
    """Make an installation; `silent` is for how many seconds its watcher, this process, has been silent."""

    def make(
        *, silent: float | None = None, status: dict[str, Any] | None = None, mode: str = "", pid: int = os.getpid(),
        **settings: Any,
    ) -> Installation:  # fmt: skip
        store = Store(tmp_path / "state")
        store.prepare()
        chosen = Settings(state_dir=store.directory, **{"port": free, **settings})
        if silent is None:
            return Installation(chosen, store, None, status)
        moment = time.monotonic() - silent
        store.write(store.heartbeat, f"2026-01-01T00:00:00 {moment:016.3f} {pid:010d}\n")
        watcher = RunningWatcher(pid, "2026-01-01", __version__, free, mode or chosen.caddy)
        return Installation(chosen, store, watcher, status)

    return make
