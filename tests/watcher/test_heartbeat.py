"""What the age of the watcher's heartbeat means, with real processes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from router import ps
from router.published import LIMIT
from router.store import RunningWatcher
from router.watcher import heartbeat

READY = "print('ready', flush=True)\n"
SLEEPER = f"import time\n{READY}while True: time.sleep(60)"
SPINNER = f"{READY}while True: pass"
STARVED = """
import os, threading
def work():
    while True: pass
worker = threading.Thread(target=work, daemon=True)
worker.start()
print('ready', flush=True)
os.sched_setscheduler(worker.native_id, os.SCHED_IDLE, os.sched_param(0))
threading.Event().wait()
"""
"""Its main thread waits for one that works, whenever nobody else wants the processor."""


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", getattr(request, "param", SLEEPER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"  # while it begins it may wait for the disk, or work
        yield process
        process.kill()


def watcher(pid: int) -> RunningWatcher:
    return RunningWatcher(pid, "2026-11-21T10:00:00Z", "0.1.0", 8080, "embedded")


def beaten(path: Path, pid: int, *, ago: float) -> Path:
    """Write the heartbeat that a process wrote so many seconds ago."""
    path.write_text(f"2026-11-21T10:00:00.000+00:00 {time.monotonic() - ago:016.3f} {pid:010d}\n")
    return path


def test_a_heartbeat_is_read_back(tmp_path: Path) -> None:
    for _ in range(2):
        heartbeat.beat(tmp_path / "heartbeat")
    found = heartbeat.silence(tmp_path / "heartbeat", watcher(os.getpid()))
    assert 0 <= found.seconds < LIMIT
    assert not found.hung


def test_a_heartbeat_takes_the_place_of_a_longer_text(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    path.write_text("x" * 500)
    heartbeat.beat(path)
    assert len(path.read_text().splitlines()) == 1
    assert "x" not in path.read_text()


def test_a_heartbeat_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("theirs")
    (tmp_path / "heartbeat").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic links"):
        heartbeat.beat(tmp_path / "heartbeat")
    assert (tmp_path / "other").read_text() == "theirs"


def test_a_process_that_is_silent_and_sleeps_is_hung(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    path = beaten(tmp_path / "heartbeat", process.pid, ago=40)
    _until(lambda: not ps.runnable(process.pid))
    found = heartbeat.silence(path, watcher(process.pid))
    assert found.hung
    assert 40 <= found.seconds < 60
    problem = heartbeat.problem(path, watcher(process.pid))
    assert problem
    assert (problem.kind, problem.severity) == ("watcher-hung", "error")
    assert "router down" in problem.hint


@pytest.mark.parametrize("process", [SPINNER], indirect=True)
def test_a_process_that_is_silent_and_works_is_slow_not_hung(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    path = beaten(tmp_path / "heartbeat", process.pid, ago=40)
    _until(lambda: ps.runnable(process.pid))
    assert not heartbeat.silence(path, watcher(process.pid)).hung
    assert heartbeat.problem(path, watcher(process.pid)) is None


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="tells no threads apart")
@pytest.mark.parametrize("process", [STARVED], indirect=True)
def test_a_process_whose_threads_get_no_processor_is_slow_not_hung(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    path = beaten(tmp_path / "heartbeat", process.pid, ago=40)
    _until(lambda: _waits(process.pid) and ps.runnable(process.pid))
    with contextlib.ExitStack() as stack:
        for _ in range(2 * (os.cpu_count() or 1)):
            hog = stack.enter_context(subprocess.Popen([sys.executable, "-c", SPINNER], stdout=subprocess.DEVNULL))
            stack.callback(hog.kill)
        assert not heartbeat.silence(path, watcher(process.pid)).hung


def _waits(pid: int) -> bool:
    """Tell whether the main thread of a process waits."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize("process", [SPINNER], indirect=True)
def test_a_stopped_process_is_hung_and_the_problem_says_how_it_goes_on(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    path = beaten(tmp_path / "heartbeat", process.pid, ago=16)
    os.kill(process.pid, signal.SIGSTOP)
    identity = ps.identify(process.pid)
    assert identity
    _until(lambda: ps.stopped(identity))
    problem = heartbeat.problem(path, watcher(process.pid))
    assert problem
    assert f"kill -CONT {process.pid}" in problem.hint


@pytest.mark.parametrize("text", ["", "x", "a b c", "2026 1e9999 1\n", "\0" * 100])
def test_a_process_that_has_just_started_is_not_hung_whatever_the_file_says(
    tmp_path: Path, process: subprocess.Popen[bytes], text: str
) -> None:
    (tmp_path / "heartbeat").write_text(text)
    assert heartbeat.silence(tmp_path / "heartbeat", watcher(process.pid)).seconds < LIMIT


def test_the_heartbeat_of_a_watcher_before_is_not_this_ones(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    path = beaten(tmp_path / "heartbeat", process.pid + 1, ago=4000)
    assert heartbeat.silence(path, watcher(process.pid)).seconds < LIMIT


def test_a_watcher_that_has_just_ended_is_not_hung(tmp_path: Path) -> None:
    path = beaten(tmp_path / "heartbeat", 2**22 + 1, ago=4000)
    assert not heartbeat.silence(path, watcher(2**22 + 1)).hung


def _until(done: "object") -> None:
    deadline = time.monotonic() + 20
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)
