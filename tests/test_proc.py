"""Other programs, real ones."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from router import proc
from router.errors import RouterError
from router.proc import ProcessId

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def identity(pid: int) -> ProcessId:
    found = proc.identify(pid)
    assert found
    return found


def test_an_answer_has_what_was_said_and_how_it_ended() -> None:
    answer = proc.run(["sh", "-c", "printf 'a\\0b'; echo ' wrong ' >&2; exit 3"], env=os.environ)
    assert (answer.code, answer.out, answer.err) == (3, b"a\0b", "wrong")


def test_a_program_has_no_input_and_the_given_environment() -> None:
    assert proc.run(["sh", "-c", "cat; printf %s $A$HOME"], env={"A": "a", "PATH": os.environ["PATH"]}).out == b"a"


def test_what_is_no_text_is_read_all_the_same() -> None:
    assert proc.run(["sh", "-c", "printf '\\377' >&2"], env=os.environ).err == "\ufffd"


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(RouterError, match="no-such-program is not installed"):
        proc.run(["no-such-program"], env=os.environ)


def test_a_program_that_may_not_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("")
    with pytest.raises(RouterError, match="cannot be run: Permission denied"):
        proc.run([str(tmp_path / "tool")], env=os.environ)


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(RouterError, match="did not answer within 0 s"):
        proc.run(["sleep", "60"], env=os.environ, timeout=0.05)


def test_a_started_program_has_a_session_of_its_own_its_input_and_a_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import os, sys; print(sys.stdin.read(), os.getsid(0) == os.getpid())"]
    process = proc.start(command, env=os.environ, cwd=tmp_path, log=tmp_path / "log", input=b"hello")
    assert process.wait(10) == 0
    assert (tmp_path / "log").read_text() == "hello True\n"


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(RouterError, match="cannot be started"):
        proc.start([str(tmp_path / "nothing")], env={}, cwd=tmp_path, log=tmp_path / "log")


def test_a_running_process_is_known_again(sleeper: subprocess.Popen[bytes]) -> None:
    assert proc.alive(identity(sleeper.pid))
    assert not proc.alive(ProcessId(sleeper.pid, 1, identity(sleeper.pid).boot))


def test_a_process_that_ended_is_dead_though_nobody_has_waited_for_it(sleeper: subprocess.Popen[bytes]) -> None:
    known = identity(sleeper.pid)
    sleeper.kill()
    deadline = time.monotonic() + 5
    while proc.alive(known) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not proc.alive(known)
    assert proc.identify(sleeper.pid) is None


def test_a_pid_that_was_given_out_again_gets_no_signal(sleeper: subprocess.Popen[bytes]) -> None:
    assert not proc.signal(ProcessId(sleeper.pid, 1, identity(sleeper.pid).boot), signal.SIGKILL)
    assert proc.end(ProcessId(sleeper.pid, 1, identity(sleeper.pid).boot), [(signal.SIGKILL, 1.0)])
    assert sleeper.poll() is None


def test_a_number_that_no_process_has_is_nobodys() -> None:
    assert [proc.identify(number) for number in (-1, 0, 2**31, 2**70)] == [None] * 4


def test_one_signal_is_enough_for_a_willing_process(sleeper: subprocess.Popen[bytes]) -> None:
    assert proc.end(identity(sleeper.pid), [(signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)])
    assert sleeper.wait(5) == -signal.SIGTERM


def test_a_stubborn_process_gets_the_next_signal() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        known = identity(process.pid)
        assert not proc.end(known, [(signal.SIGTERM, 0.1)])
        assert proc.end(known, [(signal.SIGTERM, 0.1), (signal.SIGKILL, 5.0)])


def test_the_end_of_a_process_that_is_gone_is_no_work() -> None:
    assert proc.end(ProcessId(2**22 + 1, 1, ""), [(signal.SIGKILL, 5.0)])


def test_a_group_is_given_its_input_and_says_how_it_ended() -> None:
    answer = proc.run_group(["sh", "-c", "cat; echo no >&2; exit 3"], env=os.environ, timeout=10, stdin=b"a\0b")
    assert (answer.code, answer.out, answer.err) == (3, b"a\0b", "no")


def test_a_group_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    late = tmp_path / "late"
    with pytest.raises(RouterError, match="sh did not end within"):
        proc.run_group(["sh", "-c", f"(sleep 0.6; echo > '{late}') & sleep 60"], env=os.environ, timeout=0.3)
    time.sleep(0.6)  # when it would have written
    assert not late.exists()


def test_a_group_that_cannot_be_started_is_told() -> None:
    with pytest.raises(RouterError, match="no-such-program cannot be run"):
        proc.run_group(["no-such-program"], env=os.environ, timeout=1)
