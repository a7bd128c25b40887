"""Other programs: run one and read its answer, start one that stays, know it again, end it.

psutil is imported where it is used: `url` and `status` start without it.
"""

import contextlib
import os
import signal as signals
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from router.errors import RouterError


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program said."""

    code: int
    out: bytes
    err: str


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for as long as it lives: pids are stdin out again, a pid with its start time is not."""

    pid: int
    created: float


def run(args: Sequence[str], *, env: Mapping[str, str], timeout: float = 30.0) -> Completed:
    """Run a program to its end, without input. RouterError where it cannot run or takes longer than `timeout`."""
    try:
        done = subprocess.run(
            args, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except FileNotFoundError as exc:
        raise RouterError(f"{args[0]} is not installed", hint=f"install {args[0]} and try again") from exc
    except subprocess.TimeoutExpired as exc:
        raise RouterError(f"{args[0]} did not answer within {timeout:.0f} s", hint="try again") from exc
    except OSError as exc:
        raise RouterError(f"{args[0]} cannot be run: {exc.strerror}", hint="") from exc
    return Completed(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())


def run_group(args: Sequence[str], *, env: Mapping[str, str], timeout: float, stdin: bytes = b"") -> Completed:
    """Run a program that starts others, in a session of its own; what ends the wait for it ends them all.

    `stdin` is its input. An interrupt (KeyboardInterrupt) goes on its way when none of them writes any more.
    RouterError where it cannot run or takes longer than `timeout` seconds.
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
                raise RouterError(f"{args[0]} did not end within {timeout:.0f} s", hint="try again") from exc
            raise
    return Completed(process.returncode, out, err.decode(errors="replace").strip())


def start(
    args: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    input: bytes = b"",  # noqa: A002 - the name subprocess uses
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
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


def _end_group(process: subprocess.Popen[bytes], patience: float = 5.0) -> None:
    """End a program and all that it started; git clears away what it has half made when it is asked to end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signals.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        os.killpg(process.pid, signals.SIGKILL)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(0.01)


def identify(pid: int) -> ProcessId | None:
    """Return the identity of a running process, None where there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else ProcessId(pid, process.create_time())
    except (psutil.Error, ValueError):  # ValueError: a number below zero, of a spoiled record
        return None


def alive(process: ProcessId) -> bool:
    """Tell whether that very process still runs."""
    now = identify(process.pid)
    return now is not None and abs(now.created - process.created) < 1


def signal(process: ProcessId, number: int) -> bool:
    """Send a signal to that very process; False where it has ended."""
    if not alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def end(process: ProcessId, signals: Sequence[tuple[int, float]]) -> bool:
    """End a process with one signal after the other, each followed by its time in seconds; False where it lives on."""
    for number, patience in signals:
        if not signal(process, number):
            return True
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not alive(process):
                return True
            time.sleep(0.01)
    return not alive(process)
