"""Which Caddy processes are the router's own: written down or not, and no others."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from router import ps
from router.caddy import record
from router.caddy.record import CaddyRecord
from router.ps import ProcessId

OURS = CaddyRecord(ProcessId(1, 1, ""), 8080, ("fd/3",), "v2.11.7")
Start = Callable[[Path], subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a program called `caddy` as the router would for a state directory."""
    program = tmp_path / "bin" / "caddy"
    program.parent.mkdir()
    shutil.copy("/bin/sleep", program)
    started: list[subprocess.Popen[bytes]] = []

    def begin(directory: Path) -> subprocess.Popen[bytes]:
        directory.mkdir(exist_ok=True)
        started.append(subprocess.Popen([program, "60"], env={"HOME": str(record.home(directory))}))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def identity(process: subprocess.Popen[bytes]) -> ProcessId:
    found = ps.identify(process.pid)
    assert found
    return found


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "{}", '{"pid": 1}', "[" * 100_000, "\0",
        json.dumps({"pid": 1, "created": 1.5, "port": 1, "bind": ["fd/3"], "version": "v2"}),  # as 0.1.0 wrote it
        json.dumps({**asdict(OURS), "bind": 3}),
        json.dumps({**asdict(OURS), "process": {"pid": "1", "ticks": 1, "boot": ""}}),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_understood_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "caddy.json").write_text(content)
    assert record.read(tmp_path) is None
    assert record.recorded(tmp_path) is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    record.write(tmp_path, OURS)
    assert record.read(tmp_path) == OURS


def test_a_record_of_a_process_that_ended_is_none(tmp_path: Path) -> None:
    record.write(tmp_path, CaddyRecord(ProcessId(2**22 + 1, 1, ""), 8080, ("fd/3",), "v2"))
    assert record.recorded(tmp_path) is None


def test_a_record_whose_pid_another_process_has_now_ends_nobody(tmp_path: Path) -> None:
    record.write(tmp_path, replace(OURS, process=ProcessId(os.getpid(), 1, "")))
    assert record.recorded(tmp_path) is None
    assert not record.end_all(tmp_path, tmp_path / "caddy.sock")
    assert not (tmp_path / "caddy.json").exists()


def test_every_caddy_of_a_state_directory_is_found_and_ended_and_no_other(tmp_path: Path, start: Start) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    first, second, theirs = start(mine), start(mine), start(other)
    record.write(mine, CaddyRecord(identity(first), 8080, ("fd/3",), "v2"))
    assert set(record.running(mine)) == {identity(first), identity(second)}
    assert record.end_all(mine, mine / "caddy.sock")
    assert [ps.identify(process.pid) for process in (first, second)] == [None, None]
    assert theirs.poll() is None
    assert list(mine.iterdir()) == []


def test_a_stopped_caddy_is_ended_too(tmp_path: Path, start: Start) -> None:
    process = start(tmp_path / "mine")
    os.kill(process.pid, 19)
    assert record.end_all(tmp_path / "mine", tmp_path / "mine" / "caddy.sock")
    assert ps.identify(process.pid) is None
