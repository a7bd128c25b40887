"""Other programs: run, and started to stay."""

import os
import sys
import time
from pathlib import Path

import pytest

from router import proc
from router.errors import RouterError


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
    assert process.wait(60) == 0
    assert (tmp_path / "log").read_text() == "hello True\n"


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(RouterError, match="cannot be started"):
        proc.start([str(tmp_path / "nothing")], env={}, cwd=tmp_path, log=tmp_path / "log")


def test_a_group_is_given_its_input_and_says_how_it_ended() -> None:
    answer = proc.run_group(["sh", "-c", "cat; echo no >&2; exit 3"], env=os.environ, timeout=60, stdin=b"a\0b")
    assert (answer.code, answer.out, answer.err) == (3, b"a\0b", "no")


def test_a_group_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    os.mkfifo(held := tmp_path / "held")
    reading = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(RouterError, match="sh did not end within"):
        proc.run_group(["sh", "-c", f"exec 3>'{held}'; sleep 600 & sleep 600"], env=os.environ, timeout=1)
    deadline = time.monotonic() + 60
    while _is_held(reading):  # by who was killed, too, until it has ended
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.close(reading)


def _is_held(reading: int) -> bool:
    """Tell whether anybody has the other end of a pipe."""
    try:
        return os.read(reading, 1) != b""
    except BlockingIOError:
        return True


def test_a_group_that_cannot_be_started_is_told() -> None:
    with pytest.raises(RouterError, match="no-such-program cannot be run"):
        proc.run_group(["no-such-program"], env=os.environ, timeout=1)
