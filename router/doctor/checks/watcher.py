"""Whether a watcher runs, gives signs of life, and was started with the settings of now."""

from collections.abc import Iterator

from router import __version__
from router.caddy import record
from router.doctor.findings import Finding
from router.doctor.installation import Installation
from router.published import LIMIT
from router.settings import Mode, Settings
from router.store import RunningWatcher
from router.watcher import heartbeat

_RESTART = "router down && router up --detach"


def check(installation: Installation) -> Iterator[Finding]:
    """Yield whether a watcher runs and works, and each setting that it was started with and that has changed since."""
    watcher = installation.watcher
    if watcher is None:
        yield _missing(installation)
        return
    silence = heartbeat.silence(installation.store.heartbeat, watcher)
    if silence.hung:
        yield _hung(watcher, silence)
        return
    if silence.seconds > LIMIT:
        message = f"the watcher (pid {watcher.pid}) works, but gave its last sign of life {silence.seconds:.0f} s ago"
        yield Finding("warn", "watcher", message, "uptime   # the machine is busy; the watcher catches up by itself")
    else:
        yield Finding("ok", "watcher", f"the watcher runs, pid {watcher.pid}, since {watcher.since}")
    yield from _differences(watcher, installation.settings)


def _missing(installation: Installation) -> Finding:
    left = record.recorded(installation.store.directory) if installation.mode == Mode.EMBEDDED else None
    if left:
        message = f"the watcher was killed; its Caddy (pid {left.process.pid}) still serves the routes it had"
    else:
        message = "no watcher runs: Caddy is not checked, and worktrees are checked as they would be routed"
    return Finding("warn", "watcher", message, "router up --detach")


def _hung(watcher: RunningWatcher, silence: heartbeat.Silence) -> Finding:
    message = f"the watcher (pid {watcher.pid}) has given no sign of life for {silence.seconds:.0f} s"
    if silence.stopped:
        return Finding("fail", "watcher", f"{message}: its process is stopped", f"kill -CONT {watcher.pid}")
    return Finding("fail", "watcher", f"{message}, and its process does nothing", _RESTART)


def _differences(watcher: RunningWatcher, settings: Settings) -> Iterator[Finding]:
    """Yield what the watcher was started with and a command from here would do otherwise."""
    here = {"port": settings.port, "mode": settings.caddy, "version": __version__}
    hints = {"port": f"export ROUTER_PORT={watcher.port}", "mode": f"export ROUTER_CADDY={watcher.mode}",
             "version": _RESTART}  # fmt: skip
    for name, value in here.items():
        if (started := getattr(watcher, name)) != value:
            message = f"the watcher was started with {name} {started}, commands from here use {value}"
            yield Finding("warn", "watcher", message, hints[name])
