"""Which process it is: recognised for as long as it lives, looked at, signalled, ended."""

import contextlib
import functools
import os
import signal as signals
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from router.values import dataclass

_NO_PID = 1 << 31  # a pid is a C int
_LONGEST = 4096  # bytes of /proc/PID/stat: 52 numbers and a name of 15 characters
CONTINUE = signals.SIGCONT
"""The signal that lets a stopped process go on."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for as long as it lives: a pid is reused, a pid with its start time and boot is not.

    `ticks` is the start time as the kernel counts it from the boot, which no change of the clock moves (proc(5),
    /proc/pid/stat, field 22). `boot` names that boot; both stay the same through suspend and resume.
    """

    pid: int
    ticks: int
    boot: str


def identify(pid: int) -> ProcessId | None:
    """Return the identity of a running process; None where there is none, or only a zombie."""
    if not 0 < pid < _NO_PID:
        return None
    ticks = _ticks_on_linux(pid) if sys.platform == "linux" else _ticks_elsewhere(pid)
    return None if ticks is None else ProcessId(pid, ticks, _boot())


def alive(process: ProcessId) -> bool:
    """Tell whether that very process still runs."""
    return identify(process.pid) == process


def stopped(process: ProcessId) -> bool:
    """Tell whether that very process runs but is stopped (SIGSTOP, a debugger): it does nothing until continued."""
    if sys.platform == "linux":
        stat = _stat(process.pid)
        return stat is not None and stat[0] in {"T", "t"} and alive(process)
    if not alive(process):
        return False
    import psutil

    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    return False


def runnable(pid: int) -> bool:
    """Tell whether any thread of a process runs, waits for the processor or for a disk: it is slow then, not stuck."""
    if sys.platform == "linux":
        states = (_stat(f"{pid}/task/{thread.name}") for thread in Path(f"/proc/{pid}/task").glob("[0-9]*"))
        return any(stat is not None and stat[0] in {"R", "D"} for stat in states)
    import psutil

    with contextlib.suppress(psutil.Error, ValueError):
        return psutil.Process(pid).status() in {psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP}
    return False


def age(pid: int) -> float:
    """Return for how many seconds a process has run, 0.0 where it cannot be seen."""
    if sys.platform == "linux":
        ticks = _ticks_on_linux(pid)
        return 0.0 if ticks is None else time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    import psutil

    with contextlib.suppress(psutil.Error, ValueError):
        return time.time() - float(psutil.Process(pid).create_time())
    return 0.0


def cpu_time(pid: int) -> float:
    """Return the processor time that a process has used, a sign of life: seconds, 0.0 where it cannot be seen."""
    if sys.platform == "linux":
        stat = _stat(pid)
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK") if stat else 0.0
    import psutil

    with contextlib.suppress(psutil.Error, ValueError):
        used = psutil.Process(pid).cpu_times()
        return float(used.user + used.system)
    return 0.0


def session(leader: int) -> tuple[int, ...]:
    """Return the pids of the processes in the session that a process leads, or led."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == leader:
                found.append(pid)
    return tuple(found)


def _pids() -> Sequence[int]:
    if sys.platform == "linux":
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - names are enough
    import psutil

    return list(psutil.pids())


def with_environment(program: str, variable: str, value: str) -> tuple[ProcessId, ...]:
    """Return this user's processes of that name that were started with a variable of this value."""
    import psutil

    found = []
    for process in psutil.process_iter(["name", "uids"]):
        name, uids = process.info["name"], process.info["uids"]
        if name != program or uids is None or uids.real != os.getuid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(variable) == value and (identity := identify(process.pid)):
                found.append(identity)
    return tuple(found)


def in_directory(program: str, directory: Path) -> tuple[ProcessId, ...]:
    """Return the processes of that name whose working directory this is, as far as they can be seen."""
    import psutil

    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != program:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd() == str(directory) and (identity := identify(process.pid)):
                found.append(identity)
    return tuple(found)


def family(process: ProcessId) -> tuple[int, ...]:
    """Return the pids of a process and of all that it started and that started these, none where it has ended."""
    import psutil

    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except (psutil.Error, ValueError):
        return ()
    return (process.pid, *(each.pid for each in children)) if alive(process) else ()


def signal(process: ProcessId, number: int) -> bool:
    """Send a signal to that very process; False where it has ended."""
    if not hasattr(signals, "pidfd_send_signal"):
        return alive(process) and _sent(lambda: os.kill(process.pid, number))
    try:
        handle = os.pidfd_open(process.pid)
    except (OSError, ValueError):
        return False
    try:  # the handle is of one process, whoever has the pid by the time the signal is sent
        return alive(process) and _sent(lambda: signals.pidfd_send_signal(handle, number))
    finally:
        os.close(handle)


def end(process: ProcessId, signals: Sequence[tuple[int, float]]) -> bool:
    """End a process with one signal after the other, each followed by its time in seconds; False where it lives on.

    A stopped process is continued, so that it can act on the signal.
    """
    for number, patience in signals:
        if not signal(process, number):
            return True
        if stopped(process):
            signal(process, CONTINUE)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not alive(process):
                return True
            time.sleep(0.01)
    return not alive(process)


def _sent(send: Callable[[], None]) -> bool:
    try:
        send()
    except ProcessLookupError:
        return False
    return True


def _stat(pid: int | str) -> list[str] | None:
    """Return the fields of the stat of a process, or of a thread (`PID/task/TID`), from the third on.

    What stands before these may hold anything but the last `)`.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - the watcher does so at each look
            return file.read(_LONGEST).rpartition(b")")[2].decode().split()
    except OSError:
        return None


def _ticks_on_linux(pid: int) -> int | None:
    """Return when a process started, None once its last thread has ended: that one closes its sockets and locks."""
    stat = _stat(pid)
    if stat is None or stat[0] == "X" or (stat[0] == "Z" and int(stat[17]) <= 1):
        return None
    return int(stat[19])


def _ticks_elsewhere(pid: int) -> int | None:
    """Return the start time in microseconds as the kernel wrote it down then: macOS does not move it with the clock."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else round(process.create_time() * 1_000_000)
    except psutil.Error:
        return None


@functools.cache
def _boot() -> str:
    """Return the name of this boot, empty where the system has none (macOS: its start times are of no single boot)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
