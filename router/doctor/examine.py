"""Checks everything that can be wrong between a browser and a worktree; no check can hold up the others."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TypeVar

from router.doctor.checks import (
    admin,
    caddy_binary,
    container,
    file_watching,
    fixed_ports,
    framework_settings,
    git,
    ipv6,
    names,
    own_servers,
    port,
    sign_in,
    sync,
    watcher,
    worktrees,
)
from router.doctor.findings import Finding
from router.doctor.installation import Installation
from router.errors import NotARepositoryError, RouterError
from router.settings import Mode, Settings
from router.store import Store
from router.values import dataclass, replace
from router.watcher import client

PATIENCE = 6.0  # seconds for all checks together, which usually take one
_STATUS_PATIENCE = 5.0  # seconds for the status document

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Check:
    """A check: its name, what it runs, and what it means where that takes too long."""

    name: str
    run: Callable[[], Iterable[Finding]]
    late: Finding | None = None


def examine(
    load: Callable[[], Settings], *, cwd: Path, sync_command: str, platform: str = sys.platform
) -> tuple[Finding, ...]:
    """Return what every check found, in a fixed order, after some seconds at the most. Raises nothing.

    `load` returns the settings, `cwd` is the directory it is about, `sync_command` the one that writes /etc/hosts.
    """
    machine = partial(_machine_checks, sync_command=sync_command, platform=platform)
    try:
        settings = load()
        store = Store(settings.state_dir)
        store.prepare()
    except RouterError as exc:
        return (Finding("fail", "settings", exc.message, exc.hint), *run(machine(Mode.EMBEDDED, ())))
    installation, failures = _with_status(Installation(settings, store, watcher=store.running_watcher()), cwd)
    checks = (
        *_router_checks(installation),
        *machine(installation.mode, installation.live_hosts),
        *_worktree_checks(installation, cwd),
    )
    return (*failures, *run(checks))


def run(checks: Iterable[Check], *, patience: float = PATIENCE) -> tuple[Finding, ...]:
    """Return what these checks find, in their order. They run side by side, for so many seconds at the most."""
    deadline = time.monotonic() + patience
    running = [(check, _in_thread(partial(_findings, check))) for check in checks]
    return tuple(finding for check, future in running for finding in _result(check, future, deadline))


def _router_checks(installation: Installation) -> Iterator[Check]:
    yield Check("watcher", partial(watcher.check, installation))
    yield Check("port", partial(port.check, installation))
    yield Check("admin", partial(admin.check, installation), admin.LATE)
    yield Check("sync", partial(sync.check, installation))
    yield Check("container", partial(container.check, installation))
    yield Check("servers", partial(own_servers.check, installation))


def _machine_checks(mode: str, live: Sequence[str], *, sync_command: str, platform: str) -> Iterator[Check]:
    yield Check("caddy", partial(caddy_binary.check, mode))
    yield Check("git", git.check)
    yield Check("inotify", file_watching.check)
    yield Check("ipv6", ipv6.check)
    yield Check("resolve", partial(names.check_python, live, sync_command), names.late_python(sync_command))
    yield Check("resolve", partial(names.check_node, live, sync_command), names.LATE_NODE)
    yield Check("resolve", partial(names.check_curl, sync_command))
    yield Check("resolve", partial(names.check_browsers, live, sync_command, platform))


def _worktree_checks(installation: Installation, cwd: Path) -> Iterator[Check]:
    status = installation.status
    if status:
        yield Check("worktree", partial(worktrees.check_problems, status))
        yield Check("worktree", partial(worktrees.check_repository, status, cwd))
        yield Check("framework", partial(framework_settings.check, status))
        yield Check("ports", partial(fixed_ports.check, status))
    uris = status["oauth"]["redirect_uris"] if status else installation.settings.redirect_uris
    yield Check("sign-in", partial(sign_in.check, uris))


def _with_status(installation: Installation, cwd: Path) -> tuple[Installation, tuple[Finding, ...]]:
    """Return the installation with its status document, or why there is none."""
    settings, store = installation.settings, installation.store
    try:
        status = _in_thread(partial(client.status, settings, store, cwd=cwd)).result(_STATUS_PATIENCE)
    except NotARepositoryError:
        message = "this directory is in no git repository, and none is served: no worktree is checked"
        return installation, (Finding("ok", "worktree", message),)
    except TimeoutError:
        message = f"the worktrees could not be listed within {_STATUS_PATIENCE:.0f} s"
        return installation, (Finding("warn", "worktree", message, "git worktree list"),)
    except Exception as exc:
        return installation, (_failure("worktree", exc),)
    return replace(installation, status=status), ()


def _in_thread(ask: Callable[[], Answer]) -> "Future[Answer]":
    """Ask in a thread that nobody has to wait for: one that never ends does not keep the command from ending."""
    future: Future[Answer] = Future()

    def answer() -> None:
        try:
            future.set_result(ask())
        except BaseException as exc:
            future.set_exception(exc)

    Thread(target=answer, daemon=True).start()
    return future


def _findings(check: Check) -> tuple[Finding, ...]:
    return tuple(check.run())


def _result(check: Check, future: "Future[tuple[Finding, ...]]", deadline: float) -> tuple[Finding, ...]:
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return (check.late or Finding("warn", check.name, "this check did not end in time", "router doctor"),)
    except Exception as exc:
        return (_failure(check.name, exc),)


def _failure(check: str, exc: Exception) -> Finding:
    """Return what it means that a check raised: an expected error is a failure with its hint."""
    if isinstance(exc, RouterError):
        return Finding("fail", check, exc.message, exc.hint)
    return Finding("warn", check, f"this could not be checked: {type(exc).__name__}: {exc}")
