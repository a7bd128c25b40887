"""Whose a server is, what it costs, stopping mine and nobody else's, and what removed worktrees leave: real ones."""

import json
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from router import ps
from router.store import Store
from tests.documents import README
from tests.e2e import engines
from tests.e2e.browsers import chromium, missing
from tests.e2e.engines import Engine
from tests.e2e.routers import Json, Router, Upstream, free_port, fresh, listens, wait_until
from tests.processes.scenes import Started, gone, started
from tests.processes.servers import beside_an_agent, members

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
VITE = HERE / "node_modules" / ".bin" / "vite"
# What uvicorn does: one process that listens, and a worker that has its socket.
WORKER = """
import os, socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.fork()
time.sleep(600)
"""


@pytest.fixture
def real() -> Iterator[Started]:
    """What starts processes for this test."""
    with started() as made:
        yield made


def vite_by_npm(real: Started, router: Router, path: Path, port: int) -> list[int]:
    """Start Vite as `npm run dev` does; return the pids of npm, its shell and node."""
    if not (shutil.which("npm") and VITE.exists()):
        missing("npm and Vite (npm ci in tests/e2e)")
    shutil.copytree(HERE / "vite", path, dirs_exist_ok=True)
    script = f"{VITE} --host 127.0.0.1 --port {port} --strictPort; true"
    (path / "package.json").write_text(json.dumps({"private": True, "scripts": {"dev": script}}))
    npm = real.run(path, "npm", "run", "dev").pid
    wait_until(lambda: listens(port), what="vite")
    real.knows(*members(npm))
    return members(npm)


def by_hand(real: Started, path: Path, port: int) -> list[int]:
    """Start a server with a worker, as uvicorn is started by hand; return their pids."""
    child = real.run(path, sys.executable, "-S", "-c", WORKER, str(port))
    wait_until(lambda: listens(port) and len(members(child.pid)) == 2, what="the server and its worker")
    real.knows(*members(child.pid))
    return members(child.pid)


def whose(router: Router, what: object, *, cwd: Path | None = None) -> Json:
    said = router.run("whose", str(what), "--json", cwd=cwd)
    assert said.code == 0, said.err
    return dict(json.loads(said.out))


def left(router: Router) -> list[Json]:
    """Return the orphans of the status as the watcher last wrote it."""
    return list(router.seen().get("orphans", ()))


def alive(*pids: int) -> bool:
    return all(ps.identify(pid) for pid in pids)


@pytest.mark.node
def test_what_a_removed_worktree_leaves_is_seen_and_ended_and_nothing_else(running: Router, real: Started) -> None:
    path, port, api = running.add(fresh("gone")), free_port(), free_port()
    vite, uvicorn = vite_by_npm(real, running, path, port), by_hand(real, path, api)
    label = running.routed(path)["name"]
    wait_until(lambda: (web := running.web(path)).get("port") == port and web["up"], what="Vite as web")
    found = whose(running, port)
    assert (found["worktree"], found["service"], found["known_by"]) == (label, "web", "working directory")
    assert found["commit"] == running.git("rev-parse", "--short", "HEAD", cwd=path)
    assert found["dirty"] is True
    assert found["process"]["pid"] in vite
    shell, other = real.shell(path), running.add(fresh("stays"))
    bystanders = [shell, *by_hand(real, other, free_port()), real.idle(other)]

    running.git("worktree", "remove", "--force", path)
    wait_until(lambda: {each["port"] for each in left(running)} >= {port, api}, what="two servers as orphans")
    seen = running.seen()  # at one moment: npm and the worker may be found a look later
    listed = {each["pid"] for each in seen["orphans"]}
    assert listed <= {*vite, *uvicorn}
    problems = [each for each in seen["problems"] if each["kind"] == "orphan-process"]
    assert len(problems) == len(listed)
    assert {each["severity"] for each in problems} == {"warning"}
    table = running.run("status")
    assert f"{label} (gone)" in table.out
    assert "router reap --yes" in table.err

    said = running.run("reap")
    assert said.code == 0
    assert all(str(number) in said.out for number in (port, api))
    assert alive(*vite, *uvicorn)
    assert running.run("reap", "--yes").code == 0
    assert gone(*vite, *uvicorn)
    assert alive(*bystanders)
    wait_until(lambda: left(running) == [], what="no orphans any more")
    log = Store(running.state).watcher_log.read_text()
    assert f"SIGTERM to npm (pid {min(vite)}) in {path}" in log


def test_stop_ends_the_servers_of_one_worktree_alone(running: Router, real: Started) -> None:
    path, other = running.add(fresh("mine")), running.add(fresh("other"))
    port = free_port()
    mine, theirs = by_hand(real, path, port), by_hand(real, other, free_port())
    agent, server, _ = beside_an_agent(real, path)
    shell, editor = real.shell(path), real.idle(path, name="nvim")
    tail = real.run(path, "tail", "-f", "/dev/null").pid
    label = running.routed(path)["name"]
    said = running.run("stop", cwd=path)
    assert said.code == 0, said.err
    assert gone(*mine, server)
    assert alive(*theirs, agent, shell, editor, tail)
    assert f"{label}: left bash (pid {shell}): a shell" in said.err
    assert f"{label}: left tail (pid {tail}): does not listen" in said.err
    assert f"{label}: left claude (pid {agent}): an agent" in said.err
    assert f"on {port}" in said.err
    again = running.run("stop", label)
    assert (again.code, f"{label}: nothing was running" in again.err) == (0, True)


def test_inside_a_linked_worktree_nothing_of_another_one_is_stopped(running: Router, real: Started) -> None:
    path, other = running.add(fresh("mine")), running.add(fresh("other"))
    port = free_port()
    theirs = by_hand(real, other, port)
    label = running.routed(other)["name"]
    wait_until(lambda: running.web(other).get("up"), what="the other one's server")
    for arguments in (("stop", label), ("stop", f"--port={port}"), ("stop", "--all")):
        said = running.run(*arguments, cwd=path)
        assert (said.code, "nothing was changed" in said.err) == (1, True), said.err
    assert f"port {port} is {label}'s" in running.run("stop", f"--port={port}", cwd=path).err
    assert alive(*theirs)
    assert running.run("stop", f"--port={port}", "--other", cwd=path).code == 0
    assert gone(*theirs)


def test_from_the_main_checkout_each_worktree_and_each_service_may_be_stopped(running: Router, real: Started) -> None:
    paths = [running.add(fresh("one")), running.add(fresh("two"))]
    web, api = free_port(), free_port()
    (paths[0] / ".env.local").write_text(f"PORT={web}\nAPI_PORT={api}\n")
    servers = [by_hand(real, paths[0], web), by_hand(real, paths[0], api), by_hand(real, paths[1], free_port())]
    wait_until(lambda: all(running.web(path).get("up") for path in paths), what="both up")
    wait_until(lambda: running.routed(paths[0])["services"]["api"]["up"], what="the api")
    label = running.routed(paths[0])["name"]
    assert running.run("stop", label, "--service", "api", "--json").code == 0
    assert gone(*servers[1])
    assert alive(*servers[0], *servers[2])
    done = running.run("stop", "--all", "--json")
    assert done.code == 0
    ended = {each["pid"] for tree in json.loads(done.out)["worktrees"] for each in tree["ended"]}
    assert ended == {*servers[0], *servers[2]}
    assert gone(*servers[0], *servers[2])


def test_what_is_nobodys_is_not_stopped(running: Router, real: Started, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    pid, port = real.server(tmp_path / "elsewhere")
    said = running.run("stop", f"--port={port}")
    assert said.code == 1
    assert "is in no worktree" in said.err
    nothing = running.run("stop", f"--port={free_port()}")
    assert (nothing.code, "no worktree has it" in nothing.err) == (1, True)
    assert running.run("stop", "--port=1", "--all").code == 2
    assert alive(pid)


@pytest.mark.parametrize("way", ["worktree remove --force", "rm", "rm and prune", "a killed removal", "no watcher"])
def test_orphans_are_found_however_their_worktree_went(router: Router, real: Started, way: str) -> None:
    up = router.up()
    path = router.add(fresh("gone"))
    servers = by_hand(real, path, free_port())
    label = router.routed(path)["name"]
    if way == "no watcher":
        up.end(signal.SIGKILL)
    if way in {"worktree remove --force", "no watcher"}:
        router.git("worktree", "remove", "--force", path)
    else:
        shutil.rmtree(path)
    if way == "rm and prune":
        router.git("worktree", "prune", "--expire=now")
    if way == "a killed removal":
        shutil.rmtree(router.repository / ".git/worktrees" / path.name)
    if way == "no watcher":
        said = router.run("status", "--json")
        assert {each["worktree"] for each in json.loads(said.out)["orphans"]} == {label}
        router.up()
    wait_until(lambda: {each["pid"] for each in left(router)} == set(servers), what=f"{servers} as orphans")
    found = left(router)
    assert {(each["worktree"], each["repository"], each["path"]) for each in found} == {(label, "shop", str(path))}
    assert whose(router, servers[0])["gone"] is True
    router.run("reap", "--yes")
    assert gone(*servers)


def test_a_worktree_that_is_removed_by_force_takes_its_servers_with_it(router: Router, real: Started) -> None:
    path = router.add(fresh("x"), router.repository / ".claude/worktrees/x")
    servers = by_hand(real, path, free_port())
    shell = real.shell(path)
    (path / "unsaved.txt").write_text("work")
    said = router.run("hook", "worktree-remove", str(path))
    assert said.code == 1
    assert alive(*servers)
    said = router.run("hook", "worktree-remove", "--force", str(path))
    assert said.code == 0, said.err
    assert not path.exists()
    assert gone(*servers)
    assert alive(shell)


def test_memory_is_shown_for_those_who_ask(running: Router, real: Started) -> None:
    path = running.add(fresh("large"))
    port = free_port()
    running.declare(path, port)
    pid = real.run(path, sys.executable, "-S", "-c", f"held = b'x' * 80_000_000\n{WORKER}", str(port)).pid
    wait_until(lambda: len(members(pid)) == 2, what="the worker")
    real.knows(*members(pid))
    wait_until(lambda: running.web(path).get("up"), what="the server")
    document = json.loads(running.run("status", "--memory", "--json").out)
    tree = next(each for each in document["worktrees"] if each["path"] == str(path))
    assert tree["memory"]["bytes"] > 80_000_000
    assert tree["memory"]["reclaimable"] == tree["memory"]["bytes"]
    assert tree["services"]["web"]["memory"]["processes"] == 2
    assert "memory" not in running.status()
    answer = running.get("localhost", "/.router/memory.json")
    assert answer.status_code == 200
    assert answer.json()["worktrees"][str(path)]["processes"] == 2
    assert running.get("localhost", "/.router/memory.json", headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    said = running.run("status", "--memory")
    assert "MEMORY" in said.out
    assert "`router stop` would give back" in said.err


def test_whose_says_what_it_knows_and_exits_1_where_nobody_knows(running: Router, real: Started) -> None:
    path = running.add(fresh("mine"))
    port = free_port()
    running.declare(path, port)
    label = running.routed(path)["name"]
    wait_until(lambda: running.web(path).get("port") == port, what="the declared port")
    assert whose(running, port)["known_by"] == "declared"
    assert whose(running, f"http://{label}.localhost:{running.port}/")["worktree"] == label
    assert whose(running, path / "src")["known_by"] == "path"
    assert whose(running, ".", cwd=path)["branch"] == running.git("branch", "--show-current", cwd=path)
    said = running.run("whose", str(running.port))
    assert (said.code, "the router's own" in said.err) == (1, True)
    assert running.run("whose", "4194399").code == 1
    assert running.run("whose", "https://example.com").code == 2


# The lines of the README that fail a run against the wrong tree


def line(tool: str) -> str:
    """Return the README's line for a tool."""
    found = re.search(rf"^\| {tool} \| `(.*)` \|$", README.read_text(), re.MULTILINE)
    assert found
    return found[1]


@pytest.fixture
def trees(running: Router) -> Iterator[tuple[Path, Path]]:
    """Two worktrees whose servers answer."""
    with Upstream("mine") as one, Upstream("other") as two:
        paths = running.add(fresh("mine"), port=one.port), running.add(fresh("other"), port=two.port)
        wait_until(lambda: all(running.web(path).get("up") for path in paths), what="both up")
        yield paths


def test_the_line_for_curl_fails_a_run_against_the_wrong_tree(running: Router, trees: tuple[Path, Path]) -> None:
    mine, other = trees
    script = running.directory / "check.sh"
    script.write_text(line("curl"))
    assert running.run("run", "--", "sh", script, cwd=mine).code == 0
    wrong = running.routed(other)["url"]
    said = running.run("run", "--", "env", f"WORKTREE_URL={wrong}", "sh", script, cwd=mine)
    assert (said.code, said.out) == (1, "")


def test_the_line_for_pytest_fails_a_run_against_the_wrong_tree(running: Router, trees: tuple[Path, Path]) -> None:
    def get(url: str) -> httpx.Response:  # names below localhost are not resolved everywhere
        return running.get(url.removeprefix("http://"))

    labels = [running.routed(path)["name"] for path in trees]
    environ = {"WORKTREE_URL": running.routed(trees[0])["url"], "ROUTER_EXPECT": labels[0]}
    names = {"httpx": SimpleNamespace(get=get), "os": SimpleNamespace(environ=environ)}
    exec(line("pytest"), names)  # noqa: S102 - the README's own
    environ["ROUTER_EXPECT"] = labels[1]
    with pytest.raises(AssertionError):
        exec(line("pytest"), names)  # noqa: S102 - as above


@pytest.mark.browser
def test_the_header_that_the_line_for_playwright_reads_is_the_labels(running: Router, trees: tuple[Path, Path]) -> None:
    assert 'headers()["x-worktree"]).toBe(process.env.ROUTER_EXPECT)' in line("Playwright")
    with chromium() as browser:
        page = browser.new_page()
        for path in trees:
            tree = running.routed(path)
            answer = page.goto(tree["url"])
            assert answer
            assert answer.headers["x-worktree"] == tree["name"]


# Docker Compose


@pytest.fixture
def engine(router: Router) -> Iterator[Engine]:
    """The engine that runs on this machine, else one of our own; the router and its commands ask that one."""
    with engines.asked_by(router) as found:
        yield found


def composed(router: Router, engine: Engine, path: Path, port: int) -> list[str]:
    """Let Compose start a web server and another one in a worktree; return the names of their containers."""
    project = path.name.replace(".", "-")
    engine.import_caddy(project)
    server = {
        "image": project,
        "command": ["/usr/bin/caddy", "respond", "--listen", ":80", "hello"],
        "stop_grace_period": "1s",
    }
    services = {"web": {**server, "ports": [f"127.0.0.1:{port}:80"]}, "worker": server}
    (path / "compose.yml").write_text(json.dumps({"name": project, "services": services}))
    engines.compose(router, path, "up", "--detach")
    return [f"{project}-{service}-1" for service in services]


def runs(engine: Engine, name: str) -> bool:
    return bool(engine.ask("GET", f"/containers/{name}/json")["State"]["Running"])


@pytest.mark.docker
def test_the_containers_of_a_worktree_are_counted_named_and_stopped_with_it(
    engine: Engine, router: Router, real: Started
) -> None:
    mine, other = router.add(fresh("mine")), router.add(fresh("other"))
    port = free_port()
    boxes, theirs = composed(router, engine, mine, port), composed(router, engine, other, free_port())
    router.up()
    try:
        wait_until(lambda: router.web(mine).get("source") == f"container:{boxes[0]}", what="the container")
        for what in (boxes[0], boxes[1], port):
            found = whose(router, what)
            assert (found["path"], found["known_by"]) == (str(mine), "container")
        assert whose(router, port)["service"] == "web"
        document = json.loads(router.run("status", "--memory", "--json").out)
        tree = next(each for each in document["worktrees"] if each["path"] == str(mine))
        used = tree["memory"]
        assert (used["containers"], used["reclaimable"] > 1_000_000) == (2, True)
        assert tree["services"]["web"]["memory"]["containers"] == 1

        one = router.run("stop", "--service=web", cwd=mine)
        assert one.code == 0, one.err
        assert f"stopped the container {boxes[0]}" in one.err
        assert [runs(engine, name) for name in (*boxes, *theirs)] == [False, True, True, True]
        assert router.run("stop", "--json", cwd=mine).code == 0
        assert [runs(engine, name) for name in (*boxes, *theirs)] == [False, False, True, True]
    finally:
        for path in (mine, other):
            engines.compose(router, path, "down", "--timeout=1", "--rmi=all")
