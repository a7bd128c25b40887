"""Other programs: run one and read its answer, or start one that stays."""

import contextlib
import functools
import os
import signal as signals
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from router import ps
from router.errors import CommandError, RouterError, SlowProgramError
from router.values import dataclass

Child = subprocess.Popen[bytes]
"""A program that was started here."""
_PATIENCE = 5.0  # seconds for a program to end when it is asked to


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program said."""

    code: int
    out: bytes
    err: str


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
        with os.fdopen(descriptor, "wb") as out, _later() as deliver:
            process = subprocess.Popen(
                args, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                preexec_fn=deliver,  # noqa: PLW1509 - one system call, which takes no lock
            )  # fmt: skip
            try:
                deliver()
                return process.wait()
            except BaseException:
                _end_group(process)
                raise
    except OSError as exc:
        hint = "check that it is installed and on PATH, and that it may be executed"
        raise RouterError(f"{args[0]} cannot be run: {exc.strerror}", hint=hint) from exc


@contextlib.contextmanager
def _later() -> Iterator[Callable[[], object]]:
    """Hold the signals that end a command back in a block, until it calls what this yields.

    One that came between a program's start and the wait for it would leave the program behind. The program itself
    inherits what is held back: it has to call it, too.
    """
    before = signals.pthread_sigmask(signals.SIG_BLOCK, (signals.SIGINT, signals.SIGTERM, signals.SIGHUP))
    deliver = functools.partial(signals.pthread_sigmask, signals.SIG_SETMASK, before)
    try:
        yield deliver
    finally:
        deliver()


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


def start_to_stay(args: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> ps.ProcessId:
    """Start a program as `start` does, which goes on when this one has ended; while this one runs, no zombie is left.

    RouterError where it cannot be started, or ends at once.
    """
    child = start(args, env=env, cwd=cwd, log=log)
    process = ps.identify(child.pid)
    threading.Thread(target=child.wait, daemon=True, name="reaper").start()
    if process is None:
        raise RouterError(f"{args[0]} ended at once", hint=f"see {log}")
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
