"""Whether Caddy serves the configuration that the watcher loaded last."""

from collections.abc import Iterator

from router.doctor.findings import LOGS, Finding
from router.doctor.installation import Installation

_REPORTED = frozenset({"drift", "load-refused", "caddy-down", "foreign-caddy"})  # as problems of the status document


def check(installation: Installation) -> Iterator[Finding]:
    """Yield what the watcher found out, which compares every other second; nothing where a problem says it already."""
    status = installation.running_status
    if status is None:
        return
    caddy = status["caddy"]
    if caddy["in_sync"]:
        yield Finding("ok", "sync", f"Caddy serves what the watcher loaded last, {caddy['loads']} loads so far")
    elif not _REPORTED & {problem["kind"] for problem in status["problems"]}:
        yield Finding("fail", "sync", "Caddy does not serve what the watcher loaded last", LOGS)
