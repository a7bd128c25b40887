"""Whether a Caddy in a container reaches the servers of this machine."""

from collections.abc import Iterator

from router.doctor.findings import Finding
from router.doctor.installation import Installation


def check(installation: Installation) -> Iterator[Finding]:
    """Yield that a Caddy in a container reaches every server; one that it does not is a problem of its worktree."""
    status = installation.running_status
    if status is None or not installation.settings.contained:
        return
    kinds = {problem["kind"] for worktree in status["worktrees"] for problem in worktree["problems"]}
    if "unreachable-from-container" not in kinds:
        host = installation.settings.upstream
        yield Finding("ok", "container", f"Caddy's container reaches every server that listens, at {host}")
