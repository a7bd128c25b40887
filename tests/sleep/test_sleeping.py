"""Worktrees that sleep by themselves: real servers, real connections, a timer shortened by settings alone."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from router import ps
from router.servers import records
from router.sleep import kept
from router.sleep.kept import Note
from router.sleep_state import LastUse
from router.watcher import preview
from tests.processes.scenes import STUBBORN, wait_until
from tests.servers.shops import end_started
from tests.sleep.nights import LONG, SERVE, Night, sending

PING = b"\x89\x80mask"  # an empty ping of a websocket's client
REQUEST = b"GET / HTTP/1.1\r\nHost: x.localhost:8080\r\n" + b"Cookie: " + b"x" * 1000 + b"\r\n\r\n"


def test_a_worktree_that_nobody_uses_sleeps_and_says_since_when_and_what_memory_it_had(night: Night) -> None:
    code = "data = bytearray(b'x') * 60_000_000\n" + SERVE
    night.settle('after = "1h"', code)
    server = night.up()
    night.begin()
    assert night.stays_awake_by("seen").asleep is None
    night.settle('after = "3s"', code)
    found = night.sleeps().asleep
    assert found
    assert found.services == ("web",)
    assert 60_000_000 < found.memory < 200_000_000
    assert found.why.startswith("nobody used it for ")
    assert night.server_state().state == "asleep"
    assert ps.session(server.record.server.pid) == ()
    wait_until(lambda: night.said)
    assert f"sleeps: {found.why}; it had " in night.said[0]


def test_started_again_it_is_awake_and_sleeps_again(night: Night) -> None:
    night.settle('after = "3s"')
    first = night.up().record.port
    night.begin()
    before = night.sleeps().asleep
    assert before
    assert night.up().record.port == first
    # awake, or asleep again already
    wait_until(lambda: (asleep := night.state().asleep) is None or asleep.since != before.since, limit=LONG)
    night.sleeps()


def test_put_to_sleep_by_hand_without_a_rule_it_is_awake_once_it_runs_again(night: Night) -> None:
    night.settle("")
    night.up()
    night.begin()
    store, sleeping = night.shop.store, night.sleeping
    assert sleeping
    common = str(night.shop.path / ".git")
    planned, repositories = preview.would_route(night.shop.settings, store, [common])
    sleeping.about(planned.table, repositories, planned.memory)  # and nothing else is news from now on
    end_started(store)
    kept.write(store, Note(night.key, str(night.shop.tree), ("web",), time.time(), 1, "by hand", done=True))
    sleeping.about(planned.table, repositories, planned.memory)
    assert sleeping.shown[night.key].asleep
    night.up()
    wait_until(lambda: kept.notes(store) == (), limit=LONG, what="it is awake")


def test_a_quiet_websocket_and_its_pings_keep_nothing_awake(night: Night) -> None:
    night.settle('after = "4s"')
    port = night.up().record.port
    with sending(port, PING, every=0.2) as closed:
        night.begin()
        night.sleeps()
        assert closed.wait(LONG)


def test_a_tab_that_polls_keeps_it_awake_and_the_status_says_by_what(night: Night) -> None:
    night.settle('after = "8s"')
    port = night.up().record.port
    night.begin()
    with sending(port, REQUEST, every=0.3):
        begun = time.monotonic()
        while time.monotonic() - begun < 12:  # more than the time after which it would sleep
            last = night.state().last_use
            assert night.runs()
        assert last
        assert last.sign == "bytes"
        assert "bytes came to web within a minute" in last.text
    night.sleeps()


def test_a_new_connection_is_a_visit(night: Night) -> None:
    night.settle('after = "60s"')
    port = night.up().record.port
    night.begin()
    night.stays_awake_by("seen")
    with sending(port, PING, every=60):
        last = night.stays_awake_by("connection").last_use
    assert last
    assert last.text == "a new connection to web"


@pytest.mark.parametrize("name", ["web.py", "new.txt"])
def test_a_saved_file_keeps_it_awake_and_is_looked_up_only_when_sleep_is_due(name: str, night: Night) -> None:
    night.settle('after = "8s"')
    night.up()
    night.begin()
    night.stays_awake_by("seen")

    def save() -> LastUse | None:
        (night.shop.tree / name).write_text(SERVE)
        last = night.state().last_use
        return last if last and last.sign == "saved" else None

    last = wait_until(save, limit=LONG, what="awake by a file")
    assert last
    assert last.text == f"{name} was saved"
    night.sleeps()


def test_a_command_that_runs_in_it_keeps_it_awake_and_a_shell_does_not(night: Night) -> None:
    night.settle('after = "3s"')
    night.up()
    watch = [sys.executable, "-S", "-c", "import time; time.sleep(600)", "vitest", "--watch"]
    with subprocess.Popen(watch, cwd=night.shop.tree) as child:
        try:
            night.begin()
            last = night.stays_awake_by("command").last_use
            assert last
            assert f"(pid {child.pid}) runs" in last.text
        finally:
            child.kill()
    with subprocess.Popen(["bash", "-i"], cwd=night.shop.tree, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          start_new_session=True) as shell:  # fmt: skip
        night.sleeps()
        shell.kill()


def test_what_router_run_began_counts(night: Night) -> None:
    night.settle('after = "60s"')
    night.up()
    night.begin()
    night.stays_awake_by("seen")
    kept.ran(night.shop.store, night.key)
    last = night.stays_awake_by("command").last_use
    assert last
    assert last.text == "a command began"


def test_a_server_that_works_without_being_asked_stays_awake(night: Night) -> None:
    busy = "import threading\ndef work():\n    while True: sum(range(1000))\n"
    night.settle('after = "10s"', f"{busy}threading.Thread(target=work, daemon=True).start()\n{SERVE}")
    night.up()
    night.begin()
    assert night.stays_awake_by("cpu").last_use


def test_a_pinned_worktree_does_not_sleep_until_it_is_let_go(night: Night) -> None:
    night.settle('after = "2s"')
    night.up()
    identity = night.key
    kept.pin(night.shop.store, identity)
    night.begin()
    begun = time.monotonic()
    while time.monotonic() - begun < 6:
        assert night.state().pinned
        assert night.runs()
    kept.unpin(night.shop.store, identity)
    night.sleeps()


def test_nothing_sleeps_before_it_is_allowed_nor_after_it_has_changed(night: Night) -> None:
    night.settle('after = "1h"')
    night.up()
    night.settle('after = "1s"', allow=False)
    night.begin()

    def refused() -> str:
        night.tell()
        assert night.sleeping
        main = next((each for key, each in night.sleeping.shown.items() if not key.admin), None)
        return main.problem.message if main and main.problem else ""

    message = wait_until(refused, limit=LONG)
    assert message.startswith("no worktree sleeps: router.toml of ")
    assert "sleep.after: stop the servers of a worktree that nobody used for 1 s" in message
    assert night.runs()
    night.allow()
    night.sleeps()


def test_what_the_router_did_not_start_sleeps_only_where_that_is_said(night: Night) -> None:
    night.settle('after = "2s"')
    own = night.shop.environment()
    environ = {**os.environ, "PORT": str(own.ports["web"])}
    with subprocess.Popen([sys.executable, "-S", "web.py"], cwd=night.shop.tree, env=environ, stdout=subprocess.PIPE,
                          start_new_session=True) as child:  # fmt: skip
        try:
            assert child.stdout
            assert child.stdout.readline() == b"up\n"
            night.begin()
            begun = time.monotonic()
            while time.monotonic() - begun < 6:
                assert night.state().last_use is None
            assert child.poll() is None
            night.settle('after = "2s"\nadopted = true')
            assert wait_until(lambda: night.state().asleep, limit=LONG)
            assert child.wait(LONG) == -signal.SIGTERM
        finally:
            child.kill()


def test_a_server_that_ignores_sigterm_is_killed(night: Night) -> None:
    night.settle('after = "2s"', STUBBORN + SERVE)
    server = night.up()
    night.begin()
    night.sleeps()
    wait_until(lambda: (note := kept.note(night.shop.store, server.record.worktree)) and note.done, limit=LONG)
    assert night.server_state().state == "asleep"


def test_what_a_watcher_had_begun_to_stop_when_it_died_is_stopped_by_the_next(night: Night) -> None:
    night.settle('after = "1h"', STUBBORN + SERVE)
    server = night.up()
    note = kept.Note(server.record.worktree, str(night.shop.tree), ("web",), time.time(), 5_000_000, "nobody used it")
    kept.write(night.shop.store, note)
    night.begin()
    found = night.sleeps().asleep
    assert found
    assert found.memory == 5_000_000
    wait_until(lambda: (note := kept.note(night.shop.store, server.record.worktree)) and note.done, limit=LONG)


def test_a_server_begun_since_is_left_alone_by_the_next_watcher(night: Night) -> None:
    night.settle('after = "1h"')
    server = night.up()
    note = kept.Note(server.record.worktree, str(night.shop.tree), ("web",), server.record.begun - 1, 5, "")
    kept.write(night.shop.store, note)
    night.begin()
    wait_until(lambda: night.state().asleep is None, limit=LONG)
    assert night.runs()


def test_while_memory_is_short_it_sleeps_sooner_and_says_so_in_a_line(night: Night) -> None:
    night.settle('after = "24s"\npressure = "100%"')  # memory is always short of that
    night.up()
    night.begin()
    found = night.sleeps().asleep
    assert found
    why = re.fullmatch(r"only \d+% of the memory is available, and nobody used it for (\d+) s", found.why)
    assert why
    assert 12 <= int(why[1]) < 24
    wait_until(lambda: night.said)
    assert len(night.said) == 1


def test_what_is_kept_of_a_worktree_goes_with_it(night: Night) -> None:
    night.settle('after = "2s"')
    night.up()
    night.begin()
    night.sleeps()
    subprocess.run(["git", "worktree", "remove", "--force", str(night.shop.tree)], cwd=night.shop.path, check=True)
    with night.shop.store.changing() as memory:
        planned = memory
    assert planned.worktrees
    folder: Path = night.shop.store.directory / "sleep"

    def gone() -> bool:
        night.tell()
        return not list(folder.iterdir())

    wait_until(gone, limit=LONG)
    assert [each for each in records.every(night.shop.store) if each.runs] == []
