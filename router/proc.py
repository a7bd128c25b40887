"""Other programs: run one and read its answer, start one that stays, recognise it later, end it."""

import contextlib
import functools
import os
import signal as signals
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from router.errors import CommandError, RouterError, SlowProgramError

Child = subprocess.Popen[bytes]
"""A program that was started here."""
_PATIENCE = 5.0  # seconds for a program to end when it is asked to
_NO_PID = 1 << 31  # a pid is a C int
CONTINUE = signals.SIGCONT
"""The signal that lets a stopped process go on."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program said."""

    code: int
    out: bytes
    err: str


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for as long as it lives: a pid is reused, a pid with its start time and boot is not.

    `ticks` is the start time as the kernel counts it from the boot, which no change of the clock moves (proc(5),
    /proc/pid/stat, field 22). `boot` names that boot; both stay the same through suspend and resume.
    """

    pid: int
    ticks: int
    boot: str


def run(args: Sequence[str], *, env: Mapping[str, str], timeout: float = 30.0, memory: int | None = None) -> Completed:
    """Run a program to its end, without input; return what it said.

    `memory` is how many bytes of its own it may have (Linux). RouterError where it cannot run, SlowProgramError where
    it takes longer than `timeout` seconds.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(args, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
    except FileNotFoundError as exc:
        raise RouterError(f"{args[0]} is not installed", hint=f"install {args[0]} and try again") from exc
    except OSError as exc:
        raise RouterError(f"{args[0]} cannot be run: {exc.strerror}", hint="") from exc
    with process:
        _limit(process, memory)
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException as exc:
            process.kill()
            if isinstance(exc, subprocess.TimeoutExpired):
                raise SlowProgramError(f"{args[0]} did not answer within {timeout:.0f} s", hint="try again") from exc
            raise
    return Completed(process.returncode, out, err.decode(errors="replace").strip())


def run_group(args: Sequence[str], *, env: Mapping[str, str], timeout: float, stdin: bytes = b"") -> Completed:
    """Run a program that starts others, in a session of its own; what ends the wait for it ends them all.

    `stdin` is its input. An interrupt (KeyboardInterrupt) goes on its way when none of them writes any more.
    RouterError where it cannot run, SlowProgramError where it takes longer than `timeout` seconds.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(args, env=env, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except OSError as exc:
        raise RouterError(f"{args[0]} cannot be run: {exc.strerror}", hint=f"install {args[0]} and try again") from exc
    with process:
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except BaseException as exc:
            _end_group(process)
            if isinstance(exc, subprocess.TimeoutExpired):
                raise SlowProgramError(f"{args[0]} did not end within {timeout:.0f} s", hint="try again") from exc
            raise
    return Completed(process.returncode, out, err.decode(errors="replace").strip())


def run_logged(args: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> int:
    """Run a program to its end, without input, its output into a private file; return its exit code.

    It has a session of its own: what ends the wait for it ends it and all that it started there. What it leaves running
    by itself is not waited for. The code is negative where a signal ended it. RouterError where it cannot run.
    """
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            process = subprocess.Popen(
                args, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
    except OSError as exc:
        hint = "check that it is installed and on PATH, and that it may be executed"
        raise RouterError(f"{args[0]} cannot be run: {exc.strerror}", hint=hint) from exc
    try:
        return process.wait()
    except BaseException:
        _end_group(process)
        raise


def run_in_foreground(args: Sequence[str], *, env: Mapping[str, str]) -> int:
    """Run a program to its end with this one's input and output, and pass on the signals that would end this one.

    Return its exit code, 128 and the signal's number where one ended it. RouterError where it cannot run.
    """
    try:
        process = subprocess.Popen(args, env=env)
    except FileNotFoundError as exc:
        raise CommandError(
            f"{args[0]} is not found", hint="check that it is installed and on PATH", found=False
        ) from exc
    except OSError as exc:
        hint = "check that it is an executable file"
        raise CommandError(f"{args[0]} cannot be run: {exc.strerror}", hint=hint, found=True) from exc
    passed = (signals.SIGTERM, signals.SIGHUP, signals.SIGQUIT)
    before = {number: signals.signal(number, lambda number, _: process.send_signal(number)) for number in passed}
    before[signals.SIGINT] = signals.signal(signals.SIGINT, signals.SIG_IGN)  # the terminal sends it to both
    try:
        code = process.wait()
    finally:
        for number, action in before.items():
            signals.signal(number, action)
    return code if code >= 0 else 128 - code


def start(
    args: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    input: bytes = b"",  # noqa: A002 - the name subprocess uses
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a program in a session of its own, so that Ctrl-C and the terminal's end are not for it.

    Its output is appended to `log`. RouterError where it cannot be started.
    """
    try:
        with log.open("ab") as out:
            process = subprocess.Popen(
                args, env=env, cwd=cwd, stdin=subprocess.PIPE, stdout=out, stderr=out,
                pass_fds=pass_fds, start_new_session=True,
            )  # fmt: skip
    except OSError as exc:
        raise RouterError(f"{args[0]} cannot be started: {exc.strerror}", hint="reinstall worktree-router") from exc
    assert process.stdin is not None  # noqa: S101 - asked for above
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:  # it may have ended by now
        pipe.write(input)
    return process


def _limit(process: subprocess.Popen[bytes], memory: int | None) -> None:
    """Bound what a program allocates; a file that is mapped does not count."""
    if memory is not None and sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError):  # it has ended
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (memory, memory))


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started; git clears away what it has half made when it is asked to end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signals.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
        os.killpg(process.pid, signals.SIGKILL)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(0.01)


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
    if not alive(process):
        return False
    if sys.platform == "linux":
        stat = _stat(process.pid)
        return stat is not None and stat[0] in {"T", "t"}
    import psutil

    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    return False


def runnable(pid: int) -> bool:
    """Tell whether a process runs, waits for the processor or for a disk: it is slow then, not stuck."""
    if sys.platform == "linux":
        stat = _stat(pid)
        return stat is not None and stat[0] in {"R", "D"}
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


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/pid/stat from the third on: what stands before may hold anything but the last `)`."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _ticks_on_linux(pid: int) -> int | None:
    stat = _stat(pid)
    return None if stat is None or stat[0] in {"Z", "X"} else int(stat[19])


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
