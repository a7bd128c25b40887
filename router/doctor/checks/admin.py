"""Whether Caddy answers on its admin API, with a configuration of the router's, to nobody but this user."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from router.caddy import addresses, record
from router.caddy.admin import Admin, Served
from router.doctor.findings import LOGS, Finding
from router.doctor.installation import Installation
from router.errors import CaddyError
from router.settings import Mode

LATE = Finding("fail", "admin", "Caddy does not answer on its admin API", LOGS)
"""What it means that this check takes too long."""

_TAKE_OVER = "router down; router up --detach --take-over   # or name another Caddy with ROUTER_ADMIN"


def check(installation: Installation) -> Iterator[Finding]:
    """Yield how Caddy answers; nothing where none is expected to run."""
    if not _is_expected(installation):
        return
    status = installation.running_status
    address = status["caddy"]["admin"] if status else addresses.admin_address(installation.settings, installation.store)
    with contextlib.closing(Admin(address)) as client:
        try:
            served = client.served()
        except CaddyError as exc:
            yield Finding("fail" if installation.watcher else "warn", "admin", exc.message, LOGS)
        else:
            yield _answer(address, served)


def _is_expected(installation: Installation) -> bool:
    """Tell whether a Caddy should run: a watcher's, one that a killed watcher left, or one of somebody else's."""
    if installation.watcher or installation.mode == Mode.EXTERNAL:
        return True
    return installation.mode == Mode.EMBEDDED and record.recorded(installation.store.directory) is not None


def _answer(address: str, served: Served) -> Finding:
    if served.foreign:
        message = f"the Caddy at {address} serves a configuration that is not the router's"
        return Finding("fail", "admin", message, _TAKE_OVER)
    path = address.removeprefix("unix/")
    if path != address and _is_open_to_others(Path(path)):
        return Finding("fail", "admin", f"other users can reach Caddy's admin socket {path}", f"chmod 600 {path}")
    return Finding("ok", "admin", f"Caddy answers at {address} and is the router's")


def _is_open_to_others(path: Path) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return bool(status.st_mode & 0o077) or status.st_uid != os.getuid()
