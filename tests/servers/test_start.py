"""Servers that the router starts: real processes, of every kind that makes trouble."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from router import ps
from router.errors import NotAllowedError, RouterError
from router.servers import commands, keeper, log, records, shown
from router.servers.spawn import spawn
from router.servers.stopping import stop_all, stop_started
from router.servers.waiting import Outcome, wait
from tests.processes.scenes import STUBBORN, gone, started, wait_until
from tests.processes.servers import members
from tests.servers.shops import LISTEN, WAIT, Shop, at_once, git, keepers

# Says what it was given, before it listens
TELL = """
import json, os, sys
print(json.dumps({
    "port": os.environ["PORT"], "name": os.environ["WORKTREE_NAME"], "cwd": os.getcwd(), "pid": os.getpid(),
    "session": os.getsid(0), "group": os.getpgid(0), "terminal": [os.isatty(n) for n in (0, 1, 2)],
    "git": os.environ.get("GIT_DIR"), "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
}), flush=True)
"""


def told(directory: Path) -> dict[str, object]:
    """Return what a server was given; the process beside it may write that down after the server listens."""
    return dict(json.loads(wait_until(lambda: log.last_lines(log.path(directory), count=2)[:-1])[0]))


def state(shop: Shop) -> tuple[str, str]:
    """Return the state of the worktree's only server, and the message of its problem."""
    [[found]] = shown.states(shop.store).values()
    return found.state, found.problem.message if found.problem else ""


def test_a_server_has_its_worktrees_environment_port_and_directory_and_no_terminal(shop: Shop) -> None:
    own = shop.environment()
    found = told(shop.up(TELL + LISTEN + WAIT).directory)
    assert found["port"] == str(own.ports["web"])
    assert found["name"] == own.values["WORKTREE_NAME"]
    assert found["cwd"] == str(shop.tree)
    assert found["pid"] == found["session"] == found["group"]
    assert found["terminal"] == [False, False, False]
    assert found["descriptors"] == [0, 1, 2]


def test_what_git_sets_for_a_hook_is_not_passed_on(shop: Shop) -> None:
    shop.runs(TELL + LISTEN + WAIT)
    begun = shop.begin(environ={**os.environ, "GIT_DIR": "/elsewhere"})
    wait(begun.directory)
    assert told(begun.directory)["git"] is None


def test_a_command_may_name_a_folder_and_an_api_a_port_of_its_own(shop: Shop) -> None:
    (shop.tree / "back").mkdir()
    (shop.tree / "back/run.py").write_text(f"import os\nprint(os.getcwd())\n{LISTEN}{WAIT}")
    shop.settle(f"[services.api]\nrun = \"sh -c 'cd back && {sys.executable} run.py'\"\n")
    outcome, server = wait(shop.begin("api").directory)
    assert outcome is Outcome.UP
    assert server
    assert server.record.port == shop.environment().ports["api"]
    wait_until(lambda: log.last_lines(log.path(server.directory)) == (f"{shop.tree}/back", "up"))


def test_nothing_is_started_before_it_is_allowed_nor_after_it_has_changed(shop: Shop) -> None:
    shop.settle("[services.web]\nrun = 'touch ran'\n", allow=False)
    with pytest.raises(NotAllowedError, match=r"services\.web\.run: start web with touch ran"):
        shop.begin()
    line = shop.runs(LISTEN)
    shop.settle(f"[services.web]\nrun = '{line} --more'\n", allow=False)
    with pytest.raises(NotAllowedError, match="has changed since it was allowed"):
        shop.begin()
    (shop.tree / "router.toml").write_text(f"[services.web]\nrun = '{line}'\n")  # a worktree's own never counts
    with pytest.raises(NotAllowedError):
        shop.begin()
    assert records.every(shop.store) == ()


def test_a_line_that_starts_two_services_starts_once(shop: Shop) -> None:
    shop.settle("[services.web]\nrun = 'npm run dev'\n[services.api]\nrun = 'npm run dev'\n")
    own = shop.environment()
    assert [*commands.commands(own.current, shop.settings, shop.store)] == ["web"]


def test_a_slow_server_is_starting_until_it_listens(shop: Shop) -> None:
    shop.runs(f"import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n{LISTEN}{WAIT}")
    begun = shop.begin()
    assert state(shop) == ("starting", "")
    outcome, _ = wait(begun.directory, patience=0.3)
    assert outcome is Outcome.SILENT
    assert not shop.begin().new
    (shop.tree / "go").touch()
    assert wait(begun.directory)[0] is Outcome.UP


def test_a_server_that_fails_at_once_says_how(shop: Shop) -> None:
    code = "import sys; print('one'); print('no database at postgres://me:hunter2@db'); sys.exit(3)\n"
    for times in ("", ", 2 times in a row", ", 3 times in a row"):
        server = shop.ended(code)
        assert server.code == 3
        found, message = state(shop)
        assert found == "failed"
        after = f" s after its start{times}: one | no database at postgres://me:…@db"
        assert re.fullmatch(rf"web ended with exit code 3, [\d.]+{re.escape(after)}", message)
    assert wait(server.directory)[0] is Outcome.ENDED


def test_a_command_that_is_not_there_is_said_in_the_log(shop: Shop) -> None:
    shop.settle("[services.web]\nrun = 'no-such-program'\n")
    begun = shop.begin()
    _, server = wait(begun.directory)
    assert server
    assert server.code == 127
    assert log.last_lines(log.path(server.directory)) == (
        "no-such-program is not found: check that it is installed and on PATH",
    )


def test_a_folder_that_is_not_there_starts_nothing(shop: Shop) -> None:
    shop.settle("[services.web]\nrun = \"sh -c 'cd nowhere && ls'\"\n")
    with pytest.raises(RouterError, match="nowhere is not there"):
        shop.begin()
    assert records.every(shop.store) == ()


@pytest.mark.parametrize(
    ("ended_by", "expected"), [(signal.SIGTERM, "down"), (signal.SIGKILL, "failed"), (signal.SIGSEGV, "failed")]
)
def test_who_ends_a_server_by_hand_has_ended_it_and_a_crash_is_a_failure(
    shop: Shop, ended_by: signal.Signals, expected: str
) -> None:
    server = shop.up(LISTEN + WAIT)
    ps.signal(server.record.server, ended_by)
    wait_until(lambda: (found := records.at(server.directory)) and not found.runs)
    assert state(shop)[0] == expected


def test_stop_ends_a_server_that_does_not_listen_yet_and_kills_one_that_ignores_it(shop: Shop) -> None:
    shop.runs(f"{STUBBORN}print('deaf', flush=True)\n{WAIT}")
    begun = shop.begin()
    wait_until(lambda: log.last_lines(log.path(begun.directory)) == ("deaf",))
    server = records.at(begun.directory)
    assert server
    done = stop_all(shop.store, str(shop.tree), roots=[str(shop.tree)], routers=(), composed=tuple)
    assert [each.pid for each in done.ended.killed] == [server.record.server.pid]
    assert state(shop) == ("down", "")
    wait_until(lambda: not keepers(begun.directory))


def test_a_leader_that_ends_leaves_its_children_running_until_they_are_stopped(shop: Shop) -> None:
    code = f"import os\nif os.fork(): os._exit(0)\n{LISTEN}{WAIT}"
    server = shop.up(code)
    wait_until(lambda: ps.identify(server.record.server.pid) is None)
    [child] = members(server.record.server.pid)
    assert state(shop)[0] == "starting"  # as nothing looks for a listener here
    assert not shop.begin().new
    stop_started(shop.store, [server], roots=[], routers=())
    assert gone(child)
    assert state(shop) == ("down", "")


def test_who_has_stopped_a_server_sees_that_and_may_start_it_again_at_once(shop: Shop) -> None:
    server = shop.up(LISTEN + WAIT)
    [beside] = keepers(server.directory)
    os.kill(beside, signal.SIGSTOP)  # it is slow to see the end
    threading.Timer(1.0, os.kill, (beside, signal.SIGCONT)).start()
    stop_started(shop.store, [server], roots=[], routers=())
    assert state(shop) == ("down", "")
    assert shop.begin().new


def test_a_whole_group_is_ended(shop: Shop) -> None:
    code = f"import os\nfor _ in range(3):\n    if not os.fork(): break\n{WAIT}"
    shop.runs(code)
    begun = shop.begin()
    server = records.at(begun.directory)
    assert server
    every = wait_until(lambda: len(found := members(server.record.server.pid)) == 4 and found)
    stop_started(shop.store, [server], roots=[], routers=())
    assert gone(*every)  # type: ignore[misc]


def test_a_server_that_prints_much_has_a_log_within_bounds_and_never_waits(shop: Shop) -> None:
    line = "x" * 99
    server = shop.up(f"for n in range(40000): print(f'{line}{{n}}')\nprint('last', flush=True)\n{LISTEN}{WAIT}")
    kept = [log.path(server.directory), server.directory / "log.1"]
    wait_until(lambda: log.last_lines(kept[0], count=2) == ("last", "up"))
    assert all(path.stat().st_size <= keeper.LARGEST for path in kept)
    assert sum(path.stat().st_size for path in kept) > keeper.LARGEST


def test_everything_that_is_kept_of_a_server_is_its_owners_alone(shop: Shop) -> None:
    server = shop.up(LISTEN + WAIT)
    shop.end()
    shop.begin()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in server.directory.iterdir()}
    assert modes.keys() >= {"log", "log.1", "server.json", "lock"}
    assert {*modes.values()} == {0o600}
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700


def test_the_log_of_a_new_server_begins_with_it(shop: Shop) -> None:
    server = shop.ended("import sys; sys.exit('first')\n")
    shop.ended("import sys; sys.exit('second')\n")
    assert log.last_lines(log.path(server.directory)) == ("second",)
    assert log.last_lines(server.directory / "log.1") == ("first",)


def test_a_server_that_ends_with_its_input_runs_on(shop: Shop) -> None:
    end = "threading.Thread(target=lambda: (sys.stdin.read(), os._exit(9))).start()"
    server = shop.up(f"import os, sys, threading\n{end}\n{LISTEN}{WAIT}")
    assert server.runs
    assert wait(server.directory)[0] is Outcome.UP


def test_two_that_start_a_server_at_once_start_one(shop: Shop) -> None:
    shop.runs(LISTEN + WAIT)
    begun = at_once(*[shop.begin] * 4)
    assert sorted(each.new for each in begun) == [False, False, False, True]  # type: ignore[attr-defined]
    outcome, server = wait(begun[0].directory)  # type: ignore[attr-defined]
    assert outcome is Outcome.UP
    assert server
    assert len(keepers(server.directory)) == 1
    assert not shop.begin().new


def test_a_server_whose_process_beside_it_was_killed_is_still_known_by_its_identity(shop: Shop) -> None:
    server = shop.up(LISTEN + WAIT)
    [beside] = keepers(server.directory)
    os.kill(beside, signal.SIGKILL)
    wait_until(lambda: not records.is_locked(server.directory))
    again = records.at(server.directory)
    assert again
    assert again.runs
    assert not shop.begin().new
    stop_started(shop.store, [again], roots=[], routers=())
    assert gone(server.record.server.pid)
    wait_until(lambda: state(shop)[0] == "down")


def test_a_pid_that_another_process_has_by_now_is_not_the_server(shop: Shop) -> None:
    server = shop.up(LISTEN + WAIT)
    written = server.directory / "server.json"
    document = json.loads(written.read_text())
    shop.end()
    document["server"] = {"pid": os.getpid(), "ticks": 1, "boot": document["server"]["boot"]}
    written.write_text(json.dumps(document))
    found = records.at(server.directory)
    assert found
    assert not found.runs


def test_nothing_begins_that_could_not_be_written_down(shop: Shop, tmp_path: Path) -> None:
    def fail(_: ps.ProcessId) -> None:
        raise RouterError("no room")

    directory = tmp_path / "x"
    with records.locked(directory) as lock:
        assert lock is not None
        with pytest.raises(RouterError, match="no room"):
            spawn(["touch", str(tmp_path / "ran")], environ=dict(os.environ), cwd=tmp_path, directory=directory,
                  lock=lock, remember=fail)  # fmt: skip
    wait_until(lambda: not records.is_locked(directory))
    assert not (tmp_path / "ran").exists()


def test_nothing_begins_where_the_command_that_starts_it_is_killed(shop: Shop, tmp_path: Path) -> None:
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path[:0] = {[str(Path(__file__).parents[2]), *sys.path]!r}
from router.servers import records
from router.servers.spawn import spawn
directory = Path({str(tmp_path / "x")!r})
with records.locked(directory) as lock:
    spawn(["touch", {str(tmp_path / "ran")!r}], environ=dict(os.environ), cwd=directory, directory=directory, lock=lock,
          remember=lambda _: os.kill(os.getpid(), signal.SIGKILL))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    wait_until(lambda: not records.is_locked(tmp_path / "x"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("written", [b"", b"[]", b'{"server": 1}', b"\xff", b"[" * 5000])
def test_what_cannot_be_read_is_no_server(shop: Shop, written: bytes) -> None:
    server = shop.ended("")
    (server.directory / "server.json").write_bytes(written)
    assert records.every(shop.store) == ()


def test_a_log_can_be_removed_under_a_server(shop: Shop) -> None:
    much = "while not os.path.exists('go'): time.sleep(0.01)\nprint('y' * 2_000_000, flush=True)\nopen('went', 'w')\n"
    server = shop.up(f"import os, time\n{LISTEN}{much}{WAIT}")
    log.path(server.directory).unlink()
    (shop.tree / "go").touch()
    wait_until((shop.tree / "went").exists)
    wait_until(log.path(server.directory).exists)


def test_what_is_old_is_removed_and_what_runs_stays(shop: Shop) -> None:
    running = shop.up(LISTEN + WAIT)
    gone, recent, learnt = (shop.store.directory / "servers" / name for name in ("gone", "recent", "learnt"))
    for directory, path in ((gone, "/no/where"), (recent, "/no/where"), (learnt, str(shop.tree))):
        directory.mkdir()
        (directory / "learnt.json").write_text(json.dumps({"path": path}))
    for directory in (gone, learnt, running.directory):
        for path in (*directory.iterdir(), directory):
            os.utime(path, (1, 1))
    records.remove_old(shop.store)
    assert {*records.directories(shop.store)} == {running.directory, recent, learnt}


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_started_server_is_known_without_its_directory(shop: Shop, elsewhere: bool) -> None:
    server = shop.up(f"import os\n{'os.chdir(os.sep)' if elsewhere else ''}\n{LISTEN}{WAIT}")
    if not elsewhere:
        git(shop.path, "worktree", "remove", "--force", shop.tree)
    done = stop_started(shop.store, [server], roots=[], routers=())
    assert [each.pid for one in done.values() for each in one.ended.processes] == [server.record.server.pid]
    assert gone(server.record.server.pid)


def test_what_else_is_of_the_worktree_stays_when_the_started_servers_end(shop: Shop) -> None:
    with started() as real:
        by_hand = real.server(shop.tree)[0]
        server = shop.up(LISTEN + WAIT)
        [done] = stop_started(shop.store, [server], roots=[], routers=()).values()
        assert (len(done.ended.processes), done.bystanders) == (1, ())
        assert ps.identify(by_hand)
