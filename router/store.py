"""The state directory: what is remembered, who is the watcher, what was last loaded and shown."""

import contextlib
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from router import files, from_json, memory_text, places, published
from router.errors import FileError, StoreError
from router.remembered import Memory, without_waits
from router.values import asdict, dataclass, replace

_LOCK_TRIES = 10
_POLL = 0.01  # seconds
_PATIENCE = 10.0  # seconds to wait for whoever changes the memory


@dataclass(frozen=True, slots=True)
class RunningWatcher:
    """The watcher that holds the lock: its process and what it was started with."""

    pid: int
    since: str
    version: str
    port: int
    mode: str


class Store:
    """The state directory, opened; every file in it is written beside and renamed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.site = directory / "site"
        self.logs = directory / "logs"
        self.watcher_log = self.logs / "watcher.log"
        self.caddy_log = self.logs / "caddy.log"
        self.access_log = self.logs / "access.log"
        self.caddyfile = directory / "Caddyfile"
        self.status_file = self.site / "status.json"
        self.heartbeat = self.site / "heartbeat"
        self.memory_file = directory / "memory.json"
        self._lock = directory / "watcher.lock"

    def prepare(self) -> None:
        """Make the directory, mode 0700. StoreError where it cannot be made or is not the user's own."""
        self._make_private(self.directory)
        self._make_private(self.site)
        self._make_private(self.logs)

    def prepare_socket(self) -> None:
        """Make the directory of the admin socket, private like the state directory. StoreError where it is not."""
        self._make_private(self.socket.parent)

    def prepare_run(self) -> None:
        """Make the directory that a container is given, with one for each way to run it. StoreError where it is not."""
        for directory in (self.run, self.run / "bridge", self.run / "host"):
            self._make_private(directory)

    @property
    def socket(self) -> Path:
        """Where Caddy's admin socket is: in the state directory, in a private one in /tmp where that is too long."""
        return places.short(self.directory, state=self.directory) / "caddy.sock"

    @property
    def asked(self) -> Path:
        """Where the watcher answers commands: beside the admin socket."""
        return places.asked_socket(self.directory)

    @property
    def run(self) -> Path:
        """What a container with Caddy may write to: its admin socket `caddy.sock` and its saved configuration."""
        return places.short(self.directory / "run", state=self.directory)

    def memory(self) -> Memory:
        """Return what is remembered; nothing, where nothing can be read."""
        return self.remembered() or Memory()

    def remembered(self) -> Memory | None:
        """Return what is remembered, None where there is none, or another version's, or nothing that can be read."""
        return memory_text.read(self.read(self.memory_file) or "")

    def remember(self, memory: Memory) -> None:
        """Write what is remembered; a power loss leaves this or what was remembered before."""
        self.write(self.memory_file, memory_text.written(memory), durable=True)

    @contextlib.contextmanager
    def changing(self) -> Iterator[Memory]:
        """Give the memory to a block that alone may change it: watchers and commands wait for each other here.

        What another version or a crash left unreadable is set aside as `memory.json.old`.
        """
        with self.locked("memory.lock"):
            memory = self.remembered()
            if memory is None:
                with contextlib.suppress(OSError):
                    self.memory_file.replace(self.memory_file.with_suffix(".json.old"))
            yield memory or Memory()

    def start_serving(self, commons: Iterable[Path]) -> bool:
        """Serve these repositories too, and tell whether any is new; those of a watcher that was killed stay.

        Their worktrees wait no longer for names that are free.
        """
        names = tuple(dict.fromkeys(map(str, commons)))
        with self.changing() as memory:
            repositories = tuple(dict.fromkeys((*memory.repositories, *names)))
            wanted = replace(without_waits(memory, names), repositories=repositories)
            if wanted != memory:
                self.remember(wanted)
        return wanted.repositories != memory.repositories

    def stop_serving(self, *commons: str) -> None:
        """Serve these repositories no more, all where none are named; what they were given is still remembered."""
        with self.changing() as memory:
            left = tuple(path for path in memory.repositories if commons and path not in commons)
            self.remember(replace(memory, repositories=left))

    def write(self, path: Path, text: str, *, durable: bool = False) -> None:
        """Replace a file's text as one step, so that a reader sees the old or the new. StoreError says why not.

        With `durable` a power loss leaves the one or the other too.
        """
        try:
            files.make_private_directory(path.parent)
            files.replace(path, text, durable=durable)
        except FileError as exc:
            raise self._failed("be written", exc.reason) from exc

    def write_if_new(self, path: Path, text: str, *, mark: str) -> None:
        """Write a file's text where it is another than the one there; a file that lacks the mark is left alone."""
        there = self.read(path)
        if there != text and (not there or there.startswith(mark)):
            self.write(path, text)

    def read(self, path: Path) -> str | None:
        """Return a file's text, None where there is none that can be read."""
        try:
            content = files.read_bounded(path, limit=published.LARGEST)
        except FileError:
            return None
        return None if content is None else content.decode("utf-8", "surrogateescape")

    def take_lock(self, owner: RunningWatcher) -> int | None:
        """Become the watcher: return the descriptor that holds the lock until it is closed, None where one runs."""
        descriptor = self._opened(self._lock)
        for _ in range(_LOCK_TRIES):  # a reader in running_watcher() holds it, most for an instant
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.02)
        else:
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(owner)).encode(), 0)
        return descriptor

    def holds(self, lock: int) -> bool:
        """Tell whether a lock that `take_lock` gave is still that of this directory: not where somebody removed it."""
        try:
            return os.path.samestat(os.fstat(lock), self._lock.stat())
        except OSError:
            return False

    def running_watcher(self) -> RunningWatcher | None:
        """Return the running watcher, None where none holds the lock."""
        with self.no_watcher_begins() as running:
            return running

    @contextlib.contextmanager
    def no_watcher_begins(self) -> Iterator[RunningWatcher | None]:
        """Let no watcher begin during a block, which is given the one that runs already, None where none does."""
        try:
            descriptor = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            yield None
            return
        try:
            yield _holder(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold a lock for as long as the block takes. StoreError where another router keeps it."""
        descriptor = self._opened(self.directory / name)
        try:
            self._wait_for(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, lock: int) -> None:
        if not files.take_lock(lock, patience=_PATIENCE):
            raise StoreError(
                f"another router has been changing {self.directory} for {_PATIENCE:.0f} s",
                hint="it may be stopped: see `router status`; `router down` ends it",
            )

    def _opened(self, lock: Path) -> int:
        try:
            return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise self._failed("be written", exc.strerror or str(exc)) from exc

    def _make_private(self, directory: Path) -> None:
        try:
            files.make_private_directory(directory)
            check_private(directory)
        except (FileError, OSError) as exc:
            reason = exc.reason if isinstance(exc, FileError) else exc.strerror or exc
            raise StoreError(
                f"{directory} cannot be used: {reason}",
                hint="fix its permissions or remove it, or choose another state directory with ROUTER_STATE_DIR",
            ) from exc

    def _failed(self, what: str, reason: str) -> StoreError:
        return StoreError(
            f"the state directory {self.directory} cannot {what}: {reason}",
            hint="make room or fix its permissions, or choose another with ROUTER_STATE_DIR",
        )


def check_private(directory: Path) -> None:
    """Raise StoreError where a directory is a link, somebody else's, or open to others (it is closed to them then)."""
    found = directory.lstat()
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise StoreError(
            f"{directory} is not a directory of your own",
            hint="remove it, or choose another state directory with ROUTER_STATE_DIR",
        )
    if found.st_mode & 0o077:
        directory.chmod(0o700)


def _holder(descriptor: int) -> RunningWatcher | None:
    """Share a lock until its descriptor is closed; where a watcher has it for itself, return that."""
    try:
        owner = from_json.build(RunningWatcher, published.holder(descriptor))
    except ValueError:
        return None
    return owner if owner.pid > 0 else None  # of all numbers, those below stand for many processes
