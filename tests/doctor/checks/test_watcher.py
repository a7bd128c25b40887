"""Whether the watcher runs, gives signs of life, and was started with the settings of now."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from router import ps
from router.doctor.checks import watcher
from tests.doctor.checks.conftest import Make
from tests.doctor.documents import levels
from tests.e2e.routers import wait_until


@pytest.fixture
def idle() -> Iterator[int]:
    """The pid of a process that only waits, as it has begun to."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        wait_until(lambda: not ps.runnable(process.pid), what="it works on")
        yield process.pid


@pytest.fixture
def busy() -> Iterator[int]:
    """The pid of a process that uses the processor all the time."""
    code = "print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # while it begins it may wait for the disk
        yield process.pid
        process.kill()


def test_without_a_watcher_it_says_so(installation: Make) -> None:
    [finding] = watcher.check(installation())
    assert (finding.level, finding.hint) == ("warn", "router up --detach")


def test_a_watcher_that_gives_signs_of_life_is_fine(installation: Make) -> None:
    assert levels(watcher.check(installation(silent=6.0))) == ["ok"]


def test_a_watcher_that_does_nothing_has_failed_and_a_command_replaces_it(installation: Make, idle: int) -> None:
    [finding] = watcher.check(installation(silent=40.0, pid=idle))
    assert finding.level == "fail"
    assert "no sign of life for 4" in finding.message
    assert finding.hint == "router down && router up --detach"


def test_a_watcher_that_is_only_slow_is_never_to_be_killed(installation: Make, busy: int) -> None:
    [finding] = watcher.check(installation(silent=40.0, pid=busy))
    assert finding.level == "warn"
    assert f"(pid {busy}) works" in finding.message
    assert "kill" not in finding.hint


def test_a_watcher_that_somebody_stopped_is_to_be_continued(installation: Make, busy: int) -> None:
    os.kill(busy, signal.SIGSTOP)
    os.waitid(os.P_PID, busy, os.WSTOPPED | os.WNOWAIT)
    [finding] = watcher.check(installation(silent=40.0, pid=busy))
    os.kill(busy, signal.SIGCONT)
    assert (finding.level, finding.hint) == ("fail", f"kill -CONT {busy}")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-01T00:00:00", "a b c", "\0" * 3000])
def test_a_heartbeat_may_hold_anything(installation: Make, text: str) -> None:
    odd = installation(silent=0.0)
    odd.store.write(odd.store.heartbeat, text)
    assert len(list(watcher.check(odd))) == 1


def test_settings_that_the_watcher_was_not_started_with_are_named(installation: Make) -> None:
    alive, port, mode = watcher.check(installation(silent=0.0, port=1234, caddy="external", mode="embedded"))
    assert levels((alive, port, mode)) == ["ok", "warn", "warn"]
    assert "1234" in port.message
    assert port.hint.startswith("export ROUTER_PORT=")
    assert mode.hint == "export ROUTER_CADDY=embedded"


def test_a_caddy_that_a_killed_watcher_left_is_named(installation: Make, tmp_path: Path) -> None:
    from router.caddy import record

    own = ps.identify(os.getpid())
    assert own is not None
    killed = installation()
    record.write(killed.store.directory, record.CaddyRecord(own, 8080, (), "v2.11.7"))
    [finding] = watcher.check(killed)
    assert f"its Caddy (pid {os.getpid()}) still serves" in finding.message
