"""What a command does with a watcher: ask it, join it, start it apart, stop it.

`alone`, with git and all that a look takes, is imported where there is none to ask: `url` and `status` start without.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from router import __version__, proc
from router.errors import AlreadyRunningError, RouterError
from router.model import Memory
from router.naming import shown
from router.settings import Settings
from router.status import Document
from router.store import RunningWatcher, Store, joined

_PATIENCE = 15.0  # seconds for a watcher to start, to take a repository in, or to end
_POLL = 0.02


def places(paths: Iterable[Path]) -> list[Path]:
    """Return absolute paths; a pattern such as `../project-*` stands for the directories that match it."""
    found: list[Path] = []
    for path in paths:
        pattern = "*" in path.name and not path.exists()
        matching = sorted(p for p in path.absolute().parent.glob(path.name) if p.is_dir()) if pattern else []
        found += matching or [path.absolute()]
    return found


def status(settings: Settings, store: Store, *, cwd: Path) -> Document:
    """Return the status document: the watcher's own where one runs, else what would be routed."""
    if store.running_watcher() and (document := _published(store)):
        return document
    from router.watcher import preview

    return preview.without_watcher(settings, store, preview.repositories(store, cwd))


def here(settings: Settings, store: Store, *, cwd: Path) -> tuple[Document, str | None]:
    """Return the status document that knows the worktree of `cwd`, and that worktree's name.

    A watcher that runs for other repositories, or has not seen the worktree yet, does not know it: then it is
    looked up as the watcher would. The name is None outside of every worktree.
    """
    document = status(settings, store, cwd=cwd)
    if name := _name_at(document, cwd):
        return document, name
    from router.observe import git
    from router.watcher import preview

    try:
        common = git.common_dir(cwd)
    except RouterError:
        return document, None
    document = preview.without_watcher(settings, store, (*store.memory().repositories, str(common)))
    return document, _name_at(document, cwd)


def join(
    settings: Settings, store: Store, owner: RunningWatcher, commons: Sequence[Path], *, take_over: bool
) -> tuple[Document, bool]:
    """Let the running watcher serve these repositories too.

    Returns the status document that has them, and whether any was new to it. AlreadyRunningError where it runs
    with another port, mode or version than asked for, or should take over what it has let alone.
    """
    if take_over:
        raise AlreadyRunningError(
            f"a router (pid {owner.pid}) runs already; a Caddy is taken over at the start",
            hint="run `router down`, then `router up --take-over`",
        )
    asked = {"port": settings.port, "mode": settings.caddy, "version": __version__}
    for what, value in asked.items():
        if (runs := getattr(owner, what)) != value:
            raise AlreadyRunningError(
                f"a router (pid {owner.pid}) runs with {what} {runs}, not {value}",
                hint="run `router down` first, or use another ROUTER_STATE_DIR",
            )
    with store.changing() as memory:
        wanted = memory
        for common in commons:
            wanted = joined(wanted, common)
        if wanted != memory:
            store.remember(wanted)
    _send(owner, signal.SIGUSR1)
    return _wait_for(
        store, lambda d: {r["git_dir"] for r in d["repositories"]} >= set(map(str, commons))
    ), wanted != memory


def begin(store: Store, commons: Sequence[Path]) -> None:
    """Note which repositories the watcher about to start serves; those of one that was killed stay."""
    with store.changing() as memory:
        wanted = memory
        for common in commons:
            wanted = joined(wanted, common)
        store.remember(wanted)


def detach(store: Store, arguments: Sequence[str]) -> Document:
    """Start `router up` apart from this terminal; return its first status document. RouterError says what it said."""
    log = store.logs / "up.log"
    log.write_bytes(b"")
    store.status_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "router", "up", *arguments]
    environ = {**os.environ, "ROUTER_STATE_DIR": str(store.directory)}
    process = proc.start(command, env=environ, cwd=store.directory, log=log)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = log.read_text(errors="replace").strip().removeprefix("error: ")
            raise RouterError(said or "the watcher ended at once", hint="" if said else f"see {store.watcher_log}")
        document = _published(store)
        if document and document["watcher"]["pid"] == process.pid:
            process.returncode = 0  # it lives on: nobody is to wait for it
            return document
        time.sleep(_POLL)
    process.terminate()
    said = log.read_text(errors="replace").strip().replace("\n", "; ")
    raise RouterError(
        f"the watcher did not start in time: {said or 'it said nothing'}", hint=f"see {store.watcher_log}"
    )


def stop(settings: Settings, store: Store) -> bool:
    """End the watcher and the Caddy it started, or the Caddy of one that was killed; False where nothing ran."""
    owner = store.running_watcher()
    if owner is None:
        from router.caddy import modes

        ended = modes.end_left(settings, store)
        with store.changing() as memory:
            store.remember(Memory((), memory.worktrees))
        return ended
    _send(owner, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while store.running_watcher() or proc.identify(owner.pid):
        if time.monotonic() > deadline:
            raise RouterError(f"the watcher (pid {owner.pid}) does not end", hint=f"run `kill -9 {owner.pid}`")
        time.sleep(_POLL)
    return True


def leave(store: Store, commons: Sequence[Path]) -> None:
    """Let go of repositories: their routes go, the others stay."""
    with store.changing() as memory:
        left = tuple(path for path in memory.repositories if path not in set(map(str, commons)))
        store.remember(Memory(left, memory.worktrees))
    if owner := store.running_watcher():
        _send(owner, signal.SIGUSR1)
        gone = set(map(str, commons))
        _wait_for(store, lambda d: not gone & {r["git_dir"] for r in d["repositories"]})


def log_to(path: Path) -> None:
    """Send the watcher's log to a file that is rolled over at 1 MB."""
    import logging  # only the watcher logs
    from logging.handlers import RotatingFileHandler

    rolling = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2)
    rolling.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("router")
    root.addHandler(rolling)
    root.setLevel(logging.INFO)


def log_lines(store: Store, *, follow: bool) -> Iterator[str]:
    """Yield the lines of the watcher's and of Caddy's logs, each with its origin in front; with `follow` for ever."""
    places = {"watcher": store.watcher_log, "caddy": store.caddy_log, "access": store.access_log}
    read = dict.fromkeys(places, 0)
    while True:
        for name, path in places.items():
            text, read[name] = _from(path, read[name])
            yield from (f"{name}: {line}" for line in text.splitlines())
        if not follow:
            return
        time.sleep(0.3)


def _from(path: Path, position: int) -> tuple[str, int]:
    """Return the whole lines of a log after a position, and the position behind them; all of one that was rolled."""
    try:
        with path.open("rb") as file:
            file.seek(position if path.stat().st_size >= position else 0)
            start, data = file.tell(), file.read()
    except OSError:
        return "", 0
    whole = data[: data.rfind(b"\n") + 1]
    return whole.decode(errors="replace"), start + len(whole)


def _published(store: Store) -> dict[str, Any] | None:
    text = store.read(store.status_file)
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _name_at(document: Document, cwd: Path) -> str | None:
    place = f"{shown(os.path.realpath(cwd))}/"
    places = {w["name"]: {w["path"], os.path.realpath(w["path"])} for w in document["worktrees"]}
    inside = [(len(path), name) for name, paths in places.items() for path in paths if place.startswith(f"{path}/")]
    return max(inside)[1] if inside else None


def _wait_for(store: Store, enough: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        document = _published(store)
        if document and enough(document):
            return document
        time.sleep(_POLL)
    raise RouterError("the watcher does not answer", hint=f"see {store.watcher_log}")


def _send(owner: RunningWatcher, number: int) -> None:
    try:
        os.kill(owner.pid, number)
    except OSError as exc:
        raise RouterError(f"the watcher (pid {owner.pid}) cannot be reached: {exc.strerror}", hint="") from exc
