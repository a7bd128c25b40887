"""What is said of a started server, by how it ended."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from router.model import WorktreeId
from router.ps import ProcessId
from router.servers.records import Record, Server
from router.servers.states import QUICK, SILENT, ended_how, failed, failure, failures_by, state

RECORD = Record(WorktreeId("/r/.git", "x", 1), "/r.x", "x", "web", 4000, ProcessId(7, 1, "b"), 1_000_000_000.0)


def server(code: int | None, *, lasted: float = 1.0, runs: bool = False, **record: object) -> Server:
    of = replace(RECORD, **record)  # type: ignore[arg-type]
    return Server(of, Path("/s"), runs, code, None if code is None else of.begun + lasted)


@pytest.mark.parametrize(
    ("code", "lasted", "stopped", "expected"),
    [
        (1, 1.0, False, True),
        (1, 3600.0, False, True),
        (1, 1.0, True, False),
        (0, 1.0, False, True),  # a server that ends at once was none
        (0, QUICK, False, False),
        (-signal.SIGTERM, 1.0, False, False),
        (-signal.SIGINT, 1.0, False, False),
        (-signal.SIGKILL, 3600.0, False, True),
        (None, 1.0, False, False),
    ],
)
def test_a_server_has_failed_unless_somebody_ended_it(
    code: int | None, lasted: float, stopped: bool, expected: bool
) -> None:
    found = server(code, lasted=lasted, stopped=stopped)
    assert failed(found) is expected
    assert state(found, said=(), quiet=0).state == ("failed" if expected else "down")


def test_only_ends_within_seconds_are_counted() -> None:
    assert failures_by(None) == 0
    assert failures_by(server(1)) == 1
    assert failures_by(server(1, failures=2)) == 3
    assert failures_by(server(1, lasted=QUICK, failures=2)) == 0
    assert failures_by(server(1, stopped=True, failures=2)) == 0


def test_a_failure_is_said_with_its_code_its_time_and_the_last_lines() -> None:
    assert failure(server(3, lasted=0.44), ("a", "b")) == "web ended with exit code 3, 0.4 s after its start: a | b"
    assert failure(server(-9, lasted=75.2), ()) == "web was ended by SIGKILL, 75 s after its start"
    assert ended_how(-99) == "was ended by signal 99"
    told = state(server(1), said=("a",), quiet=0)
    assert told.problem
    assert (told.problem.kind, told.problem.severity, told.problem.service) == ("start-failed", "error", "web")
    assert told.problem.hint == "see `router logs x --service web`"
    assert told.since == "2001-09-09T01:46:41Z"


def test_a_server_that_runs_is_starting_and_its_silence_is_said_after_a_while() -> None:
    running = server(None, runs=True)
    told = state(running, said=(), quiet=SILENT - 1)
    assert (told.state, told.since, told.problem, told.runs) == ("starting", "2001-09-09T01:46:40Z", None, True)
    late = state(running, said=(), quiet=SILENT)
    assert late.state == "starting"
    assert late.problem
    assert late.problem.message == "web was started and runs, but it listens on no port"
