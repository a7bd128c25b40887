"""The watcher's log, and the lines of all logs for `router logs`."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from router.store import Store
from router.values import dataclass

_LARGEST, _KEPT = 1_000_000, 2  # bytes of the watcher's log, and how many older ones are kept
_POLL = 0.3  # seconds


def log_to(path: Path, *, rolls: bool = True) -> None:
    """Add the router's log to a file, rolled over at 1 MB where it `rolls`; what cannot be written is left out."""
    import logging  # few commands log
    from logging.handlers import RotatingFileHandler

    logging.raiseExceptions = False  # a full disk must not fill the terminal as well
    rolling = RotatingFileHandler(path, maxBytes=_LARGEST if rolls else 0, backupCount=_KEPT, delay=True)
    rolling.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("router")
    root.addHandler(rolling)
    root.setLevel(logging.INFO)


def log_lines(store: Store, *, follow: bool, pause: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """Yield the lines of the watcher's and of Caddy's logs, each with its origin in front; with `follow` for ever.

    `pause` waits so many seconds for the next ones; what it raises ends that.
    """
    files = {"watcher": store.watcher_log, "caddy": store.caddy_log, "access": store.access_log}
    return lines(files, follow=follow, pause=pause)


def lines(
    files: Mapping[str, Path], *, follow: bool, older: bool = False, pause: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """Yield the lines of some files with their names in front, as `log_lines` does; with `older` of rolled ones too."""
    read = {name: _Place() for name in files}
    for name, path in files.items() if older else ():
        yield from (f"{name}: {line}" for line in _from(_rolled(path), 0)[0].splitlines())
    while True:
        for name, path in files.items():
            text, read[name] = _next(path, read[name])
            yield from (f"{name}: {line}" for line in text.splitlines())
        if not follow:
            return
        pause(_POLL)


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a file has been read, and which file that was (its inode, None before there was one)."""

    inode: int | None = None
    position: int = 0


def _next(path: Path, last: _Place) -> tuple[str, _Place]:
    """Return what is new in a log: of one that was rolled meanwhile its rest, and all of the new one."""
    rest, inode = "", _inode(path)
    if last.inode is not None and inode != last.inode:
        rest = _from(_rolled(path), last.position)[0] if _inode(_rolled(path)) == last.inode else ""
        last = _Place()
    text, position = _from(path, last.position)
    return rest + text, _Place(inode, position)


def _rolled(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _from(path: Path, position: int) -> tuple[str, int]:
    """Return the whole lines of a log after a position, and the position behind them; all of one that is shorter."""
    try:
        with path.open("rb") as file:
            file.seek(position if path.stat().st_size >= position else 0)
            start, data = file.tell(), file.read()
    except OSError:
        return "", 0
    whole = data[: data.rfind(b"\n") + 1]
    return whole.decode(errors="replace"), start + len(whole)
