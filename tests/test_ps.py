"""Processes: known again, and ended."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from router import ps
from router.ps import ProcessId

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)
# Its first thread ends, and the system calls it a zombie; another one goes on.
HEADLESS = """
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
print('ready', flush=True)
ctypes.CDLL(None).syscall({'x86_64': 60, 'aarch64': 93}[platform.machine()], 0)
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def identity(pid: int) -> ProcessId:
    found = ps.identify(pid)
    assert found
    return found


def test_a_running_process_is_known_again(sleeper: subprocess.Popen[bytes]) -> None:
    assert ps.alive(identity(sleeper.pid))
    assert not ps.alive(ProcessId(sleeper.pid, 1, identity(sleeper.pid).boot))


def test_a_process_that_ended_is_dead_though_nobody_has_waited_for_it(sleeper: subprocess.Popen[bytes]) -> None:
    known = identity(sleeper.pid)
    sleeper.kill()
    deadline = time.monotonic() + 60
    while ps.alive(known) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not ps.alive(known)
    assert ps.identify(sleeper.pid) is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process ends with its first thread")
def test_a_process_is_there_until_its_last_thread_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", HEADLESS], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        try:
            deadline = time.monotonic() + 60
            while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
                time.sleep(0.01)
            assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
            assert ps.end(identity(process.pid), [(signal.SIGKILL, 60.0)])
            assert ps.identify(process.pid) is None
        finally:
            process.kill()


def test_a_pid_that_was_given_out_again_gets_no_signal(sleeper: subprocess.Popen[bytes]) -> None:
    assert not ps.signal(ProcessId(sleeper.pid, 1, identity(sleeper.pid).boot), signal.SIGKILL)
    assert ps.end(ProcessId(sleeper.pid, 1, identity(sleeper.pid).boot), [(signal.SIGKILL, 1.0)])
    assert sleeper.poll() is None


def test_a_number_that_no_process_has_is_nobodys() -> None:
    assert [ps.identify(number) for number in (-1, 0, 2**31, 2**70)] == [None] * 4


def test_one_signal_is_enough_for_a_willing_process(sleeper: subprocess.Popen[bytes]) -> None:
    assert ps.end(identity(sleeper.pid), [(signal.SIGTERM, 60.0), (signal.SIGKILL, 60.0)])
    assert sleeper.wait(60) == -signal.SIGTERM


def test_a_stubborn_process_gets_the_next_signal() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        known = identity(process.pid)
        assert not ps.end(known, [(signal.SIGTERM, 0.1)])
        assert ps.end(known, [(signal.SIGTERM, 0.1), (signal.SIGKILL, 60.0)])


def test_the_end_of_a_process_that_is_gone_is_no_work() -> None:
    assert ps.end(ProcessId(2**22 + 1, 1, ""), [(signal.SIGKILL, 5.0)])
