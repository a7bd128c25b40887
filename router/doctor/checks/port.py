"""Whether the router's port is held by its own Caddy, or free."""

from collections.abc import Iterator, Sequence

from router.caddy import listening, record
from router.doctor.findings import LOGS, Finding
from router.doctor.installation import Installation
from router.model import Listener
from router.observe.listeners import Listeners
from router.settings import Mode
from router.text import host_port

_PROPOSED = range(8090, 8200)  # ports to propose in place of one that is taken


def check(installation: Installation) -> Iterator[Finding]:
    """Yield who listens on the router's port. SettingsError where the system does not allow this port."""
    listeners = Listeners().scan(())
    holders = [listener for listener in listeners if listener.port == installation.port]
    if installation.mode != Mode.EMBEDDED:
        yield _held_elsewhere(installation, holders)
        return
    own = _own_processes(installation)
    strangers = [listener for listener in holders if listener.pid not in own]
    if strangers:
        taken = {listener.port for listener in listeners}
        free = next((port for port in _PROPOSED if port not in taken), _PROPOSED[0])
        yield from (_taken(listener, free) for listener in strangers)
    else:
        yield _held_here(installation, holders)


def _held_here(installation: Installation, holders: Sequence[Listener]) -> Finding:
    if holders:
        return Finding("ok", "port", f"port {installation.port} is the router's own")
    if installation.watcher:
        return Finding("fail", "port", f"nothing listens on port {installation.port}", LOGS)
    listening.expect_free(installation.port)
    return Finding("ok", "port", f"port {installation.port} is free")


def _held_elsewhere(installation: Installation, holders: Sequence[Listener]) -> Finding:
    """Return what it means who listens, where Caddy is a process or container that the router does not run."""
    port, caddy = installation.port, f"the {installation.mode} Caddy"
    if holders:
        return Finding("ok", "port", f"port {port} is listened on, as it should be by {caddy}")
    if installation.watcher is None:
        return Finding("ok", "port", f"port {port} is free")
    message = f"nothing listens on port {port} of this machine, where {caddy} should"
    hint = f"docker ps --filter publish={port}   # publish that port of its container, or set ROUTER_PORT"
    return Finding("fail", "port", message, hint)


def _own_processes(installation: Installation) -> set[int]:
    """Return the processes that may hold the port: the watcher, its Caddy, one that a killed watcher left."""
    recorded = record.recorded(installation.store.directory)
    status = installation.running_status
    pids = (
        installation.watcher.pid if installation.watcher else None,
        recorded.process.pid if recorded else None,
        status["caddy"]["pid"] if status else None,
    )
    return {pid for pid in pids if pid is not None}


def _taken(listener: Listener, free: int) -> Finding:
    holder = f"{listener.program} (pid {listener.pid})" if listener.pid else "a process of another user"
    end = f"   # or end it: kill {listener.pid}" if listener.pid else ""
    message = f"{host_port(listener.address, listener.port)} is held by {holder}"
    return Finding("fail", "port", message, f"ROUTER_PORT={free} router up --detach{end}")
