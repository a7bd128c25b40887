"""What commands do where their terminal is gone, their pipe is closed, or a stream was never open."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e.routers import Router, fresh, wait_until

PRINTING = (("--help",), ("status",), ("url",), ("env",))
FAILING = (("url", "nobody"), ("nonsense",), ("run", "no-such-command"), ("hook",))
CODES = {("url", "nobody"): 1, ("nonsense",): 2, ("run", "no-such-command"): 127, ("hook",): 2}


@contextmanager
def closed_pipe() -> Iterator[int]:
    """Yield the end to write to of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def gone_terminal() -> Iterator[int]:
    """Yield a terminal whose other side is gone, as after a window was closed: writing to it is EIO."""
    master, slave = pty.openpty()
    os.close(master)
    yield slave
    os.close(slave)


def end(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Return the exit code of a process, and what it wrote to a standard error of ours."""
    _, err = process.communicate(timeout=60)
    return process.returncode, (err or b"").decode()


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_reader_who_has_enough_is_no_error_to_speak_of(
    workplace: Workplace, watching: FakeWatcher, arguments: tuple[str, ...]
) -> None:
    with closed_pipe() as pipe:
        assert end(workplace.start(*arguments, stdout=pipe, stderr=subprocess.PIPE)) == (1, "")


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_output_that_cannot_be_written_is_an_error(
    workplace: Workplace, watching: FakeWatcher, arguments: tuple[str, ...], unbuffered: str
) -> None:
    with gone_terminal() as terminal:
        env = {"PYTHONUNBUFFERED": unbuffered}
        code, err = end(workplace.start(*arguments, env=env, stdout=terminal, stderr=subprocess.PIPE))
    assert code == 1
    assert err.splitlines()[-2] == "error: standard output cannot be written: Input/output error"


def test_a_full_disk_is_named(workplace: Workplace, watching: FakeWatcher) -> None:
    done = workplace.shell("router status > /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output cannot be written: No space left on device\n")


@pytest.mark.parametrize("arguments", [("--help",), ("status",), *FAILING[:2]], ids=" ".join)
@pytest.mark.parametrize("lost", [closed_pipe, gone_terminal])
def test_nobody_left_to_hear_changes_nothing_but_the_output(
    workplace: Workplace, watching: FakeWatcher, arguments: tuple[str, ...], lost: object
) -> None:
    with lost() as stream:  # type: ignore[operator]
        code, _ = end(workplace.start(*arguments, stdin=stream, stdout=stream, stderr=stream))
    assert code == CODES.get(arguments, 1)
    assert not list((workplace.state.parent / "tmp").glob("router-bug-*"))


@pytest.mark.parametrize("arguments", FAILING, ids=" ".join)
def test_an_error_that_cannot_be_told_keeps_its_exit_code(
    workplace: Workplace, watching: FakeWatcher, arguments: tuple[str, ...]
) -> None:
    with closed_pipe() as pipe:
        process = workplace.start(*arguments, stdout=subprocess.PIPE, stderr=pipe)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (CODES[arguments], b"")


@pytest.mark.parametrize(("line", "code"), [
    ("router status --json >&-", 1), ("router status --check >&-", 0), ("router url nobody >&- 2>&-", 1),
    ("router --help >&-", 1), ("router status <&- >&- 2>&-", 1), ("router url <&-", 0), ("router url 2>&-", 0),
    ("router nonsense 2>&-", 2), ("router hook worktree-create <&-", 2), ("router env --write <&- >&- 2>&-", 0),
])  # fmt: skip
def test_a_stream_that_was_closed_from_the_start_is_no_bug(
    workplace: Workplace, watching: FakeWatcher, line: str, code: int
) -> None:
    done = workplace.shell(line)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert not list((workplace.state.parent / "tmp").glob("router-bug-*"))


def test_what_is_opened_later_never_takes_the_place_of_a_closed_stream(
    workplace: Workplace, watching: FakeWatcher
) -> None:
    done = workplace.shell("router run sh -c 'ls -l /proc/self/fd' <&- 2>&-")
    streams = {int(line.split()[-3]): line.split()[-1] for line in done.stdout.splitlines() if "->" in line}
    assert streams[0] == streams[2] == "/dev/null"
    done = workplace.shell("router run sh -c 'echo never' >&-")
    assert done.returncode != 0
    assert [path for path in workplace.state.rglob("*") if path.is_file() and b"never" in path.read_bytes()] == []


def test_a_bug_whose_report_cannot_be_written_is_still_reported(workplace: Workplace, watching: FakeWatcher) -> None:
    watching.store.status_file.write_text(watching.store.status_file.read_text().replace('"worktrees"', '"gone"'))
    said = workplace.shell("router status", env={"TMPDIR": "/dev/null", "TMP": "/dev/null", "TEMP": "/dev/null"})
    assert said.returncode == 3
    assert "Traceback" not in said.stderr
    assert "this is a bug in router" in said.stderr


def test_following_the_logs_ends_with_its_reader(workplace: Workplace, watching: FakeWatcher) -> None:
    watching.store.watcher_log.write_text("one\ntwo\n")
    done = workplace.shell("router logs --follow | head -1; echo ended")
    assert (done.stdout, done.stderr) == ("watcher: one\nended\n", "")


def test_watching_the_status_ends_with_its_terminal(workplace: Workplace, watching: FakeWatcher) -> None:
    master, slave = pty.openpty()
    env = {"TERM": "xterm", "NO_COLOR": ""}
    shown = workplace.start("status", "--watch", env=env, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    while b"feature-x" not in seen:
        seen += os.read(master, 4096)
    os.close(master)
    with suppress(subprocess.TimeoutExpired):
        shown.wait(60)
    assert shown.poll() == 1
    assert not list((workplace.state.parent / "tmp").glob("router-bug-*"))


@contextmanager
def open_terminal() -> Iterator[tuple[int, int]]:
    """Yield the two sides of a terminal: the one that is closed with its window, and the one of the command."""
    master, slave = pty.openpty()
    yield master, slave
    os.close(slave)


@contextmanager
def open_pipe() -> Iterator[tuple[int, int]]:
    """Yield the two ends of a pipe: the one of its reader, and the one of the command."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(writing)


@pytest.mark.e2e
@pytest.mark.parametrize("channel", [open_pipe, open_terminal])
def test_the_watcher_goes_on_when_nobody_sees_it_any_more(tmp_path: Path, channel: object) -> None:
    with Router(tmp_path) as router, channel() as (ours, theirs):  # type: ignore[operator]
        up = subprocess.Popen(
            [sys.executable, "-m", "router", "up"], cwd=router.repository, env=router.env,
            stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        wait_until(lambda: router.seen().get("watcher", {}).get("pid") == up.pid)
        seen = b""
        while f"{router.trunk}.localhost".encode() not in seen:
            seen += os.read(ours, 4096)
        os.close(ours)
        for name in ("one", "two"):  # the first line is lost, and so is what is printed from then on
            router.routed(router.add(fresh(name)))
        assert up.poll() is None
        up.send_signal(signal.SIGTERM)
        assert up.wait(60) == 0


def test_a_full_disk_is_named_as_json(workplace: Workplace, watching: FakeWatcher) -> None:
    done = workplace.shell("router status --json > /dev/full")
    assert (done.returncode, json.loads(done.stderr)["code"]) == (1, "output-lost")
