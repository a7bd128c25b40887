"""Servers that `router start` starts beside a running watcher: what it shows of them, and that they outlive it."""

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from router import ps
from router.servers import records
from router.servers.records import Server
from router.store import Store
from tests.e2e.browsers import missing
from tests.e2e.routers import Json, Router, fresh, wait_until
from tests.processes.scenes import Started, gone, started
from tests.processes.servers import members
from tests.servers.shops import ANSWER, LISTEN, keepers

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
SLOW = f"import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n{LISTEN}{ANSWER}"


@pytest.fixture
def real() -> Iterator[Started]:
    """What starts processes for this test."""
    with started() as made:
        yield made


def settle(router: Router, line: str) -> None:
    """Have `web` started by this line, and allow it."""
    (router.repository / "router.toml").write_text(f"[services.web]\nrun = {json.dumps(line)}\n")
    assert router.run("allow").code == 0


def by_python(router: Router, code: str) -> Path:
    """Add a worktree whose `web` is started by Python with this code."""
    path = router.add(fresh("py"))
    (path / "web.py").write_text(code)
    settle(router, f"{sys.executable} -S web.py")
    return path


def server(router: Router, path: Path) -> Server:
    """Return the server that was started in a worktree."""
    [found] = [each for each in records.every(Store(router.state)) if each.record.path == str(path)]
    return found


def shows(router: Router, path: Path, state: str) -> Json:
    """Wait until the watcher shows that state of a worktree's `web`; return the service."""
    return wait_until(lambda: (web := router.web(path)).get("state") == state and web, what=state)  # type: ignore[return-value]


def vite(router: Router) -> Path:
    """Add a worktree with a Vite project of a fixed port, which `npm run dev` starts."""
    if not (shutil.which("npm") and (HERE / "node_modules/vite").exists()):
        missing("npm and Vite (npm ci in tests/e2e)")
    path = router.add(fresh("vite"))
    shutil.copytree(HERE / "vite", path, dirs_exist_ok=True)
    (path / "vite.config.mjs").write_text("export default { server: { port: 5173, strictPort: true } };")
    (path / "package.json").write_text(json.dumps({"type": "module", "scripts": {"dev": "vite"}}))
    (path / "node_modules").symlink_to(HERE / "node_modules")
    settle(router, "npm run dev")
    return path


@pytest.mark.node
def test_vite_by_npm_runs_on_its_worktrees_port_outlives_the_watcher_and_is_ended_whole(router: Router) -> None:
    path = vite(router)
    router.detach()
    label = router.routed(path)["name"]
    said = router.run("start", label)
    assert (said.code, said.out) == (0, f"{router.routed(path)['url']}\n"), said.err
    web = shows(router, path, "up")
    begun = server(router, path)
    whole = members(begun.record.server.pid)
    assert (web["port"], web["pid"] in whole, web["program"]) == (begun.record.port, True, "vite")
    assert 'src="/main.js' in router.page(label)
    assert router.status()["worktrees"]

    watcher = router.watcher_pid
    (process,) = (each for each in router.processes() if each.pid == watcher)
    process.kill()
    wait_until(lambda: gone(watcher))
    assert 'src="/main.js' in router.page(label)
    router.detach()
    assert shows(router, path, "up")["since"] == web["since"]
    assert members(begun.record.server.pid) == whole

    assert f"{label}: web runs on (pid {begun.record.server.pid})" in router.down().err
    assert ps.alive(begun.record.server)
    ended = router.run("stop", label)
    assert ended.code == 0, ended.err
    assert gone(*whole)
    wait_until(lambda: not keepers(begun.directory))


def test_a_server_is_starting_until_it_listens_and_then_routed(running: Router) -> None:
    path = by_python(running, SLOW)
    label = running.routed(path)["name"]
    start = running.start("start", label)
    web = shows(running, path, "starting")
    assert (web["up"], web["since"][-1]) == (False, "Z")
    assert not start.ended
    assert [line.split()[-1] for line in running.run("status").out.splitlines() if line.startswith(label)] == [
        "starting"
    ]
    (path / "go").touch()
    assert start.process.wait(60) == 0, start.errors
    assert start.lines == [running.routed(path)["url"]]
    shows(running, path, "up")
    assert "start-failed" not in running.kinds(path)


def test_a_server_that_has_failed_is_a_problem_until_it_is_started_again(running: Router) -> None:
    path = by_python(running, "print('no database'); raise SystemExit(3)\n")
    label = running.routed(path)["name"]
    assert running.run("start", label).code == 1
    shows(running, path, "failed")
    wait_until(lambda: "start-failed" in running.kinds(path))
    (path / "web.py").write_text(LISTEN + ANSWER)
    assert running.run("start", label).code == 0
    shows(running, path, "up")
    assert "start-failed" not in running.kinds(path)
    ps.signal(server(running, path).record.server, signal.SIGKILL)
    shows(running, path, "failed")
    assert running.run("stop", label).code == 0
    shows(running, path, "down")


def test_two_commands_that_start_at_once_start_one_server(running: Router) -> None:
    path = by_python(running, SLOW)
    label = running.routed(path)["name"]
    both = [running.start("start", label), running.start("start", label)]
    wait_until(lambda: all("starting web" in each.errors or "being started already" in each.errors for each in both))
    (path / "go").touch()
    assert [each.process.wait(60) for each in both] == [0, 0]
    assert sorted("is being started already" in each.errors for each in both) == [False, True]
    assert len(keepers(Store(running.state).directory)) == 1
    assert len(members(server(running, path).record.server.pid)) == 1


def test_a_server_whose_worktree_is_removed_is_left_over_and_reaped(running: Router) -> None:
    path = by_python(running, LISTEN + ANSWER)
    assert running.run("start", running.routed(path)["name"]).code == 0
    begun = server(running, path)
    running.git("worktree", "remove", "--force", path)
    pid = begun.record.server.pid
    wait_until(lambda: pid in {each["pid"] for each in running.seen().get("orphans", ())}, what="an orphan")
    assert ps.alive(begun.record.server)
    assert running.run("reap", "--yes").code == 0
    assert gone(pid)
    wait_until(lambda: not keepers(begun.directory))


def test_the_status_without_a_watcher_has_the_same_states(router: Router) -> None:
    path = by_python(router, LISTEN + ANSWER)
    assert router.run("start", cwd=path).code == 0
    [web] = [each["services"]["web"] for each in router.status()["worktrees"] if each["path"] == str(path)]
    assert web["state"] == "up"
    router.detach()
    assert shows(router, path, "up")["since"] == web["since"]


def test_a_watcher_learns_how_a_server_was_started_and_a_command_starts_it_again(
    running: Router, real: Started
) -> None:
    path = running.add(fresh("learnt"))
    port = running.routed(path)["services"]["web"]["port"]
    real.run(path, sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    shows(running, path, "up")
    known = Store(running.state).directory
    wait_until(lambda: [*known.glob("servers/*/learnt.json")], what="learnt")
    label = running.routed(path)["name"]
    assert running.run("stop", label).code == 0
    shows(running, path, "down")
    said = running.run("start", label)
    assert said.code == 0, said.err
    assert f"{label}: starting web (learnt): {sys.executable} -m http.server --bind 127.0.0.1 {port}" in said.err
    assert shows(running, path, "up")["pid"] == server(running, path).record.server.pid


def test_a_server_is_known_after_its_worktree_was_moved(running: Router) -> None:
    path = by_python(running, LISTEN + ANSWER)
    label = running.routed(path)["name"]
    assert running.run("start", label).code == 0
    since = shows(running, path, "up")["since"]
    moved = path.with_name(f"{path.name}.moved")
    running.git("worktree", "move", path, moved)
    running.routed(moved)
    assert shows(running, moved, "up")["since"] == since
    assert running.run("logs", str(running.routed(moved)["name"])).out == "web: up\n"
    assert running.run("stop", running.routed(moved)["name"]).code == 0
    assert shows(running, moved, "down")
