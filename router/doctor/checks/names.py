"""Whether programs resolve names below `localhost`: Python and Node as the system does, curl and browsers themselves.

Each check takes the live hosts, and `sync`, the command that writes them into /etc/hosts.
"""

from collections.abc import Iterator, Sequence

from router import hosts
from router.doctor import name_resolution
from router.doctor.findings import Finding

LATE_NODE = Finding("ok", "resolve", "Node did not answer in time")
"""What it means that Node takes too long: that it is slow to start."""


def late_python(sync: str) -> Finding:
    """Return what it means that Python takes too long."""
    return Finding("warn", "resolve", "Python waits for a name server that does not answer for *.localhost", sync)


def check_python(live: Sequence[str], sync: str) -> Iterator[Finding]:
    """Yield how Python resolves these names, and with it most programs."""
    yield _resolution("Python", name_resolution.python(), live, sync)


def check_node(live: Sequence[str], sync: str) -> Iterator[Finding]:
    """Yield how Node resolves these names; nothing where it is not installed."""
    resolves = name_resolution.node()
    if resolves is not None:
        yield _resolution("Node", resolves, live, sync)


def check_curl(sync: str) -> Iterator[Finding]:
    """Yield how curl resolves these names, which it does by itself unless it is old; nothing where there is none."""
    resolves = name_resolution.curl()
    if resolves is False:
        yield Finding("warn", "resolve", "this curl is too old to resolve *.localhost", sync)
    elif resolves:
        yield Finding("ok", "resolve", "curl resolves *.localhost")


def check_browsers(live: Sequence[str], sync: str, platform: str) -> Iterator[Finding]:
    """Yield how browsers resolve these names: by themselves, all but Safari, which asks the system."""
    yield Finding("ok", "resolve", "Chrome, Edge and Firefox resolve *.localhost themselves")
    if platform == "darwin":
        yield _resolution("Safari", name_resolution.python(), live, sync)


def partial_resolution(
    program: str, live: Sequence[str], unresolved: Sequence[str], *, sync: str, fix: str | None
) -> Finding:
    """Return what it means that a program does not resolve every name, and of the live hosts not the unresolved ones.

    `fix` is the command that makes the system resolve every name, None where there is none.
    """
    if live and not unresolved:
        return Finding("ok", "resolve", f"{program} resolves the {len(live)} live hosts: they are in {hosts.FILE}")
    if len(unresolved) < len(live):
        part = f"{len(unresolved)} of {len(live)} live hosts, for example {unresolved[0]}"
        return Finding("warn", "resolve", f"{program} does not resolve {part}", sync)
    hint = f"{fix}   # or, for the live hosts only: {sync}" if fix else sync
    return Finding("warn", "resolve", f"{program} does not resolve *.localhost", hint)


def _resolution(program: str, resolves_all: bool, live: Sequence[str], sync: str) -> Finding:
    if resolves_all:
        return Finding("ok", "resolve", f"{program} resolves *.localhost")
    again = "   # after each start: WSL writes that file again" if name_resolution.forgets() else ""
    unresolved = name_resolution.unresolved(live)
    return partial_resolution(program, live, unresolved, sync=f"{sync}{again}", fix=name_resolution.fix())
