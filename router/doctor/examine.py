"""Looks at everything that can be wrong between a browser and a worktree; nothing that it asks can hold it up."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TypeVar

from router.doctor import checks_machine, checks_router, checks_worktrees
from router.doctor.checks_router import Seen
from router.doctor.findings import Finding
from router.errors import NotARepositoryError, RouterError
from router.settings import Settings
from router.store import Store
from router.watcher import client

PATIENCE = 6.0  # seconds for all checks together, which take one; what has not answered by then is told as such
_STATUS_PATIENCE = 5.0

Look = Callable[[], Iterable[Finding]]
Said = TypeVar("Said")


@dataclass(frozen=True, slots=True)
class Check:
    """One look: by which name, how, and what it means where it takes too long."""

    name: str
    look: Look
    late: Finding | None = None


def examine(load: Callable[[], Settings], *, cwd: Path, sync: str, platform: str = sys.platform) -> tuple[Finding, ...]:
    """Return what was found, in a fixed order, after some seconds at the most. Raises nothing.

    `load` gives the settings, `cwd` is the directory it is about, `sync` the command that writes /etc/hosts.
    """
    machine = partial(_of_the_machine, sync=sync, platform=platform)
    try:
        settings = load()
        store = Store(settings.state_dir)
        store.prepare()
    except RouterError as exc:
        return (Finding("fail", "settings", exc.message, exc.hint), *together(machine("embedded", ())))
    seen, trouble = _seen(settings, store, cwd)
    checks = (*_of_the_router(seen), *machine(seen.mode, seen.live), *_of_the_worktrees(seen, cwd))
    return (*trouble, *together(checks))


def together(checks: Iterable[Check], *, patience: float = PATIENCE) -> tuple[Finding, ...]:
    """Return what these checks find, in their order. They look side by side, for so many seconds at the most."""
    deadline = time.monotonic() + patience
    begun = [(check, _begin(partial(_all, check.look))) for check in checks]
    return tuple(finding for check, future in begun for finding in _found(check, future, deadline))


def _of_the_router(seen: Seen) -> Iterator[Check]:
    yield Check("watcher", partial(checks_router.watcher, seen))
    yield Check("port", partial(checks_router.port, seen))
    hint = "router logs | tail   # and then: router down && router up --detach"
    yield Check("admin", partial(checks_router.admin, seen), Finding("fail", "admin", "Caddy does not answer", hint))
    yield Check("sync", partial(checks_router.in_sync, seen))
    yield Check("container", partial(checks_router.from_the_container, seen))


def _of_the_machine(mode: str, live: Sequence[str], *, sync: str, platform: str) -> Iterator[Check]:
    yield Check("caddy", partial(checks_machine.caddy, mode))
    yield Check("git", checks_machine.git_version)
    yield Check("inotify", checks_machine.watching)
    yield Check("ipv6", checks_machine.ipv6)
    late = Finding("warn", "resolve", "Python waits for a name server that does not answer for *.localhost", sync)
    yield Check("resolve", partial(checks_machine.resolving_in_python, live, sync), late)
    late_node = Finding("ok", "resolve", "Node did not answer in time")
    yield Check("resolve", partial(checks_machine.resolving_in_node, live, sync), late_node)
    yield Check("resolve", partial(checks_machine.resolving_in_curl, sync))
    yield Check("resolve", partial(checks_machine.resolving_in_browsers, live, sync, platform))


def _of_the_worktrees(seen: Seen, cwd: Path) -> Iterator[Check]:
    if seen.status:
        yield Check("worktree", partial(checks_worktrees.problems, seen.status))
        yield Check("worktree", partial(checks_worktrees.unserved, seen.status, cwd))
        yield Check("framework", partial(checks_worktrees.needs, seen.status))
    uris = seen.status["oauth"]["redirect_uris"] if seen.status else seen.settings.redirect_uris
    yield Check("sign-in", partial(checks_worktrees.sign_ins, uris))


def _seen(settings: Settings, store: Store, cwd: Path) -> tuple[Seen, tuple[Finding, ...]]:
    """Return what the checks start from, and what keeps the worktrees from being among it."""
    seen = Seen(settings, store, owner=store.running_watcher())
    try:
        status = _begin(partial(client.status, settings, store, cwd=cwd)).result(_STATUS_PATIENCE)
    except NotARepositoryError:
        message = "this directory is in no git repository, and none is served: no worktree was looked at"
        return seen, (Finding("ok", "worktree", message),)
    except TimeoutError:
        return seen, (Finding("warn", "worktree", f"git did not list the worktrees within {_STATUS_PATIENCE:.0f} s"),)
    except Exception as exc:
        return seen, (_broken("worktree", exc),)
    return replace(seen, status=status), ()


def _begin(ask: Callable[[], Said]) -> "Future[Said]":
    """Ask in a thread that nobody has to wait for: one that never ends does not keep the command from ending."""
    future: Future[Said] = Future()

    def answer() -> None:
        try:
            future.set_result(ask())
        except BaseException as exc:
            future.set_exception(exc)

    Thread(target=answer, daemon=True).start()
    return future


def _all(look: Look) -> tuple[Finding, ...]:
    return tuple(look())


def _found(check: Check, future: "Future[tuple[Finding, ...]]", deadline: float) -> tuple[Finding, ...]:
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return (check.late or Finding("warn", check.name, "this was not answered in time"),)
    except Exception as exc:
        return (_broken(check.name, exc),)


def _broken(check: str, exc: Exception) -> Finding:
    """Return what a look that ended in an error says: an expected one is a failure with its hint."""
    if isinstance(exc, RouterError):
        return Finding("fail", check, exc.message, exc.hint)
    return Finding("warn", check, f"this could not be looked at: {type(exc).__name__}: {exc}")
