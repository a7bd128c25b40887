"""What `router doctor` looks at of a running router: its watcher, its port, its Caddy's admin API."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from router import __version__, hosts
from router.caddy import listening, modes, record
from router.caddy.admin import Admin
from router.doctor.findings import Finding
from router.errors import CaddyError
from router.model import Listener
from router.observe.listeners import Listeners
from router.settings import Settings
from router.status import Document
from router.store import RunningWatcher, Store

_SILENCE = 15.0  # seconds without a heartbeat, of which there is one every five
_BEAT = 1.5  # seconds in which a watcher that slept with its machine beats again
_OTHERS = range(8090, 8200)  # ports to propose
_ANEW = "router down && router up --detach"
_WHY = f"router logs | tail   # and then: {_ANEW}"
_TOLD = frozenset({"drift", "load-refused", "caddy-down", "foreign-caddy"})  # as problems of the status document


@dataclass(frozen=True, slots=True)
class Seen:
    """What the checks start from: settings, state directory, the running watcher, the status document."""

    settings: Settings
    store: Store
    owner: RunningWatcher | None = None
    status: Document | None = None

    @property
    def mode(self) -> str:
        """How the watcher that runs was told to run Caddy, else how one would be."""
        return self.owner.mode if self.owner else self.settings.caddy

    @property
    def live(self) -> tuple[str, ...]:
        """The hosts that are routed now."""
        return hosts.names(self.status) if self.status and self.owner else ()


def watcher(seen: Seen) -> Iterator[Finding]:
    """A watcher runs, as these settings want it, and is not stuck."""
    if seen.owner is None:
        yield _no_watcher(seen)
        return
    pid = seen.owner.pid
    silence = _silence(seen.store)
    if silence is None or silence > _SILENCE:
        since = "has not shown a sign of life yet" if silence is None else f"has been silent for {silence:.0f} s"
        hint = f"kill -9 {pid}; router up --detach   # or, where somebody stopped it: kill -CONT {pid}"
        yield Finding("fail", "watcher", f"the watcher (pid {pid}) {since}", hint)
        return
    yield Finding("ok", "watcher", f"the watcher runs, pid {pid}, since {seen.owner.since}")
    yield from _differences(seen.owner, seen.settings)


def port(seen: Seen) -> Iterator[Finding]:
    """The router's port is held by its own Caddy, or free."""
    number = seen.owner.port if seen.owner else seen.settings.port
    found = Listeners().scan(())
    holders = [listener for listener in found if listener.port == number]
    if seen.mode != "embedded":
        yield _port_of_another(seen, number, holders)
        return
    ours = _ours(seen)
    strangers = [listener for listener in holders if listener.pid not in ours]
    free = next((each for each in _OTHERS if each not in {listener.port for listener in found}), _OTHERS[0])
    for listener in strangers:
        end = f"   # or end it: kill {listener.pid}" if listener.pid else ""
        yield Finding("fail", "port", _taken(listener), f"ROUTER_PORT={free} router up --detach{end}")
    if holders and not strangers:
        yield Finding("ok", "port", f"port {number} is the router's own")
    elif not holders and seen.owner:
        yield Finding("fail", "port", f"nothing listens on port {number}", _WHY)
    elif not holders:
        for sock in listening.listening_sockets(number):  # raises where the system does not allow it
            sock.close()
        yield Finding("ok", "port", f"port {number} is free")


def admin(seen: Seen) -> Iterator[Finding]:
    """Caddy answers on its admin endpoint, with a configuration of the router's."""
    embedded_down = seen.mode == "embedded" and not record.recorded(seen.store.directory)
    if not seen.owner and (embedded_down or seen.mode == "compose"):
        return
    told = seen.status["caddy"].get("admin") if seen.owner and seen.status else None
    address = told or modes.admin_address(seen.settings, seen.store)
    with contextlib.closing(Admin(address)) as client:
        try:
            served = client.served()
        except CaddyError as exc:
            yield Finding("fail" if seen.owner else "warn", "admin", exc.message, _WHY)
            return
    if served.foreign:
        message = f"the Caddy at {address} serves something that the router did not put there"
        yield Finding(
            "fail",
            "admin",
            message,
            "router down; router up --detach --take-over   # or name another Caddy with ROUTER_ADMIN",
        )
    elif address.startswith("unix/") and _open_to_others(Path(address.removeprefix("unix/"))):
        message = f"others can reach Caddy's admin socket {address}"
        yield Finding("fail", "admin", message, f"chmod 600 {address.removeprefix('unix/')}")
    else:
        yield Finding("ok", "admin", f"Caddy answers at {address} and is the router's")


def in_sync(seen: Seen) -> Iterator[Finding]:
    """Caddy serves what the watcher loaded last. The watcher compares every other second: it says so here."""
    if not seen.owner or not seen.status:
        return
    caddy = seen.status["caddy"]
    if caddy.get("in_sync"):
        yield Finding("ok", "sync", f"Caddy serves what the watcher loaded last, {caddy.get('loads')} loads so far")
    elif not _TOLD & {problem["kind"] for problem in seen.status["problems"]}:
        yield Finding("fail", "sync", "Caddy does not serve what the watcher wants", _WHY)


def from_the_container(seen: Seen) -> Iterator[Finding]:
    """Where Caddy is in a container: every server that is up can be reached from there. What cannot is a problem."""
    if not seen.owner or not seen.status or not seen.settings.contained:
        return
    problems = [problem["kind"] for worktree in seen.status["worktrees"] for problem in worktree["problems"]]
    if "unreachable-from-container" not in problems:
        host = seen.settings.upstream
        yield Finding("ok", "container", f"what listens is reached by Caddy's container, as {host}")


def _no_watcher(seen: Seen) -> Finding:
    left = seen.mode == "embedded" and record.recorded(seen.store.directory)
    if left:
        message = f"the watcher was killed; its Caddy (pid {left.process.pid}) goes on with the routes of then"
        return Finding("warn", "watcher", message, "router up --detach")
    message = "no watcher runs: Caddy was not asked, and what follows of worktrees is what would be routed"
    return Finding("warn", "watcher", message, "router up --detach")


def _silence(store: Store) -> float | None:
    """Return for how many seconds the watcher has been silent, None where it never spoke."""
    deadline = time.monotonic() + _BEAT
    while True:
        text = store.read(store.site / "heartbeat")
        with contextlib.suppress(TypeError, ValueError):
            silence = (datetime.now(UTC) - datetime.fromisoformat(text or "")).total_seconds()
            if silence <= _SILENCE or time.monotonic() > deadline:
                return silence
        if time.monotonic() > deadline:
            return None
        time.sleep(0.05)


def _differences(owner: RunningWatcher, settings: Settings) -> Iterator[Finding]:
    """What a command from here would take for granted and the watcher was not started with."""
    asked = {"port": settings.port, "mode": settings.caddy, "version": __version__}
    hints = {"port": f"export ROUTER_PORT={owner.port}", "mode": f"export ROUTER_CADDY={owner.mode}", "version": _ANEW}
    for what, wanted in asked.items():
        if (runs := getattr(owner, what)) != wanted:
            message = f"the watcher runs with {what} {runs}, commands from here go by {wanted}"
            yield Finding("warn", "watcher", message, hints[what])


def _ours(seen: Seen) -> set[int | None]:
    """Return the processes that may hold the port: the watcher, its Caddy, one that a dead watcher left."""
    recorded = record.recorded(seen.store.directory)
    caddy = seen.status["caddy"].get("pid") if seen.owner and seen.status else None
    pids = {seen.owner.pid if seen.owner else None, recorded.process.pid if recorded else None, caddy}
    return pids - {None}


def _taken(listener: Listener) -> str:
    by = f"{listener.program} (pid {listener.pid})" if listener.pid else "a process of another user"
    address = f"[{listener.address}]" if ":" in listener.address else listener.address
    return f"{address}:{listener.port} is held by {by}"


def _port_of_another(seen: Seen, number: int, holders: list[Listener]) -> Finding:
    if holders:
        return Finding("ok", "port", f"something listens on port {number}, as {seen.mode} Caddy should")
    if seen.owner:
        message = f"nothing listens on port {number} of this machine, where {seen.mode} Caddy should"
        hint = f"docker ps --filter publish={number}   # publish that port of its container, or set ROUTER_PORT"
        return Finding("fail", "port", message, hint)
    return Finding("ok", "port", f"port {number} is free")


def _open_to_others(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return bool(found.st_mode & 0o077) or found.st_uid != os.getuid()
