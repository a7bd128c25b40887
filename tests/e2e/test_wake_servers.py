"""Visits that start real servers, by the real router: each kind of server, and each kind of trouble."""

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from httpx import Response

from router.servers import records
from router.store import Store
from tests.e2e.routers import LIMIT, Router, fresh, listens, wait_until
from tests.servers.shops import end_started

pytestmark = pytest.mark.e2e

ANSWER = """
import http.server, os, sys
class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"up")
port = int(os.environ["PORT"])
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Pages)
print("serves", port, flush=True)
server.serve_forever()
"""

SLOW_END = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: (server.socket.close(), time.sleep(1), exit()))
"""
RELOAD = """
import threading, time
def reload():
    while not os.path.exists("reload"):
        time.sleep(0.02)
    server.shutdown()  # while it waits for visitors, the kernel goes on to take them though its socket is closed
    server.server_close()
    open("closed", "w").close()
    time.sleep(1.5)
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Pages).serve_forever()
threading.Thread(target=server.serve_forever, daemon=True).start()
reload()
"""
BOTH = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-S", "api.py"], env={**os.environ, "PORT": os.environ["BACKEND_PORT"]})
"""


@dataclass
class Shop:
    """A running router over a repository whose worktree sleeps: its web is a Python script that stands in it."""

    router: Router
    label: str
    path: Path

    def settle(self, text: str = "", *, allow: bool = True) -> None:
        """Have the web start with `web.py` and wake, with more of router.toml; and allow that."""
        run = f"run = '{sys.executable} -S web.py'"
        (self.router.repository / "router.toml").write_text(f"[services.web]\n{run}\nwake = true\n{text}")
        if allow:
            said = self.router.run("allow")
            assert said.code == 0, said.err

    def web(self, code: str, name: str = "web.py") -> None:
        """Write the script of the web, or of another service."""
        (self.path / name).write_text(code)

    def up(self) -> None:
        """Start the router, and wait until Caddy would ask the watcher."""
        self.router.up()
        self.rendered()

    def rendered(self) -> None:
        """Wait until Caddy would ask the watcher."""
        wait_until(
            lambda: f"{self.label}/web" in self.router.run("render", "--loaded").out, what="the rules", pause=0.3
        )

    def visit(self, host: str = "") -> str:
        """Return what a visitor gets, who waits for as long as one is held."""
        return self.router.get(host or self.label, timeout=LIMIT).text

    @property
    def begun(self) -> str:
        """What the log of the web has: a line for each time that it served."""
        server = self.server
        return (server.directory / "log").read_text() if server else ""

    @property
    def visits(self) -> int:
        """How many visits have begun a start, by the log of the watchers."""
        return Store(self.router.state).watcher_log.read_text().count("is visited, and started")

    def held(self, pool: ThreadPoolExecutor) -> Future[Response]:
        """Visit until a visit is held: for a second after a watcher was killed, Caddy does not ask the next one."""
        before = self.visits

        def visit() -> Future[Response] | None:
            asked = pool.submit(self.router.get, self.label)
            wait_until(lambda: asked.done() or self.visits > before, what="an answer, or held")
            return None if asked.done() else asked

        return wait_until(visit, what="held")

    @property
    def server(self) -> records.Server | None:
        """The server that the router started, None before."""
        return next(iter(records.every(Store(self.router.state))), None)


@pytest.fixture
def shop(router: Router) -> Iterator[Shop]:
    label = fresh("shop")
    made = Shop(router, label, router.add(label))
    made.web(ANSWER)
    made.settle()
    yield made
    end_started(Store(router.state))


def test_a_visit_starts_the_server_of_a_worktree_and_gets_its_answer(shop: Shop) -> None:
    shop.up()
    assert shop.visit() == "up"
    wait_until(lambda: shop.router.web(shop.path).get("up"), what="routed")
    assert shop.begun.count("serves") == 1
    assert shop.server
    assert shop.server.record.path == str(shop.path)


def test_nothing_is_started_before_router_allow_and_who_asks_is_told(shop: Shop) -> None:
    shop.router.run("allow", "--revoke")
    shop.up()
    answer = shop.router.get(shop.label)
    assert answer.status_code == 502
    assert "is not allowed yet" in answer.text
    assert "router allow" in answer.text
    assert shop.server is None
    shop.settle()
    wait_until(lambda: shop.router.page(shop.label) == "up", what="woken once it is allowed", pause=0.5)


def test_a_server_that_fails_is_told_with_its_log_and_is_left_alone_after_three_times(shop: Shop) -> None:
    shop.web("print('no such module', flush=True)\nraise SystemExit(3)\n")
    shop.up()
    answer = shop.router.get(shop.label)
    assert answer.status_code == 502
    assert "web ended with exit code 3" in answer.text
    assert "  no such module\n" in answer.text
    wait_until(lambda: "a visit starts it no more" in shop.router.page(shop.label), what="left alone", pause=0.5)
    shop.web(ANSWER)
    assert "a visit starts it no more" in shop.router.page(shop.label)
    assert shop.router.run("start", shop.label).code == 0
    assert shop.visit() == "up"


def test_a_server_that_listens_late_is_waited_for(shop: Shop) -> None:
    shop.web(f"import time; time.sleep(2)\n{ANSWER}")
    shop.up()
    assert shop.visit() == "up"


def test_a_watcher_that_is_killed_while_a_server_starts_leaves_it_to_the_next(shop: Shop) -> None:
    shop.web(f"import os, time\nwhile not os.path.exists('go'): time.sleep(0.05)\n{ANSWER}")
    shop.router.detach()
    shop.rendered()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(shop.router.get, shop.label)
        wait_until(lambda: shop.server, what="begun")
        os.kill(shop.router.watcher_pid, signal.SIGKILL)
        assert "does not listen on" in asked.result().text
        shop.router.detach()
        again = shop.held(pool)
        (shop.path / "go").touch()
        assert again.result().text == "up"
    assert shop.begun.count("serves") == 1


def test_a_command_that_was_learnt_is_run_by_a_visit_once_that_is_allowed(shop: Shop) -> None:
    (shop.router.repository / "router.toml").write_text("[services.web]\nwake = true\n")
    assert shop.router.run("allow", "--revoke").code == 0
    shop.up()
    assert "is not allowed yet" in shop.router.page(shop.label)
    port = int(shop.router.url(shop.label, "--direct").rpartition(":")[2])
    by_hand = shop.router.start("run", "--", sys.executable, "-S", "web.py", cwd=shop.path)
    wait_until(lambda: shop.router.page(shop.label) == "up", what="by hand")
    wait_until(lambda: "learnt in" in shop.router.run("allow", "--show").err, what="learnt", pause=0.3)
    by_hand.end()
    wait_until(lambda: not listens(port), what="ended")
    wait_until(lambda: "is not allowed yet" in shop.router.page(shop.label), what="not allowed", pause=0.5)
    assert shop.server is None
    assert shop.router.run("allow").code == 0
    wait_until(lambda: shop.router.page(shop.label) == "up", what="woken once it is allowed", pause=0.5)
    assert shop.server


def test_a_visit_says_what_to_write_where_nothing_says_how_a_server_is_started(shop: Shop) -> None:
    (shop.router.repository / "router.toml").write_text("[services.web]\nwake = true\n")
    assert shop.router.run("allow").code == 0
    shop.up()
    answer = shop.router.get(shop.label)
    assert answer.status_code == 502
    assert "nothing says how web" in answer.text
    assert shop.server is None


def test_a_server_that_is_stopped_while_somebody_visits_comes_back(shop: Shop) -> None:
    shop.web(ANSWER.replace("server.serve_forever()", f"{SLOW_END}server.serve_forever()"))
    shop.up()
    assert shop.visit() == "up"
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(shop.router.run, "stop", shop.label, "--other")
        wait_until(lambda: not listens(shop.server.record.port) if shop.server else False, what="closed")
        assert shop.visit() == "up"
        assert stopped.result().code == 0


def test_what_a_service_needs_is_started_with_it(shop: Shop) -> None:
    shop.web(ANSWER.replace('b"up"', 'b"ok"'), "api.py")
    shop.settle(f"needs = ['api']\n[services.api]\nrun = '{sys.executable} -S api.py'\n")
    shop.up()
    assert shop.visit() == "up"
    assert shop.visit(f"api.{shop.label}.localhost") == "ok"
    assert {each.record.service for each in records.every(Store(shop.router.state))} == {"web", "api"}


def test_a_service_without_a_command_waits_for_the_one_that_starts_it_too(shop: Shop) -> None:
    shop.web(ANSWER.replace('b"up"', 'b"ok"'), "api.py")
    shop.web(BOTH + ANSWER)
    shop.settle("[services.api]\nwake = true\nneeds = ['web']\n")
    shop.up()
    assert shop.visit(f"api.{shop.label}.localhost") == "ok"
    assert shop.visit() == "up"


def test_a_server_of_somebody_else_that_only_loads_again_is_waited_for_and_no_second_one_started(shop: Shop) -> None:
    shop.web(ANSWER.replace("server.serve_forever()", RELOAD))
    shop.up()
    shop.router.start("run", "--", sys.executable, "-S", "web.py", cwd=shop.path)
    wait_until(lambda: shop.router.web(shop.path).get("up"), what="by hand")
    (shop.path / "reload").touch()
    wait_until((shop.path / "closed").exists, what="it loads again")
    assert shop.visit() == "up"
    assert shop.server is None
