"""What a command does with a watcher that runs: ask it, join it, tell it to stop serving a repository.

`preview`, with git and all that a look takes, is imported where there is none to ask: `url` and `status` start without.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from router import __version__
from router.document import Document, find, name_at
from router.errors import (
    AlreadyRunningError,
    LostRaceError,
    PortTakenError,
    RouterError,
    UnknownNameError,
    WatcherEndedError,
)
from router.model import Problem
from router.published import document_of
from router.settings import Settings
from router.status import problem_values
from router.store import RunningWatcher, Store
from router.text import shown
from router.watcher import heartbeat
from router.watcher.patience import Patience

POLL = 0.02  # seconds
_RACES = 50  # against other commands that start and stop the router
_SHOWN = 5.0  # seconds for a watcher to route what has just begun to listen
_SETTLING = 2.0  # seconds for a watcher to publish its document, or to be seen by who lost the race to be one


def directories(paths: Iterable[Path]) -> list[Path]:
    """Return absolute paths; a pattern such as `../project-*` stands for the directories that match it."""
    found: list[Path] = []
    for path in paths:
        pattern = "*" in path.name and not path.exists()
        matching = sorted(p for p in path.absolute().parent.glob(path.name) if p.is_dir()) if pattern else []
        found += matching or [path.absolute()]
    return found


def status(settings: Settings, store: Store, *, cwd: Path) -> Document:
    """Return the status document: the watcher's own where one runs, else what would be routed.

    A watcher that is hung is a problem in it: what it published last may be out of date.
    """
    if document := of_watcher(store):
        return document
    from router.watcher import preview

    return preview.without_watcher(settings, store, preview.repositories(store, cwd))


def of_watcher(store: Store) -> Document | None:
    """Return the status document of the watcher that runs, None where none does."""
    if (watcher := store.running_watcher()) and (document := _settled(store, watcher)):
        return _with_problem(document, heartbeat.problem(store.heartbeat, watcher))
    return None


def here(settings: Settings, store: Store, *, cwd: Path) -> tuple[Document, str | None]:
    """Return the status document that knows the worktree of `cwd`, and that worktree's name.

    A watcher that runs for other repositories, or has not seen the worktree yet, does not know it: then it is
    looked up as the watcher would. The name is None outside of every worktree.
    """
    document = status(settings, store, cwd=cwd)
    if name := name_at(document, cwd):
        return document, name
    from router.observe import git
    from router.watcher import preview

    try:
        common = git.common_dir(cwd)
    except RouterError:
        return document, None
    document = preview.without_watcher(settings, store, (*store.memory().repositories, str(common)))
    return document, name_at(document, cwd)


def named(settings: Settings, store: Store, document: Document, name: str) -> tuple[Document, Document]:
    """Return the status document that knows a worktree by name, and the worktree in it.

    One that git has made a moment ago is looked up as the watcher would. UnknownNameError where none has the name.
    """
    try:
        return document, find(document, name)
    except UnknownNameError:
        from router.watcher import preview

        newer = preview.without_watcher(settings, store, store.memory().repositories)
        with contextlib.suppress(UnknownNameError):
            return newer, find(newer, name)
        raise


def up(
    settings: Settings, store: Store, commons: Sequence[Path], *, take_over: bool, start: Callable[[], Document | None]
) -> tuple[Document | None, bool | None]:
    """Let a router serve these repositories: join the one that runs, else `start` one.

    Several may try at once, while another stops it: whoever comes second joins. Returns the status document (None
    where `start` was the watcher until its end), and whether what was joined had not served all of them before
    (None where nothing was joined).
    """
    for _ in range(_RACES):
        try:
            if watcher := store.running_watcher():
                return join(settings, store, watcher, commons, take_over=take_over)
            return start(), None
        except (WatcherEndedError, LostRaceError):
            time.sleep(POLL)
        except PortTakenError:
            if not _appears(store):
                raise
    raise RouterError("other commands start and stop the router all the time", hint="try again when they have ended")


def join(
    settings: Settings, store: Store, watcher: RunningWatcher, commons: Sequence[Path], *, take_over: bool
) -> tuple[Document, bool]:
    """Let the running watcher serve these repositories too.

    Returns the status document that has them, and whether any was new to it. AlreadyRunningError where it runs
    with another port, mode or version than asked for, or should take over what it has let alone. WatcherEndedError
    where it ends meanwhile.
    """
    if take_over:
        raise AlreadyRunningError(
            f"a router (pid {watcher.pid}) runs already; a Caddy is taken over at the start",
            hint="run `router down`, then `router up --take-over`",
        )
    asked = {"port": settings.port, "mode": settings.caddy, "version": __version__}
    for what, value in asked.items():
        if (runs := getattr(watcher, what)) != value:
            raise AlreadyRunningError(
                f"a router (pid {watcher.pid}) runs with {what} {runs}, not {value}",
                hint="run `router down` first, or use another ROUTER_STATE_DIR",
            )
    new = store.start_serving(commons)
    wanted = {shown(str(common)) for common in commons}
    return _answer(store, watcher, lambda d: {r["git_dir"] for r in d["repositories"]} >= wanted), new


def leave(store: Store, commons: Sequence[Path]) -> None:
    """Stop serving repositories: their routes go, the others stay."""
    store.stop_serving(*map(str, commons))
    gone = {shown(str(common)) for common in commons}
    if watcher := store.running_watcher():
        try:
            _answer(store, watcher, lambda d: not gone & {r["git_dir"] for r in d["repositories"]})
        except WatcherEndedError:
            return


def _settled(store: Store, watcher: RunningWatcher) -> dict[str, Any] | None:
    """Return the document of a running watcher, which may be about to write it for the first time, or again."""
    deadline = time.monotonic() + _SETTLING
    while not (document := published(store, watcher.pid)):
        if time.monotonic() > deadline or store.running_watcher() != watcher:
            return None
        time.sleep(POLL)
    return document


def published(store: Store, pid: int) -> dict[str, Any] | None:
    """Return the document that a watcher has published, None where there is none of this process."""
    return document_of(store.read(store.status_file), pid)


def _with_problem(document: dict[str, Any], problem: Problem | None) -> Document:
    if problem is None:
        return document
    return {**document, "problems": [*document["problems"], problem_values(problem)]}


def _answer(store: Store, watcher: RunningWatcher, enough: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """Let the watcher look again, and return its document when that says enough."""
    send(watcher, signal.SIGUSR1)
    patience = Patience(watcher.pid)
    while not patience.exhausted():
        document = published(store, watcher.pid)
        if document and enough(document):
            return document
        if store.running_watcher() != watcher:
            raise WatcherEndedError(f"the watcher (pid {watcher.pid}) has just ended", hint="try again")
        time.sleep(POLL)
    hung = heartbeat.problem(store.heartbeat, watcher)
    if hung:
        raise RouterError(hung.message, hint=hung.hint, kind=hung.kind)
    raise RouterError(f"the watcher (pid {watcher.pid}) does not answer", hint=f"see {store.watcher_log}")


def wake(store: Store) -> None:
    """Let the watcher look again at once, where one runs."""
    if watcher := store.running_watcher():
        with contextlib.suppress(RouterError):
            send(watcher, signal.SIGUSR1)


def shows_up(store: Store, name: str, services: Iterable[str]) -> bool:
    """Wait a moment until the watcher, where one runs, shows that these services of a worktree are up; tell whether."""
    wanted, deadline = tuple(services), time.monotonic() + _SHOWN
    while wanted and (watcher := store.running_watcher()) and time.monotonic() < deadline:
        document = published(store, watcher.pid) or {"worktrees": ()}
        found: Mapping[str, Any] = next((w["services"] for w in document["worktrees"] if w["name"] == name), {})
        if all(found.get(service, {}).get("up") for service in wanted):
            return True
        time.sleep(POLL)
    return False


def _appears(store: Store) -> bool:
    """Tell whether a watcher runs, a moment after another process had what one needs."""
    deadline = time.monotonic() + _SETTLING
    while not store.running_watcher():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def send(watcher: RunningWatcher, number: int) -> None:
    try:
        os.kill(watcher.pid, number)
    except ProcessLookupError as exc:
        raise WatcherEndedError(f"the watcher (pid {watcher.pid}) has just ended", hint="try again") from exc
    except OSError as exc:
        raise RouterError(f"the watcher (pid {watcher.pid}) cannot be reached: {exc.strerror}", hint="") from exc
