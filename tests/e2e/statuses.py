"""What a watcher would write to `status.json`, built for tests and pictures of the dashboard."""

import json
import os
from pathlib import Path
from typing import Any

from router.naming import service_host

Json = dict[str, Any]
LASTING = -600.0  # seconds: a watcher beats again and again, and these heartbeats are written once


def service(name: str, label: str, number: int, **rest: object) -> Json:
    """Return the service of a worktree; it is up, and its port came from the hash, unless told otherwise."""
    url = f"http://{service_host(label, name)}:8080"
    values: Json = {"port": number, "address": "127.0.0.1", "source": "hash", "up": True, "pid": 999, "program": "node"}
    return {"url": url, **values, **rest}


def worktree(label: str, *, services: Json | None = None, repository: str = "shop", **rest: object) -> Json:
    """Return a worktree with a web server that runs."""
    values: Json = {
        "branch": label, "path": f"/home/me/{repository}.{label}", "main": False, "detached": False,
        "aliases": [], "oauth_state": label, "problems": [],
    }  # fmt: skip
    url = f"http://{label}.localhost:8080"
    shown = services if services is not None else {"web": service("web", label, 14315)}
    return {"name": label, "repository": repository, "url": url, **values, "services": shown, **rest}


def status(*worktrees: Json, problems: tuple[Json, ...] = (), **caddy: object) -> Json:
    """Return the status of these worktrees; `caddy` replaces fields of Caddy's state."""
    state: Json = {"running": True, "pid": 4712, "mode": "embedded", "admin": "unix//s", "version": "v2.11.7",
                   "in_sync": True, "loads": 12, "last_load_ms": 9.1, "last_error": None}  # fmt: skip
    return {
        "schema": 1, "version": "0.1.0", "origin": "http://localhost:8080",
        "watcher": {"running": True, "pid": 4711, "since": "2026-11-21T10:00:00Z"},
        "caddy": {**state, **caddy},
        "oauth": {"redirect_uris": ["http://localhost:8080/auth/callback"]},
        "worktrees": list(worktrees), "problems": list(problems),
    }  # fmt: skip


def write(directory: Path, value: Json, *, age: float = LASTING) -> None:
    """Write `status.json` as the watcher does, and a heartbeat of that age in seconds."""
    beside = directory / "status.json.new"
    beside.write_text(json.dumps(value))
    beside.replace(directory / "status.json")
    beat(directory, age=age)


def beat(directory: Path, *, age: float = LASTING) -> None:
    """Touch the heartbeat, that many seconds ago; by itself it is that of a watcher that lives on."""
    heartbeat = directory / "heartbeat"
    heartbeat.touch()
    time = heartbeat.stat().st_ctime - age
    os.utime(heartbeat, (time, time))
