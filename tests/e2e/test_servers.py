"""Dev servers as people start them, found where they really listen: Vite, npm, Flask, http.server, Compose."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.e2e import engines
from tests.e2e.browsers import chromium, missing
from tests.e2e.engines import Engine
from tests.e2e.routers import LIMIT, Json, Router, Upstream, free_port, fresh, listens, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, WebSocket

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
VITE = HERE / "node_modules" / ".bin" / "vite"
HTML, JSON = "text/html; charset=utf-8", "application/json"

# A server whose address, port, text and content type are its arguments; with a certificate it speaks TLS
SERVER = """
import http.server, socket, ssl, sys

address, port, text, kind, *certificate = sys.argv[1:]

class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(f"{text} {self.path}".encode())

server = Server((address, int(port)), Page)
if certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@contextlib.contextmanager
def started(router: Router, directory: Path, *command: str | Path, **environment: str) -> Iterator[int]:
    """Run a command, and whatever it starts, until the block ends; give its pid."""
    with (router.directory / "servers.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=directory, env={**router.env, **environment},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield process.pid
    finally:
        stop(process.pid)
        process.wait(LIMIT)


def stop(group: int) -> None:
    """End what is left of a process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)


def serving(worktree: Path, text: str, port: int, *more: str | Path, address: str = "127.0.0.1",
            kind: str = HTML) -> tuple[str | Path, ...]:  # fmt: skip
    """Put the server above into a worktree; return the command that runs it."""
    script = worktree / "server.py"
    script.write_text(SERVER)
    return (sys.executable, script, address, str(port), text, kind, *more)


def of(router: Router, path: Path, service: str = "web") -> Json:
    """Return a service of the worktree at a path, empty where it has none."""
    return dict((router.at(path) or {"services": {}})["services"].get(service, {}))


def up(router: Router, path: Path, port: int | None = None, *, service: str = "web", limit: float = LIMIT) -> Json:
    """Wait until a service is up, at that port where one is given, and return it."""

    def look() -> Json:
        seen = of(router, path, service)
        return seen if seen.get("up") and port in (None, seen["port"]) else {}

    return wait_until(look, limit=limit, what=f"{path.name} {service} {port or ''}: {router.directory}/servers.log")


def down(router: Router, path: Path) -> None:
    """Wait until the worktree's web is down."""
    wait_until(lambda: not of(router, path).get("up", True), what=f"{path} down")


def shows(router: Router, label: str, text: str) -> None:
    """Wait until a host's page has this text: what was found a moment ago may not be loaded yet."""
    wait_until(lambda: text in router.page(label), what=f"{text} at {label}")


# Vite


def vite(*arguments: str) -> tuple[str | Path, ...]:
    """Return the command that runs Vite; the test is skipped without it."""
    if not shutil.which("node"):
        missing("Node (apt-get install nodejs npm)")
    if not VITE.exists():
        missing("Vite (npm ci in tests/e2e)")
    return (VITE, *arguments)


def project(router: Router, name: str) -> Path:
    """Add a worktree with a Vite project that shows the worktree's name; no file of it names a port."""
    path = router.add(name)
    shutil.copytree(HERE / "vite", path, dirs_exist_ok=True)
    for page in ("index.html", "main.js"):
        replace(path / page, "shop", name)
    return path


def replace(file: Path, before: str, after: str) -> None:
    """Change a file in one step, as editors do: Vite shows what it reads, half a file too."""
    beside = file.parents[1] / f"{file.parent.name}.{file.name}"
    beside.write_text(file.read_text().replace(before, after))
    beside.replace(file)


@pytest.mark.node
def test_each_of_three_worktrees_with_a_plain_vite_shows_its_own_page(shared: Router) -> None:
    paths = {name: project(shared, name) for name in map(fresh, ("one", "two", "three"))}
    with contextlib.ExitStack() as stack:
        pids = {name: stack.enter_context(started(shared, path, *vite())) for name, path in paths.items()}
        found = {name: up(shared, path) for name, path in paths.items()}
        assert len({service["port"] for service in found.values()}) == 3
        for name, service in found.items():
            assert (service["source"], service["program"], service["pid"]) == ("listener", "vite", pids[name])
            shows(shared, name, f"<title>{name}</title>")
            assert name in shared.page(name, "/main.js")
        status = {worktree["name"]: worktree for worktree in shared.status()["worktrees"]}
        assert {name: status[name]["services"]["web"]["pid"] for name in paths} == pids
        table = shared.run("status").out
        assert all(f"vite {pid}" in table for pid in pids.values())


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    vite()
    with chromium() as browser:
        yield browser


@dataclass
class Tab:
    """A page of a worktree in Chromium, and the websockets that it has opened."""

    page: "Page"
    name: str
    main: Path
    sockets: list["WebSocket"] = field(default_factory=list)

    def note(self, websocket: "WebSocket") -> None:
        """Remember a websocket; playwright takes no built-in function for that."""
        self.sockets.append(websocket)

    def edit(self, before: str, after: str) -> None:
        """Write another text into the worktree's module, and wait until the page shows it."""
        replace(self.main, f'"{before}"', f'"{after}"')
        self.page.wait_for_selector(f"h1:text-is('{after}')", timeout=LIMIT * 1000)


def opened(browser: "Browser", router: Router, name: str, path: Path) -> Tab:
    """Open a worktree's page, wait until Vite's client is connected, and leave a mark that a reload would remove."""
    tab = Tab(browser.new_page(), name, path / "main.js")
    page = tab.page
    page.on("websocket", tab.note)
    with page.expect_console_message(lambda message: "connected." in message.text, timeout=LIMIT * 1000):
        page.goto(f"http://{name}.localhost:{router.port}/")
    page.wait_for_selector(f"h1:text-is('{name}')", timeout=LIMIT * 1000)
    page.evaluate("window.marked = true")
    return tab


@pytest.mark.browser
@pytest.mark.node
def test_hot_reload_goes_through_the_router_and_survives_ten_reloads_of_caddy(
    browser: "Browser", shared: Router
) -> None:
    paths = {name: project(shared, name) for name in map(fresh, ("hot", "hotter"))}
    with contextlib.ExitStack() as stack:
        for path in paths.values():
            stack.enter_context(started(shared, path, *vite()))
            up(shared, path)
        tabs = [opened(browser, shared, name, path) for name, path in paths.items()]
        for tab in tabs:
            tab.edit(tab.name, f"{tab.name} edited")

        loads = shared.loads
        for _ in range(5):
            extra = shared.add(fresh("extra"))
            shared.routed(extra)
            shared.git("worktree", "remove", "--force", extra)
            wait_until(lambda gone=extra: not shared.at(gone), what="the extra worktree gone")
        assert shared.loads >= loads + 10

        for tab in tabs:
            tab.edit(f"{tab.name} edited", f"{tab.name} edited again")
            assert tab.page.evaluate("window.marked"), "the page was reloaded"
            [websocket] = tab.sockets
            assert not websocket.is_closed()
            assert f"{tab.name}.localhost:{shared.port}" in websocket.url
            tab.page.close()


@pytest.mark.node
def test_vite_that_moved_away_from_a_taken_port_is_routed_where_it_is(shared: Router) -> None:
    name, other = fresh("moved"), fresh("other")
    path, taken = project(shared, name), free_port()
    shared.declare(path, taken)
    shared.serve(shared.add(other), "the other one", taken)
    with started(shared, path, *vite("--port", str(taken))):
        wait_until(lambda: of(shared, path).get("up") and of(shared, path)["port"] != taken, what="moved")
        service = of(shared, path)
        assert (service["source"], service["program"]) == ("listener", "vite")
        assert "moved-port" in shared.kinds(path)
        shows(shared, name, f"<title>{name}</title>")
        shows(shared, other, "the other one")


@pytest.mark.node
def test_vite_that_moved_away_from_a_stranger_is_routed_where_it_is(shared: Router) -> None:
    name = fresh("moved")
    with Upstream("of no worktree") as stranger:
        path = project(shared, name)
        shared.declare(path, stranger.port)
        with started(shared, path, *vite("--port", str(stranger.port))):
            wait_until(lambda: "moved-port" in shared.kinds(path), what="moved-port")
            assert of(shared, path)["port"] != stranger.port
            shows(shared, name, f"<title>{name}</title>")
        down(shared, path)
        assert shared.get(name).status_code == 502


@pytest.mark.node
def test_a_stopped_vite_is_down_without_a_load_and_comes_back_on_another_port(shared: Router) -> None:
    name, first, second = fresh("again"), free_port(), free_port()
    path = project(shared, name)
    with started(shared, path, *vite("--port", str(first))):
        up(shared, path, first)
        shows(shared, name, f"<title>{name}</title>")
        loads = shared.loads
    down(shared, path)
    assert (of(shared, path)["port"], of(shared, path)["pid"]) == (first, None)
    assert shared.get(name).status_code == 502
    assert shared.loads == loads

    with started(shared, path, *vite("--port", str(second))):
        up(shared, path, second)
        shows(shared, name, f"<title>{name}</title>")


# Other servers, and other ways to start one


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_pythons_own_server_is_found_whatever_it_is_bound_to(shared: Router, address: str) -> None:
    name, port = fresh("python"), free_port()
    path = shared.add(name)
    (path / "index.html").write_text(f"page of {name}")
    with started(shared, path, sys.executable, "-m", "http.server", "--bind", address, str(port)) as pid:
        service = up(shared, path, port)
        assert (service["program"], service["pid"]) == ("http.server", pid)
        shows(shared, name, f"page of {name}")


def test_flask_with_its_reloader_is_found(shared: Router) -> None:
    name, port = fresh("flask"), free_port()
    path = shared.add(name)
    page = f"<title>page of {name}</title>"
    (path / "app.py").write_text(f"import flask\napp = flask.Flask('app')\napp.get('/')(lambda: {page!r})\n")
    command = (sys.executable, "-m", "flask", "run", "--debug", "--port", str(port))
    with started(shared, path, *command) as pid:
        service = up(shared, path, port)
        assert (service["program"], service["pid"], service["address"]) == ("flask", pid, "127.0.0.1")
        shows(shared, name, page)


def test_a_server_in_a_subdirectory_belongs_to_the_worktree(shared: Router) -> None:
    name, port = fresh("below"), free_port()
    path = shared.add(name)
    folder = path / "packages" / "front end"
    folder.mkdir(parents=True)
    with started(shared, folder, *serving(folder, name, port)):
        up(shared, path, port)
        shows(shared, name, name)


@pytest.mark.node
@pytest.mark.parametrize("there", ["node server.js", "cd / && exec node $OLDPWD/server.js"], ids=["inside", "outside"])
def test_a_server_three_processes_below_npm_belongs_to_the_worktree(shared: Router, there: str) -> None:
    if not (npm := shutil.which("npm")):
        missing("npm (apt-get install nodejs npm)")
    name, port = fresh("npm"), free_port()
    path = shared.add(name)
    (path / "package.json").write_text(json.dumps({"scripts": {"dev": f"sh -c '{there}; exit'"}}))
    answer = f"(_, answer) => answer.setHeader('Content-Type', 'text/html').end('page of {name}')"
    (path / "server.js").write_text(f"require('http').createServer({answer}).listen({port}, 'localhost')")
    quiet = {"npm_config_update_notifier": "false", "npm_config_loglevel": "error"}
    with started(shared, path, npm, "run", "dev", **quiet) as pid:
        service = up(shared, path, port)
        assert service["program"] == "server.js"
        assert service["pid"] != pid
        shows(shared, name, f"page of {name}")


def test_a_server_whose_parent_has_left_belongs_to_the_worktree(shared: Router) -> None:
    name, port = fresh("orphan"), free_port()
    path = shared.add(name)
    with started(shared, path, "sh", "-c", '"$@" & exit', "sh", *serving(path, name, port)) as parent:
        service = up(shared, path, port)
        assert service["pid"] != parent
        assert service["program"] == "server.py"
        shows(shared, name, name)


def test_a_server_is_found_among_processes_that_come_and_go(shared: Router) -> None:
    name, port = fresh("busy"), free_port()
    path = shared.add(name)
    busy = 'for each in $(seq 30); do sleep 0.0$each & done; "$@"; wait'
    with started(shared, path, "sh", "-c", busy, "sh", *serving(path, name, port)):
        assert up(shared, path, port)["program"] == "server.py"
        shows(shared, name, name)
    assert shared.seen()["watcher"]["running"]
    assert not shared.kinds(path)


def test_a_tls_server_is_proxied_over_tls(shared: Router) -> None:
    name, port = fresh("secret"), free_port()
    path, certificate = shared.add(name), shared.directory / "secret.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with started(shared, path, *serving(path, name, port, certificate)):
        up(shared, path, port)
        shows(shared, name, f"{name} /")


# Whose port it is


def test_an_inherited_port_counts_once_the_worktrees_own_process_listens_there(running: Router) -> None:
    name, port = fresh("copied"), free_port()
    running.declare(running.repository, port)
    path = running.add(name, port=port)
    wait_until(lambda: "inherited-port" in running.kinds(path), what="inherited-port")
    assert of(running, path)["port"] != port

    with started(running, path, *serving(path, name, port)):
        assert up(running, path, port)["source"] == "env:.env.local"
        assert not running.kinds(path)
        shows(running, name, name)


def test_two_processes_on_one_port_are_told_apart_by_their_address(shared: Router) -> None:
    port, names = free_port(), {"127.0.0.1": fresh("four"), "::1": fresh("six")}
    paths = {address: shared.add(name) for address, name in names.items()}
    with contextlib.ExitStack() as stack:
        for address, path in paths.items():
            stack.enter_context(started(shared, path, *serving(path, names[address], port, address=address)))
            wait_until(lambda at=address: listens(port, at), what=f"a server at {address}")
        for address, path in paths.items():
            assert up(shared, path, port)["address"] == address
            shows(shared, names[address], names[address])


def test_of_two_servers_in_one_worktree_the_one_with_pages_is_web_and_the_other_api(shared: Router) -> None:
    name, web, api = fresh("both"), free_port(), free_port()
    path = shared.add(name)
    with (
        started(shared, path, *serving(path, "data", api, kind=JSON)),
        started(shared, path, *serving(path, "pages", web)),
    ):
        up(shared, path, web)
        up(shared, path, api, service="api")
        shows(shared, name, "pages")
        shows(shared, f"api.{name}.localhost", "data")
        shows(shared, f"{name}--api", "data")
        assert not shared.kinds(path)


def _web_and_other(router: Router, name: str, ports: Sequence[int]) -> list[int]:
    """Return the ports of the servers that answer at the web's host and at the other one's, where both do."""
    pages = [router.page(host) for host in (name, f"server.{name}.localhost")]
    found = [port for page in pages for port in ports if f"page {port}" in page]
    return found if set(found) == set(ports) else []


def test_of_two_servers_that_nothing_tells_apart_one_is_routed_and_both_are_named(shared: Router) -> None:
    name, ports = fresh("unclear"), sorted((free_port(), free_port()))
    path = shared.add(name)
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(started(shared, path, *serving(path, f"page {port}", port)))
        for port in ports:
            wait_until(lambda at=port: listens(at), what=f"a server at {port}")
        wait_until(lambda: "ambiguous-port" in shared.kinds(path), what="ambiguous-port")
        [message] = [p["message"] for p in shared.routed(path)["problems"] if p["kind"] == "ambiguous-port"]
        assert all(str(port) in message for port in ports)
        # Which is `web` is settled by what was seen and understood first: on a busy machine that may be either
        [_, other] = wait_until(lambda: _web_and_other(shared, name, ports), what="one at each host")

        shared.declare(path, other)
        up(shared, path, other)
        shows(shared, name, f"page {other}")
        wait_until(lambda: "ambiguous-port" not in shared.kinds(path), what="no longer ambiguous")


def test_a_service_may_have_a_path_on_the_worktrees_own_host(running: Router) -> None:
    (running.repository / "router.toml").write_text('[services.api]\npath = "/api"\n')
    name, web, api = fresh("paths"), free_port(), free_port()
    path = running.add(name)
    with (
        started(running, path, *serving(path, "data", api, kind=JSON)),
        started(running, path, *serving(path, "pages", web)),
    ):
        up(running, path, web)
        up(running, path, api, service="api")
        wait_until(lambda: running.page(name, "/api/items?page=2") == "data /api/items?page=2", what="the api's path")
        assert running.page(name, "/apis") == "pages /apis"
        assert running.page(f"api.{name}.localhost", "/items") == "data /items"


# A port that changes hands

# A server that waits for its word, and then for its port
TAKES = """
import http.server, os, socket, sys
text, port = sys.argv[1].encode(), int(sys.argv[2])

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True

while True:
    try:
        server = Server(("127.0.0.1", port), Page)
        break
    except OSError:
        pass
print("up", flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def taking(router: Router, worktree: Path, text: str, port: int) -> Iterator["subprocess.Popen[str]"]:
    """Run a server in a worktree that takes a port as soon as it is free."""
    process = subprocess.Popen(
        [sys.executable, "-c", TAKES, text, str(port)], cwd=worktree, env=router.env, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_port_that_changes_hands_shows_the_others_page_no_more(shared: Router) -> None:
    first, second = fresh("first"), fresh("second")
    paths = {name: shared.add(name) for name in (first, second)}
    for path in paths.values():
        shared.routed(path)
    for _ in range(5):
        port = free_port()
        with taking(shared, paths[first], first, port) as one:
            up(shared, paths[first], port)
            wait_until(lambda: shared.page(first) == first, what="the first one's page", pause=0.002)
            with taking(shared, paths[second], second, port) as other:
                one.kill()
                assert other.stdout
                assert other.stdout.readline() == "up\n"
                up(shared, paths[second], port)
                wait_until(lambda: shared.page(first) != second, what="no longer the second one's", pause=0.002)
                wait_until(lambda: shared.page(second) == second, what="the second one's page", pause=0.002)
                assert shared.page(first) != second
        down(shared, paths[second])


# Docker Compose


@dataclass(frozen=True)
class Project:
    """A Compose project on a Docker engine, with an image that holds nothing but Caddy, and a network."""

    engine: Engine
    name: str

    def create(self, worktree: Path, service: str, text: str) -> str:
        """Create a container as Compose labels it, whose port 80 answers with a text; return its name."""
        name = f"{self.name}-{service}-1"
        project = {"project": self.name, "project.working_dir": str(worktree), "service": service}
        labels = {**project, "oneoff": "False", "container-number": "1"}
        config = {
            "Image": self.name,
            "Cmd": ["/usr/bin/caddy", "respond", "--listen", ":80", text],
            "Labels": {f"com.docker.compose.{key}": value for key, value in labels.items()},
            "ExposedPorts": {"80/tcp": {}},
            "HostConfig": {
                "NetworkMode": self.name,
                "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
            },
        }
        self.engine.ask("POST", "/containers/create", name=name, json=config)
        return name


@pytest.fixture
def compose() -> Iterator[Project]:
    """On the engine that runs on this machine, else on one of our own."""
    if sys.platform != "linux":
        missing("a Caddy that runs in a container (Linux)")
    with contextlib.ExitStack() as stack:
        engine = Engine(engines.running() or stack.enter_context(engines.own(*engines.NO_NETWORK)))
        name = fresh("worktree-router")
        engine.import_caddy(name)
        stack.callback(engine.ask, "DELETE", f"/images/{name}", force="1")
        engine.ask("POST", "/networks/create", json={"Name": name})
        stack.callback(engine.ask, "DELETE", f"/networks/{name}")
        yield Project(engine, name)
        for container in engine.ask("GET", "/containers/json", all="1", filters=json.dumps({"network": [name]})):
            engine.ask("DELETE", f"/containers/{container['Id']}", force="1")


@pytest.mark.docker
def test_published_ports_of_compose_containers_are_services_of_their_worktree(compose: Project, router: Router) -> None:
    router.up(env={"DOCKER_HOST": f"unix://{compose.engine.path}"})
    label = fresh("compose")
    path = router.add(label)
    folder = path / "deploy"
    folder.mkdir()
    names = {service: compose.create(folder, service, f"{service} of {label}") for service in ("web", "docs")}
    for name in names.values():
        compose.engine.ask("POST", f"/containers/{name}/start")
    for service, name in names.items():
        assert up(router, path, service=service)["source"] == f"container:{name}"
    shows(router, label, f"web of {label}")
    shows(router, f"docs.{label}.localhost", f"docs of {label}")

    compose.engine.ask("POST", f"/containers/{names['web']}/stop", t="2")
    down(router, path)
    assert router.get(label).status_code == 502
    shows(router, f"docs.{label}.localhost", f"docs of {label}")

    compose.engine.ask("POST", f"/containers/{names['web']}/start")
    assert up(router, path)["source"] == f"container:{names['web']}"
    shows(router, label, f"web of {label}")
