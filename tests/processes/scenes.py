"""Made-up processes for what only decides, and real ones for what looks and ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from router import ps
from router.processes.belonging import ProcessMap, WorktreeRoot
from router.processes.look import Process
from router.processes.roles import Role
from router.ps import ProcessId

Seen = TypeVar("Seen")
ME = 1000
HERE = WorktreeRoot("/w/here")
_OPEN = "import socket; s = socket.create_server(('127.0.0.1', 0))\n"
_TELL = "print(s.getsockname()[1], flush=True)\n"
LISTEN = _OPEN + _TELL
WAIT = "import time; time.sleep(600)\n"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


def process(pid: int, parent: int = 1, *, group: int = 0, session: int = 0, uid: int = ME, cwd: str = HERE.root,
            removed: str = "", role: Role | None = None, program: str = "node", ticks: int = 1) -> Process:  # fmt: skip
    """Return a process that leads its own group and session, unless others are given."""
    identity = ProcessId(pid, ticks, "boot")
    return Process(identity, parent, group or pid, session or group or pid, uid, cwd, removed, program, role, 0.0)


def scene_at(*processes: Process, place: WorktreeRoot = HERE) -> ProcessMap:
    """Return a mapped in which a process belongs to a place if it works in its root."""
    return ProcessMap(processes, {each.pid: place for each in processes if each.cwd == place.root})


def wait_until(look: Callable[[], Seen], *, what: str = "", limit: float = 60.0) -> Seen:
    """Return the first true value that `look` gives."""
    deadline = time.monotonic() + limit
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {limit} s: {what or seen}"
        time.sleep(0.02)
    return seen


@dataclass
class Started:
    """Real processes of a test: what they print first is read, and all of them are ended after it, by their ids."""

    _ids: list[ProcessId] = field(default_factory=list)
    _pipes: list["subprocess.Popen[str]"] = field(default_factory=list)

    def run(self, cwd: Path, *command: str, user: int | None = None) -> "subprocess.Popen[str]":
        """Start a command in a session of its own, its input open."""
        child = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            start_new_session=True, user=user, extra_groups=[] if user else None,
        )  # fmt: skip
        self._pipes.append(child)
        self.knows(child.pid)
        return child

    def server(self, cwd: Path, code: str = "", *, name: str = "", user: int | None = None) -> tuple[int, int]:
        """Start a server that has run `code`, under a name of its own where one is given; return its pid and port."""
        python = named(cwd.parent, name) if name else sys.executable
        child = self.run(cwd, python, "-S", "-c", _OPEN + code + _TELL + WAIT, user=user)
        return child.pid, int(first_line(child))

    def idle(self, cwd: Path, *, name: str = "", code: str = "") -> int:
        """Start a process that only has its directory there; return its pid."""
        python = named(cwd.parent, name) if name else sys.executable
        child = self.run(cwd, python, "-S", "-c", f"{code}print('ready', flush=True)\n{WAIT}")
        assert first_line(child) == "ready"
        return child.pid

    def shell(self, cwd: Path) -> int:
        """Start a shell that waits for commands; return its pid."""
        child = self.run(cwd, "bash", "--noprofile", "--norc")
        assert child.stdin
        child.stdin.write("echo ready\n")
        child.stdin.flush()
        assert first_line(child) == "ready"
        return child.pid

    def pids(self, cwd: Path, command: Sequence[str], count: int) -> list[int]:
        """Start what prints that many numbers, pids and ports, on its first line; return them."""
        numbers = [int(word) for word in first_line(self.run(cwd, *command)).split()]
        assert len(numbers) == count, numbers
        return numbers

    def knows(self, *pids: int) -> None:
        """End these processes after the test too."""
        self._ids += [found for pid in pids if (found := ps.identify(pid))]

    def end(self) -> None:
        """End what is left."""
        for identity in reversed(self._ids):
            ps.signal(identity, signal.SIGKILL)
        for child in self._pipes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.communicate(timeout=60)


def first_line(child: "subprocess.Popen[str]") -> str:
    """Return the first line that a process prints."""
    assert child.stdout
    return child.stdout.readline().strip()


def named(folder: Path, name: str) -> str:
    """Return Python under another name: the kernel calls a process as its file is called."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.symlink_to(os.path.realpath(sys.executable))
    return str(path)


def git(place: Path, *arguments: str) -> None:
    """Run git there."""
    subprocess.run(["git", *arguments], cwd=place, check=True, capture_output=True)


def gone(*pids: int) -> bool:
    """Tell whether none of these processes runs any more."""
    return not any(ps.identify(pid) for pid in pids)


@contextlib.contextmanager
def started() -> Iterator[Started]:
    """Give what starts processes, and end them all."""
    made = Started()
    try:
        yield made
    finally:
        made.end()
