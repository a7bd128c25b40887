"""Which of a worktree's servers is which: pages, APIs, debuggers, databases and tools, as real processes."""

import contextlib
import json
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browsers import missing
from tests.e2e.routers import LIMIT, Json, Router, free_port, fresh, listens, wait_until
from tests.e2e.test_servers import JSON, down, of, project, serving, shows, started, up, vite

pytestmark = pytest.mark.e2e

# A server that writes down who asks for what: a page at /, and no other
COUNTS = """
import http.server, sys
port, log = int(sys.argv[1]), sys.argv[2]

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(log, "a") as file:
            print(self.path, self.headers["User-Agent"], file=file)
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"a page")

http.server.ThreadingHTTPServer(("127.0.0.1", port), Page).serve_forever()
"""


def services(router: Router, path: Path) -> Json:
    """Return the services of a worktree that are up, with their ports."""
    return {name: each["port"] for name, each in router.routed(path)["services"].items() if each["up"]}


def become(router: Router, path: Path, wanted: Json) -> None:
    wait_until(lambda: services(router, path) == wanted, what=f"{wanted}: {router.directory}/servers.log")


def healthy(router: Router, path: Path) -> None:
    """Wait until a worktree has no problem: one that is slow to answer at first is silent until it has."""
    wait_until(lambda: not router.kinds(path), what="no problem")


def is_listened_on(*ports: int) -> None:
    for port in ports:
        wait_until(lambda at=port: listens(at), what=f"a server at {port}")


@pytest.mark.node
def test_nodes_inspectors_change_nothing(shared: Router) -> None:
    name, port = fresh("inspected"), free_port()
    path = project(shared, name)
    (path / "package.json").write_text(json.dumps({"scripts": {"dev": f"{vite()[0]} --port {port}"}}))
    if not (npm := shutil.which("npm")):
        missing("npm (apt-get install nodejs npm)")
    with started(shared, path, npm, "run", "dev", NODE_OPTIONS="--inspect=0", npm_config_update_notifier="false"):
        up(shared, path, port)  # npm and Vite each have an inspector, both at ports of their own
        shows(shared, name, f"<title>{name}</title>")
        wait_until(lambda: _inspectors(shared, path) >= 1, what="an inspector")
        become(shared, path, {"web": port})
        healthy(shared, path)


def _inspectors(router: Router, path: Path) -> int:
    log = (router.directory / "servers.log").read_text(errors="replace")
    return log.count("Debugger listening on")


@pytest.mark.node
def test_storybook_gives_way_to_vite_and_is_a_service_of_its_own(shared: Router) -> None:
    name, first, second = fresh("stories"), free_port(), free_port()
    path = project(shared, name)
    command = path / "node_modules" / "storybook" / "bin" / "index.cjs"
    command.parent.mkdir(parents=True)
    answer = "(_, answer) => answer.setHeader('Content-Type', 'text/html').end('the stories')"
    command.write_text(f"require('http').createServer({answer}).listen({first}, '127.0.0.1')")
    with started(shared, path, shutil.which("node") or "node", command):
        assert up(shared, path, first)["framework"] == "storybook"
        shows(shared, name, "the stories")
        with started(shared, path, *vite("--port", str(second))):
            become(shared, path, {"web": second, "storybook": first})
            shows(shared, name, f"<title>{name}</title>")
            shows(shared, f"storybook.{name}.localhost", "the stories")
            assert of(shared, path)["framework"] == "vite"
            healthy(shared, path)
        down(shared, path)
        assert services(shared, path) == {"storybook": first}


def test_a_database_in_the_worktree_is_no_server_of_it(shared: Router) -> None:
    if not (redis := shutil.which("redis-server")):
        missing("redis-server (apt-get install redis-server)")
    name, store, web = fresh("stored"), free_port(), free_port()
    path = shared.add(name)
    with started(shared, path, redis, "--port", str(store), "--save", "", "--bind", "127.0.0.1"):
        is_listened_on(store)
        with started(shared, path, *serving(path, "data", web, kind=JSON)):
            become(shared, path, {"web": web})
            assert not shared.kinds(path)
        down(shared, path)


def test_a_new_server_is_asked_at_a_path_of_the_routers_alone(shared: Router) -> None:
    name, ports = fresh("asked"), (free_port(), free_port())
    path = shared.add(name)
    with contextlib.ExitStack() as stack:
        logs = [_counting(stack, shared, path, port) for port in ports[:1]]
        up(shared, path, ports[0])
        shows(shared, name, "a page")
        assert {*_paths(logs[0])} == {"/.router//probe"}  # a slow one is asked again

        logs.append(_counting(stack, shared, path, ports[1]))
        wait_until(lambda: "ambiguous-port" in shared.kinds(path), what="two alike")
        for log in logs:
            wait_until(lambda at=log: "/" in _paths(at), what=f"a request for the page: {log}")
        shared.declare(path, ports[1])
        up(shared, path, ports[1])
        for log in logs:
            asked = _paths(log)
            assert ({*asked}, asked.count("/")) == ({"/.router//probe", "/"}, 1)


def test_uvicorn_after_a_syntax_error_is_not_answering_until_it_is_corrected(shared: Router) -> None:
    name, port = fresh("broken"), free_port()
    path = shared.add(name)
    good = "import fastapi\napp = fastapi.FastAPI()\n@app.get('/')\ndef page():\n    return 'fine'\n"
    module = path / "main.py"
    module.write_text(good)
    command = (sys.executable, "-m", "uvicorn", "main:app", "--reload", "--port", str(port))
    with started(shared, path, *command):
        up(shared, path, port)
        shows(shared, name, "fine")
        wait_until(lambda: of(shared, path)["state"] == "up", what="no longer thought to be silent")
        module.write_text("def broken(:\n")
        wait_until(lambda: of(shared, path).get("state") == "not-answering", what="not-answering")  # before any visit
        assert shared.kinds(path) == {"not-answering"}
        assert "not answering uvicorn" in shared.run("status").out
        with _asking(shared, name) as visitor:
            browser = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
            page = shared.get(name, headers=browser)
            assert page.status_code == 504
            assert f"gave no answer on 127.0.0.1:{port}" in page.text
            module.write_text(good)
            visitor.settimeout(LIMIT)
            assert visitor.recv(4096).startswith(b"HTTP/1.1 200 ")  # what is no navigation was not cut short
        wait_until(lambda: of(shared, path).get("state") == "up", what="up again")
        shows(shared, name, "fine")
        assert not shared.kinds(path)


@contextlib.contextmanager
def _asking(router: Router, name: str) -> Iterator[socket.socket]:
    """Ask for a page as a script would, which waits for as long as it takes."""
    with socket.create_connection(("127.0.0.1", router.port)) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {name}.localhost:{router.port}\r\n\r\n".encode())
        yield connection


def _counting(stack: contextlib.ExitStack, router: Router, path: Path, port: int) -> Path:
    script, log = path / "counts.py", path / f"{port}.log"
    script.write_text(COUNTS)
    stack.enter_context(started(router, path, "python3", script, str(port), log))
    is_listened_on(port)
    return log


def _paths(log: Path) -> list[str]:
    """Return what the router itself asked for."""
    return [line.split()[0] for line in log.read_text().splitlines() if "worktree-router/" in line]
