"""What dies, is changed or is taken away around the router, and what goes on all the same."""

import json
import os
import shutil
import signal
from contextlib import ExitStack

import psutil
import pytest

from router import ps
from router.memory_text import SCHEMA
from router.store import Store
from tests.e2e.routers import LIMIT, Client, Router, Stream, free_port, fresh, listens, remove, wait_until

pytestmark = pytest.mark.e2e

EMPTY = b'{\n\tadmin "unix/%s|0600"\n}\n'


def kill(pid: int) -> None:
    """End a process without a word, and wait until it is gone; it may have been ended already."""
    process = ps.identify(pid)
    assert process is None or ps.end(process, [(signal.SIGKILL, LIMIT)]), f"{pid} goes on"


def caddy_is_back(router: Router, before: int) -> int:
    """Wait until another Caddy than `before` has the routes, and return its pid."""
    wait_until(lambda: router.caddy_pid not in {before, 0} and router.seen()["caddy"]["in_sync"], what="Caddy back")
    return router.caddy_pid


# Caddy dies


def test_a_killed_caddy_is_back_with_the_same_routes_and_refuses_nobody(router: Router, app: str) -> None:
    router.up()
    pid, routes = router.caddy_pid, router.worktrees().keys()
    with Client(router, app) as client:
        kill(pid)
        assert caddy_is_back(router, pid) != pid
        client.more()
    assert not [failure for failure in client.failures if isinstance(failure, ConnectionRefusedError)]
    assert len(client.failures) <= 1  # the request that Caddy was at
    assert set(client.answers) == {200}
    assert router.worktrees().keys() == routes
    wait_until(lambda: router.all_kinds() == {"stranger-on-port"}, what="no other problem")  # the server is this test


def is_told_as_dead(router: Router, pid: int) -> bool:
    """Tell whether status says that this Caddy is down for long enough to be asked; else another one is started."""
    wait_until(lambda: "caddy-down" in router.kinds() or router.caddy_pid not in {pid, 0}, what="the end of Caddy")
    seen = router.seen()
    kinds = {problem["kind"] for problem in seen["problems"]}
    return "caddy-down" in kinds and not seen["caddy"]["running"] and router.run("status", "--check").code == 1


def test_a_caddy_that_keeps_dying_is_told_and_started_with_growing_patience(router: Router, app: str) -> None:
    up = router.up()
    pid = router.caddy_pid
    kill(pid)
    while not is_told_as_dead(router, pid):  # each time there are more seconds in which to ask
        pid = caddy_is_back(router, pid)
        kill(pid)
    assert not up.ended

    caddy_is_back(router, pid)
    wait_until(lambda: not router.kinds(), what="no problem left")
    assert router.page(app) == "app"


def test_a_new_worktree_is_routed_after_caddy_was_killed(running: Router) -> None:
    pid, branch = running.caddy_pid, fresh("later")
    kill(pid)
    running.add(branch)
    wait_until(lambda: running.page(branch).startswith(branch), what="routed")


# The watcher dies


def test_routes_outlive_the_watcher_and_the_next_one_adopts_caddy(router: Router, app: str) -> None:
    pid = router.detach()["caddy"]["pid"]
    with Client(router, app, keep=True) as kept, Client(router, app) as new:
        kill(router.watcher_pid)
        kept.more()
        new.more()
        assert not kept.failures + new.failures
        assert not router.status()["watcher"]["running"]
        assert router.status()["caddy"].items() >= {"running": True, "pid": pid, "mode": "embedded"}.items()
        assert router.run("status", "--check").code == 1

        caddy = router.detach()["caddy"]
        assert (caddy["pid"], caddy["adopted"], caddy["in_sync"]) == (pid, True, True)
        kept.more()
        new.more()
        assert max(len(kept.failures), len(new.failures)) <= 1  # it loads once, and loads of an adopted one may cut one
        branch = fresh("later")
        router.add(branch)
        wait_until(lambda: router.page(branch).startswith(branch), what="a new route")
    assert max(len(kept.failures), len(new.failures)) <= 2  # a load of Caddy's may cut one, which a browser asks again
    assert set(kept.answers) | set(new.answers) == {200}


def test_an_adopted_caddy_that_is_killed_is_back(router: Router, app: str) -> None:
    router.detach()
    kill(router.watcher_pid)
    router.detach()
    pid = router.caddy_pid
    kill(pid)
    caddy_is_back(router, pid)
    assert not router.seen()["caddy"]["adopted"]
    assert router.page(app) == "app"


def test_down_ends_the_caddy_that_a_killed_watcher_left(router: Router, app: str) -> None:
    router.detach()
    kill(router.watcher_pid)
    assert router.page(app) == "app"
    assert router.down().code == 0
    assert not router.processes()
    assert not listens(router.port)


def test_up_works_after_both_were_killed(router: Router, app: str) -> None:
    status = router.detach()
    kill(status["watcher"]["pid"])
    kill(status["caddy"]["pid"])
    again = router.detach()
    assert not again["caddy"]["adopted"]
    assert again["caddy"]["pid"] != status["caddy"]["pid"]
    assert router.page(app) == "app"


def test_a_caddy_left_on_another_port_is_ended_and_replaced(router: Router, app: str) -> None:
    pid = router.detach()["caddy"]["pid"]
    kill(router.watcher_pid)
    before, router.port = router.port, free_port()
    router.env["ROUTER_PORT"] = str(router.port)
    assert router.detach()["caddy"]["pid"] != pid
    assert router.page(app) == "app"
    assert not listens(before)


# Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything_though_streams_are_open(router: Router, app: str, number: signal.Signals) -> None:
    up = router.up()
    with Stream.websocket(router.port, app) as websocket, Stream.events(router.port, app) as events:
        assert websocket.echo("here") == "here"
        assert events.event()
        assert up.end(number, limit=20) == 0
    assert not router.processes()
    assert not listens(router.port)
    left = {path.name for path in router.state.rglob("*") if not path.is_dir() and "caddy/" not in str(path)}
    assert left == {"Caddyfile", "memory.json", "memory.lock", "watcher.lock", "watcher.log", "caddy.log"}
    assert router.detach()["caddy"]["in_sync"]


def test_sigusr1_looks_again_at_what_no_event_and_no_signature_told(running: Router) -> None:
    one, two = sorted([free_port(), free_port()])
    path = running.add(fresh("quiet"), port=one)
    wait_until(lambda: running.web(path).get("port") == one)
    file = path / ".env.local"
    before = file.stat()
    os.kill(running.watcher_pid, signal.SIGSTOP)
    watcher = psutil.Process(running.watcher_pid)
    wait_until(lambda: watcher.status() == psutil.STATUS_STOPPED, what="a watcher that sees nothing")
    file.write_text(f"PORT={two}\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.kill(running.watcher_pid, signal.SIGCONT)
    os.kill(running.watcher_pid, signal.SIGUSR1)
    wait_until(lambda: running.web(path)["port"] == two, what="a look")


# Somebody else changes Caddy's configuration


def lose(router: Router) -> None:
    """Put an empty configuration in the place of ours."""
    socket = router.seen()["caddy"]["admin"].removeprefix("unix/")
    assert router.admin("POST", "/load", EMPTY % socket.encode()) == 200


def test_a_lost_configuration_is_loaded_again_once(router: Router, app: str) -> None:
    router.up()
    loads = router.loads
    lose(router)
    wait_until(lambda: router.page(app) == "app", what="loaded again")
    wait_until(lambda: router.loads == loads + 1 and router.seen()["caddy"]["in_sync"], what="one load")
    assert not router.kinds()


def test_a_fight_over_the_configuration_is_given_up_and_told(router: Router, app: str) -> None:
    router.up()
    loads = router.loads
    for number in (1, 2):
        lose(router)
        wait_until(lambda: router.loads == loads + number, what="loaded again")  # noqa: B023
    lose(router)
    wait_until(lambda: "drift" in router.kinds(), what="drift")
    assert not router.seen()["caddy"]["in_sync"]
    assert router.loads == loads + 2
    assert router.run("status", "--check").code == 1
    assert "router down" in router.run("status").err

    assert router.down().code == 0
    assert router.detach()["caddy"]["in_sync"]
    assert router.page(app) == "app"


def test_caddy_killed_after_a_fight_is_back(router: Router, app: str) -> None:
    up = router.up()
    for number in (2, 3, 3):
        lose(router)
        wait_until(lambda: router.loads == number or "drift" in router.kinds(), what="loaded again or given up")  # noqa: B023
    wait_until(lambda: "drift" in router.kinds(), what="drift")
    pid = router.caddy_pid
    kill(pid)
    wait_until(lambda: up.ended or router.caddy_pid != pid, what="Caddy back")
    assert not up.ended, up.errors


# The state directory


@pytest.mark.parametrize(
    "text", ["not json {", '{"schema": 99, "repositories": []}', "[]", "null", '{"schema": 1}', ""]
)
def test_a_memory_that_cannot_be_read_is_set_aside(router: Router, app: str, text: str) -> None:
    memory = Store(router.state).memory_file
    router.state.mkdir(mode=0o700)
    memory.write_text(text)
    router.detach()
    assert router.page(app) == "app"
    assert memory.with_suffix(".json.old").read_text() == text
    assert json.loads(memory.read_text())["schema"] == SCHEMA


def test_a_memory_spoiled_while_running_loses_no_route(router: Router, app: str) -> None:
    router.up()
    Store(router.state).memory_file.write_text("garbage")
    branch = fresh("later")
    router.add(branch)
    wait_until(lambda: router.page(branch).startswith(branch), what="a new route")
    assert router.page(app) == "app"


def test_routes_outlive_a_deleted_state_directory(router: Router, app: str) -> None:
    up = router.up()
    with Client(router, app) as client:
        remove(router.state)
        branch = fresh("later")
        router.add(branch)
        wait_until(lambda: router.page(branch).startswith(branch), what="a new route")
        client.more()
    assert set(client.answers) == {200}
    assert not up.ended
    wait_until(lambda: router.status()["watcher"]["running"], what="the status again")
    assert router.down().code == 0
    assert not router.processes()


def test_caddy_killed_after_the_state_directory_was_deleted_is_back(router: Router, app: str) -> None:
    up = router.up()
    pid = router.caddy_pid
    remove(router.state)
    kill(pid)
    wait_until(lambda: router.page(app) == "app", what="Caddy back")
    assert up.end() == 0


def test_a_repository_that_is_deleted_takes_no_other_down(running: Router) -> None:
    branch = fresh("second")
    other = running.make_repository(running.directory / "second", branch)
    assert running.run("up", cwd=other).code == 0
    running.label(other, "second")
    shutil.rmtree(other)
    running.gone("second")
    assert running.get(running.trunk).status_code == 502
    wait_until(lambda: running.run("status", "--check").code == 0, what="no problem left")


def test_a_repository_that_git_cannot_read_keeps_its_routes(running: Router) -> None:
    branch = fresh("spoiled")
    path = running.add(branch)
    running.routed(path)
    config = running.repository / ".git" / "config"
    before = config.read_text()
    config.write_text(before + "[core\n")
    running.declare(path, free_port())  # makes it look
    wait_until(lambda: "unreadable-file" in running.kinds(), what="unreadable-file")
    assert running.get(branch).status_code == 502

    config.write_text(before)
    running.declare(path, free_port())
    wait_until(lambda: not running.kinds(), what="no problem left")
    assert running.worktrees().keys() == {running.trunk, branch}


def test_streams_of_an_untouched_worktree_live_while_others_come_and_go(router: Router, app: str) -> None:
    router.up()
    with ExitStack() as opened:
        websocket = opened.enter_context(Stream.websocket(router.port, app))
        for _ in range(3):
            branch = fresh("passing")
            path = router.add(branch)
            router.label(path, branch)
            router.git("worktree", "remove", "--force", path)
            router.gone(branch)
            assert websocket.echo("alive") == "alive"
