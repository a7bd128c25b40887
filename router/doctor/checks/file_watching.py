"""Whether the system's limits on watching files leave room; where they do not, changes are seen later."""

from collections.abc import Iterator

from router.doctor import inotify
from router.doctor.findings import Finding

_NEARLY = 0.9  # of a limit
_ENOUGH = {"max_user_instances": 1024, "max_user_watches": 1_048_576}


def check() -> Iterator[Finding]:
    """Yield the limits that are used up or nearly so; nothing on a system without inotify."""
    limits = inotify.limits()
    if not limits:
        return
    if name := inotify.used_up():
        message = f"inotify's {name} is used up: changes are seen up to a second late, and dev servers may see none"
        yield Finding("warn", "inotify", message, _raise(name))
        return
    short = [limit for limit in limits if limit.used is not None and limit.used >= limit.value * _NEARLY]
    for limit in short:
        yield Finding("warn", "inotify", f"{limit.used} of {limit.value} {limit.name} are in use", _raise(limit.name))
    if not short:
        use = ", ".join(f"{limit.used} of {limit.value} {limit.name}" for limit in limits)
        yield Finding("ok", "inotify", f"{use} in use")


def _raise(name: str) -> str:
    return f"echo fs.inotify.{name}={_ENOUGH[name]} | sudo tee /etc/sysctl.d/60-{name}.conf && sudo sysctl --system"
