"""What a load of another configuration leaves behind in Caddy, and whom it cuts off: nobody, where it is steered."""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks.clients import Asker
from router.caddy import assets, caddyfile, embedded
from router.caddy.admin import Admin, Loaded
from router.caddy.caddyfile import Endpoint, Site
from router.caddy.embedded import Embedded
from router.caddy.listening import hand_connections_to
from router.caddy.supervisor import Supervisor
from router.errors import CaddyError, LoadRefusedError
from router.observe.listeners import Listeners
from tests.e2e.caddies import running
from tests.e2e.routers import LIMIT, Router, Stream, Upstream, free_port, wait_until
from tests.fakes import route, service, table

pytestmark = pytest.mark.e2e
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one socket an address is handed over")


@dataclass
class Own:
    """A Caddy of a watcher that this test is, over one worktree whose server is `app`."""

    directory: Path
    port: int
    app: int

    def __post_init__(self) -> None:
        self.admin = Admin(f"unix/{self.directory / 'caddy.sock'}")
        self.loads = 0
        self.caddy, self.supervisor = self._made()

    def _made(self) -> tuple[Embedded, Supervisor]:
        endpoint = f"{self.admin.address}|0600"
        caddy = Embedded(
            directory=self.directory, admin=endpoint, socket_path=self.directory / "caddy.sock",
            log_file=self.directory / "caddy.log", port=self.port, version=embedded.version(),
        )  # fmt: skip
        site = Site(self.port, (), Endpoint(endpoint), str(assets.pages()), str(self.directory))
        return caddy, Supervisor(caddy, site, self.admin)

    def begin(self) -> None:
        self.supervisor.begin(Listeners(), now=0.0)

    def text(self) -> str:
        """Return another configuration each time."""
        self.loads += 1
        routes = table(route("x", service("web", self.app)), route("other", service("web", 9000 + self.loads)))
        return caddyfile.render(routes, self.supervisor.site, templates=assets.templates())

    def load(self) -> Loaded:
        return self.supervisor.load(self.text())

    def reap(self, end: Callable[[], object]) -> None:
        """End Caddy, and wait until it is gone: of a process with threads that is a little later."""
        child = self.caddy._child
        end()
        assert child
        child.wait(LIMIT)

    def answers(self) -> None:
        """Expect an answer on every connection, of both families."""
        families = ("127.0.0.1", "::1") if socket.has_dualstack_ipv6() else ("127.0.0.1",)
        for address in families * 10:
            with socket.create_connection((address, self.port)) as asked:
                assert self.status(asked) == b"200"

    def status(self, connection: socket.socket) -> bytes:
        """Ask for the page of the worktree; return the status."""
        connection.sendall(f"GET / HTTP/1.0\r\nHost: x.localhost:{self.port}\r\n\r\n".encode())
        return connection.recv(12)[9:]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    with Upstream("app") as app:
        made = Own(tmp_path, free_port(), app.port)
        with closing(made.admin):
            made.begin()
            made.load()
            yield made
            made.reap(made.supervisor.stop)
    assert not [each.name for each in tmp_path.iterdir() if each.name.startswith("ready")]


@linux
def test_a_load_cuts_off_nobody(router: Router) -> None:
    with Upstream("app") as app:
        path = router.add("x")
        router.declare(path, app.port)
        router.up()
        assert router.status()["caddy"]["steered"] is True
        other = router.add("y")
        with (
            Asker(router.port, "x.localhost", keep=False) as new,
            Asker(router.port, "x.localhost") as kept,
            Stream.websocket(router.port, "x") as websocket,
        ):
            for number in range(30):
                loads, asked = router.loads, new.asked
                router.declare(other, 9000 + number)
                wait_until(lambda before=(loads, asked): router.loads > before[0] and new.asked > before[1])
            assert websocket.echo("still there") == "still there"
    assert (new.failed, kept.lost) == (0, 0)


def test_every_load_in_turn_is_served(own: Own) -> None:
    for _ in range(5):
        own.load()
        own.answers()


def test_what_is_served_is_what_caddy_makes_of_the_caddyfile(own: Own) -> None:
    """It is handed over as JSON, in which Caddy itself has put nothing but the frame."""
    handed: list[str] = []

    def post(text: str) -> Loaded:
        handed.append(text)
        return own.admin.load(text)

    transport = httpx.HTTPTransport(uds=str(own.directory / "caddy.sock"))
    with httpx.Client(transport=transport, timeout=LIMIT) as client:
        for _ in range(3):
            own.caddy.load(own.text(), post)
            kind = {"Content-Type": "text/caddyfile", "Connection": "close"}
            adapted = client.post("http://caddy/adapt", content=handed[-1], headers=kind)
            assert json.loads(own.admin.served().text) == adapted.json()["result"]


def test_a_refused_load_leaves_everything_as_it_was(own: Own) -> None:
    for _ in range(3):
        with pytest.raises(LoadRefusedError):
            own.supervisor.load(own.text().replace("auto_https off", "auto_https of"))
        own.answers()
        own.load()
        own.answers()


@linux
def test_who_came_too_late_for_a_configuration_is_answered_by_the_next_load(own: Own) -> None:
    for _ in range(3):
        steering = own.caddy.listen()
        turn = steering._turn
        assert turn is not None
        hand_connections_to(steering._sets, 1 - turn)
        with socket.create_connection(("127.0.0.1", own.port)) as late:
            hand_connections_to(steering._sets, turn)
            own.answers()
            assert own.supervisor.keep(now=0.0)
            own.load()
            assert own.status(late) == b"200"
        assert not own.supervisor.keep(now=0.0)


def test_a_load_of_which_nobody_knows_what_has_become_is_put_right_by_the_next(own: Own) -> None:
    def cut(text: str) -> Loaded:
        own.admin.load(text)
        raise CaddyError("Caddy does not answer", hint="")

    def lost(text: str) -> Loaded:
        raise CaddyError("Caddy does not answer", hint="")

    for post in (cut, lost, cut, cut, lost):
        with pytest.raises(CaddyError):
            own.caddy.load(own.text(), post)
        own.load()
        own.answers()


def test_a_caddy_that_was_killed_at_either_turn_is_followed_by_one_that_serves(own: Own) -> None:
    for turn in range(4):
        assert own.caddy.pid
        os.kill(own.caddy.pid, signal.SIGKILL)
        wait_until(lambda: not own.caddy.alive(), what="killed")
        with socket.create_connection(("127.0.0.1", own.port)) as waiting:
            own.reap(lambda now=100.0 * turn: own.supervisor.keep(now=now))
            own.load()
            assert own.status(waiting) == b"200"
        own.answers()
        for _ in range(turn):
            own.load()


def test_what_a_watcher_and_a_caddy_that_were_killed_have_left_says_nothing(tmp_path: Path) -> None:
    with Upstream("app") as app:
        made = Own(tmp_path, free_port(), app.port)
        left = [tmp_path / f"ready-{turn}" for turn in range(2)]
        for path in left:
            path.touch()
        with closing(made.admin):
            made.begin()
            assert not any(path.exists() for path in left)
            for _ in range(3):
                made.load()
                made.answers()
            made.reap(made.supervisor.stop)


@pytest.mark.parametrize("loads", [1, 2, 3])
def test_a_caddy_that_is_adopted_at_either_turn_serves_on_all_of_its_sockets(own: Own, loads: int) -> None:
    for _ in range(loads):
        own.load()
    following = Own(own.directory, own.port, own.app)
    with closing(following.admin):
        following.begin()
        assert (following.caddy.adopted, following.caddy.steered) == (True, False)
        for _ in range(2):
            following.load()
            following.answers()


def test_a_load_leaves_no_connection_to_a_dev_server_behind(tmp_path: Path) -> None:
    with Upstream("app") as app:
        tables = [table(route("x", service("web", app.port), service("api", port))) for port in range(9001, 9006)]
        with running(tables[0], tmp_path) as caddy:
            process = psutil.Process(caddy.process.pid)

            def kept() -> int:
                return sum(bool(c.raddr) and c.raddr.port == app.port for c in process.net_connections("tcp"))

            for each in tables:
                assert caddy.load(each).status_code == 200
                answer = caddy.request("GET", "/", host=f"x.localhost:{caddy.site.port}")
                assert answer.text == "app"
            wait_until(lambda: kept() <= 1, limit=30, what="those of the loads before closed")
