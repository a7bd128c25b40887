"""What the soak breaks around the router: lost files, stopped processes, full disks, clocks, FIFOs, links, races.

Each fault is a context: it is there for as long as its block runs. As root, in a mount namespace of its own, the state
directory is a small file system that can be filled, and /proc/stat a file whose boot time can be moved.
"""

import contextlib
import ctypes
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.soak_model import Tree
from tests.e2e.routers import Router

LOST = ("caddy.json", "memory.json", "site/status.json", "site/heartbeat", "site/services", "Caddyfile")
SIZE = "24m"  # of the state directory's file system
_CLONE_NEWNS = 0x20000
Fault = Callable[[], AbstractContextManager[None]]


class Faults:
    """What can be broken for one router; every choice is `rng`'s. `tree` gives a worktree that is left alone else."""

    def __init__(self, router: Router, rng: random.Random, tree: Callable[[], Tree], *, private: Path | None) -> None:
        self._router = router
        self._rng = rng
        self._tree = tree
        self._stat = private
        everywhere: dict[str, Fault] = {
            "lost file": self._lost_file, "stopped Caddy": self._stopped_caddy, "FIFO in git's files": self._fifo,
            "NULs in git's files": self._nulls, "several ups at once": self._ups,
        }  # fmt: skip
        alone: dict[str, Fault] = {"full disk": self._full_disk, "step of the clock": self._clock}
        self._all = {**everywhere, **(alone if private else {})}

    def any(self) -> tuple[str, AbstractContextManager[None]]:
        """Return a fault with its name."""
        name = self._rng.choice(sorted(self._all))
        return name, self._all[name]()

    @contextmanager
    def _lost_file(self) -> Iterator[None]:
        path = self._router.state / self._rng.choice(LOST)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        yield

    @contextmanager
    def _stopped_caddy(self) -> Iterator[None]:
        os.kill(self._router.caddy_pid, signal.SIGSTOP)
        yield

    @contextmanager
    def _fifo(self) -> Iterator[None]:
        directory = self._admin(self._tree()) / "rebase-merge"
        directory.mkdir()
        os.mkfifo(directory / "head-name")
        try:
            yield
        finally:
            shutil.rmtree(directory)

    @contextmanager
    def _nulls(self) -> Iterator[None]:
        file = self._admin(self._tree()) / "gitdir"
        text = file.read_bytes()
        file.write_bytes(b"\0\0\0")
        try:
            yield
        finally:
            file.write_bytes(text)

    @contextmanager
    def _ups(self) -> Iterator[None]:
        with ThreadPoolExecutor(4) as several:
            said = list(several.map(lambda _: self._router.run("up", "--detach"), range(4)))
        assert not any(each.code for each in said), said
        yield

    @contextmanager
    def _full_disk(self) -> Iterator[None]:
        ballast = self._router.state / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 65536)
        try:
            yield
        finally:
            ballast.unlink()

    @contextmanager
    def _clock(self) -> Iterator[None]:
        assert self._stat
        lines = self._stat.read_text().splitlines()
        step = self._rng.choice((-3600, -1, 1, 3600))
        moved = [f"btime {int(line.split()[1]) + step}" if line.startswith("btime") else line for line in lines]
        with self._stat.open("r+") as file:  # in place: what is mounted is this very file
            file.write("\n".join(moved) + "\n")
            file.truncate()
        yield

    def _admin(self, tree: Tree) -> Path:
        text = (tree.path / ".git").read_text()
        return Path(text.removeprefix("gitdir: ").strip())


def private(directory: Path, state: Path) -> Path | None:
    """Give this process and its children mounts of their own; return the file in /proc/stat's place.

    None where that cannot be (not root, not Linux): then the faults that need it are left out.
    """
    if os.getuid() or not Path("/proc/stat").exists() or not shutil.which("mount"):
        return None
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS):
        return None
    stat = directory / "stat"
    stat.write_text(Path("/proc/stat").read_text())
    state.mkdir(mode=0o700)
    try:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True, capture_output=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", state], check=True)
        subprocess.run(["mount", "--bind", stat, "/proc/stat"], check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return stat


def settled(look: Callable[[], bool], seconds: float) -> float | None:
    """Return after how many seconds everything was as it is to be, None where it was not in time."""
    began = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        if look():
            return now - began
        time.sleep(0.1)
    return None
