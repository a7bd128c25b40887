"""Worktrees that sleep beside a running watcher: real Vite, a real browser with a tab left open, a killed watcher."""

import json
import time
from pathlib import Path

import pytest

from router.processes import memory
from router.sleep import kept
from router.store import Store
from tests.e2e import engines
from tests.e2e.browsers import chromium
from tests.e2e.engines import Engine
from tests.e2e.routers import Json, Router, free_port, fresh, wait_until
from tests.e2e.test_processes import runs
from tests.e2e.test_start import server, shows, vite
from tests.processes.scenes import gone
from tests.processes.servers import members
from tests.sleep.nights import LONG, SERVE

pytestmark = pytest.mark.e2e


def settle(router: Router, sleep: str, line: str) -> None:
    """Have `web` started by this line, and worktrees sleep by these; allow it."""
    text = f"[services.web]\nrun = {json.dumps(line)}\n[sleep]\n{sleep}\n"
    (router.repository / "router.toml").write_text(text)
    assert router.run("allow").code == 0


ANSWER = "OK = b'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n'\n" + SERVE.replace(
    "c.recv(4096): pass", "c.recv(4096): c.sendall(OK)"
)
"""A server that gives answers: a watcher shows it as up, however long it looks."""

KILLS = """
import os, signal
def told(*_):
    if os.path.exists("kill"):
        pid = int(open("kill").read())
        os.unlink("kill")
        os.kill(pid, signal.SIGKILL)
signal.signal(signal.SIGTERM, told)
"""
"""Of a server that does not end when it is told to, and kills the watcher which tells it so, once."""


def by_python(router: Router, sleep: str, code: str = ANSWER) -> Path:
    """Add a worktree whose `web` Python serves with this code."""
    path = router.add(fresh("nap"))
    (path / "web.py").write_text(code)
    settle(router, sleep, "python3 -S web.py")
    return path


def sleeps(router: Router, path: Path) -> Json:
    """Wait until a worktree is shown as asleep; return what the status has of that."""

    def asleep() -> Json | None:
        tree = router.at(path)
        found = tree and (tree.get("sleep") or {}).get("asleep")
        return found if tree and found and tree["services"]["web"]["state"] == "asleep" else None

    return wait_until(asleep, what="asleep", limit=LONG)  # type: ignore[return-value]


def row(router: Router, label: str) -> str:
    """Return the line of a worktree in the table."""
    [line] = [each for each in router.run("status").out.splitlines() if each.startswith(f"{label} ")]
    return line


@pytest.mark.node
@pytest.mark.browser
def test_vite_sleeps_though_a_tab_is_open_gives_its_memory_back_and_returns_to_its_port(router: Router) -> None:
    path = vite(router)
    settle(router, 'after = "6s"', "npm run dev")
    router.detach()
    label, url = router.routed(path)["name"], router.routed(path)["url"]
    assert router.run("pin", label).code == 0  # a browser may take longer to open a tab than it is to stay awake
    assert router.run("start", label).code == 0
    port = shows(router, path, "up")["port"]
    whole = members(server(router, path).record.server.pid)
    used = sum(memory.of(pid).bytes for pid in whole)
    with chromium() as browser:
        tab = browser.new_page()
        with tab.expect_websocket() as websocket:  # of hot reload: Vite's client pings over it
            tab.goto(url, wait_until="load")
        tab.evaluate("document.title = 'left open'")
        other = browser.new_page()
        other.bring_to_front()
        assert router.run("pin", "--off", label, cwd=path).code == 0
        found = sleeps(router, path)
        assert not websocket.value.url.endswith(f":{port}")
        wait_until(lambda: gone(*whole), what="its processes end", limit=LONG)
        assert found["services"] == ["web"]
        assert used / 2 < found["memory"] < used * 2
        assert used > 50_000_000
        said = row(router, label).split("asleep ")[1]
        assert said.endswith(f", was {round(found['memory'] / 1e6)} MB")
        for _ in range(20):  # it asks again and again whether the server is back
            other.wait_for_timeout(200)
            assert router.web(path)["state"] == "asleep"
    assert router.run("pin", label).code == 0  # it would sleep again while it is looked at
    assert router.run("start", label).code == 0
    assert shows(router, path, "up")["port"] == port
    assert 'src="/main.js' in router.page(label)
    wait_until(lambda: (router.at(path) or {})["sleep"]["asleep"] is None)


def test_a_visit_through_the_router_counts_and_both_status_and_explain_say_so(running: Router) -> None:
    path = by_python(running, 'after = "1h"')
    label, url = running.routed(path)["name"], running.routed(path)["url"]
    assert running.run("start", label).code == 0

    def last() -> Json:
        return ((running.at(path) or {}).get("sleep") or {}).get("last_use") or {}

    # the router's own questions to the new server are no visit: it was first seen, and nothing since
    wait_until(lambda: last().get("sign") in {"seen", "started"}, limit=LONG)

    def visited() -> bool:
        assert running.page(label) == ""
        return last().get("sign") == "connection"

    # A visit before the first look at the port does not count; Caddy keeps a connection for four seconds
    wait_until(visited, limit=LONG, pause=5)
    assert last()["text"] == "a new connection to web"
    said = running.run("explain", f"{url}/").out
    assert "sleeps 1 h after its last use\n" in said
    assert " ago: a new connection to web\n" in said


def test_pinned_stays_awake_through_a_restart_and_stopped_by_hand_is_down(router: Router) -> None:
    path = by_python(router, 'after = "2s"')
    router.detach()
    label = router.routed(path)["name"]
    assert router.run("pin", label).err == f"{label} is pinned: it does not sleep by itself\n"
    assert router.run("start", label).code == 0
    router.down()
    router.detach()
    begun = time.monotonic()
    while time.monotonic() - begun < 6:
        assert shows(router, path, "up")
    assert (router.at(path) or {})["sleep"]["pinned"] is True
    assert "pinned: it does not sleep by itself\n" in router.run("explain", router.routed(path)["url"]).out
    assert router.run("pin", "--off", cwd=path).err == f"{label} may sleep by itself again\n"
    sleeps(router, path)
    said = router.run("explain", router.routed(path)["url"]).out
    assert "asleep for " in said
    assert "(nobody used it for " in said
    assert router.run("stop", label).code == 0
    shows(router, path, "down")


def test_a_watcher_that_is_killed_while_it_stops_a_server_leaves_that_to_the_next(router: Router) -> None:
    path = by_python(router, 'after = "2s"', KILLS + ANSWER)
    router.detach()
    watcher = router.watcher_pid
    (path / "kill").write_text(str(watcher))
    assert router.run("start", router.routed(path)["name"]).code == 0
    store, started = Store(router.state), server(router, path)
    wait_until(lambda: gone(watcher), limit=LONG)
    note = kept.note(store, started.record.worktree)
    assert note
    assert not note.done
    assert not gone(started.record.server.pid)  # it ignores SIGTERM
    assert router.status()["worktrees"]
    router.detach()
    sleeps(router, path)
    wait_until(lambda: gone(started.record.server.pid), limit=LONG)
    wait_until(lambda: (note := kept.note(store, started.record.worktree)) and note.done, limit=LONG)


def test_one_that_sleeps_is_shown_so_without_a_watcher_and_after_a_branch_switch(router: Router) -> None:
    path = by_python(router, 'after = "2s"')
    router.detach()
    assert router.run("start", router.routed(path)["name"]).code == 0
    since = sleeps(router, path)["since"]
    router.git("switch", "--quiet", "-c", fresh("other"), cwd=path)
    wait_until(lambda: (router.at(path) or {}).get("branch", "").startswith("other"))
    assert sleeps(router, path)["since"] == since
    router.down()
    [tree] = [each for each in router.status()["worktrees"] if each["path"] == str(path)]
    assert (tree["services"]["web"]["state"], tree["services"]["web"]["since"]) == ("asleep", since)


def stack(router: Router, engine: Engine, path: Path) -> list[str]:
    """Let Compose start what a web server needs in a worktree; return the names of the containers."""
    project = path.name.replace(".", "-")
    engine.import_caddy(project)
    box = {
        "image": project,
        "command": ["/usr/bin/caddy", "respond", "--listen", ":80", "x"],
        "stop_grace_period": "1s",
    }
    services = {"store": {**box, "ports": [f"127.0.0.1:{free_port()}:80"]}, "worker": box}
    (path / "compose.yml").write_text(json.dumps({"name": project, "services": services}))
    engines.compose(router, path, "up", "--detach")
    return [f"{project}-{service}-1" for service in services]


@pytest.mark.docker
def test_containers_sleep_with_the_servers_of_their_worktree_and_return_with_them(router: Router) -> None:
    with engines.asked_by(router) as engine:
        path, other = by_python(router, 'after = "3s"\ncontainers = true'), router.add(fresh("other"))
        mine, theirs = stack(router, engine, path), stack(router, engine, other)
        try:
            assert router.run("pin", cwd=other).code == 0  # before a watcher lets it sleep
            router.detach()
            label = router.routed(path)["name"]
            assert router.run("start", label).code == 0
            sleeps(router, path)
            store, key = Store(router.state), server(router, path).record.worktree
            wait_until(lambda: (note := kept.note(store, key)) and note.done, limit=LONG)
            assert [runs(engine, name) for name in (*mine, *theirs)] == [False, False, True, True]
            assert router.run("pin", label).code == 0  # it would sleep again while it is looked at
            said = router.run("start", label)
            assert said.code == 0, said.err
            assert all(f"{label}: started the container {name}\n" in said.err for name in mine)
            assert [runs(engine, name) for name in (*mine, *theirs)] == [True, True, True, True]
            assert router.run("pin", "--off", label).code == 0
            sleeps(router, path)
            wait_until(lambda: not runs(engine, mine[0]), limit=LONG)
        finally:
            for each in (path, other):
                engines.compose(router, each, "down", "--timeout=1", "--rmi=all")
