"""Worktrees that sleep behind a real Caddy: a server that tells what it was sent, and what starts it when told to."""

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from router.errors import RouterError
from router.model import Wake
from router.route_table import Route, RouteTable, Service
from router.watcher.live import Answer, Live
from router.watcher.visits import Visits
from tests.e2e.caddies import Running, running
from tests.e2e.routers import free_port
from tests.fakes import route, service, table

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
NAVIGATION = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
              "Sec-Fetch-User": "?1", "Accept": HTML}  # fmt: skip
WEBSOCKET = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip


class App(http.server.BaseHTTPRequestHandler):
    """A dev server that tells what it was sent."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", "websocket")
            self.end_headers()
            self.close_connection = True
            return
        sent = {"method": self.command, "path": self.path, "body": self._body(), "host": self.headers["Host"],
                "port": self.server.server_address[1]}  # fmt: skip
        body = json.dumps(sent).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")  # a kept one would be answered after the end
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names of http.server

    def _body(self) -> str:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts).decode()
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@dataclass
class Starting:
    """Starts an app on a service's port when it is told to, and notes each start."""

    begun: list[str] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    fails: str = ""
    elsewhere: int | None = None
    servers: list[http.server.ThreadingHTTPServer] = field(default_factory=list)

    def start(self, route: Route, service: Service, *, again: bool) -> str:
        self.begun.append(f"{route.name}/{service.name}{' again' if again else ''}")
        self.go.wait(30)
        if self.fails:
            raise RouterError(self.fails, hint="see `router logs`")
        port = self.elsewhere or service.port
        self.servers.append(server := http.server.ThreadingHTTPServer(("127.0.0.1", port), App))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"127.0.0.1:{port}"

    def reached(self, route: Route, service: Service) -> str | None:
        ports = {server.server_address[1] for server in self.servers}
        port = self.elsewhere or service.port
        return f"127.0.0.1:{port}" if port in ports else None

    def said(self, route: Route, service: Service) -> tuple[str, ...]:
        return ("listening soon",)

    def end(self) -> None:
        """End the servers that run."""
        while self.servers:
            server = self.servers.pop()
            server.shutdown()
            server.server_close()

    def close(self) -> None:
        self.go.set()
        self.end()


@dataclass
class World:
    """A Caddy over a sleeping worktree `shop`, whose app starts when `starting.go` is set.

    `asked` are the paths that Caddy has asked the watcher for. No time passes: what has failed has failed just now.
    """

    caddy: Running
    starting: Starting
    live: Live
    tables: list[RouteTable]
    looks: list[float]
    asked: list[str]

    def get(
        self, path: str = "/", host: str = "shop", method: str = "GET", body: bytes = b"", **headers: str
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.caddy.request(
            method, path, host=f"{host}.localhost:{self.caddy.site.port}", headers=sent, body=body
        )

    def needs(self, wake: Wake) -> None:
        """Have the web of the worktree wake like that."""
        [other, shop] = self.tables[-1].routes
        web, *rest = shop.services
        self.tables.append(table(other, replace(shop, services=(replace(web, wakes=wake), *rest))))

    def page(self, path: str = "/", host: str = "shop", **headers: str) -> httpx.Response:
        return self.get(path, host, **{**NAVIGATION, **headers})


def asleep(wake: Wake = Wake()) -> RouteTable:  # noqa: B008 - a value
    shop = route(
        "shop",
        service("web", free_port(), up=False, wakes=wake),
        service("api", free_port(), up=False, wakes=Wake()),
        service("docs", free_port(), up=False, wakes=Wake(), path="/docs", strip_path=True),
    )
    return table(shop, route("other", service("web", free_port(), up=False)))


@contextlib.contextmanager
def sleeping(directory: Path) -> Iterator[World]:
    """Run a Caddy over a worktree `shop` that sleeps, with the watcher's socket, until the block ends."""
    tables, starting, looks, asked = [asleep()], Starting(), list[float](), list[str]()
    starting.go.set()
    visits = Visits(lambda: tables[-1], starting, look=lambda: looks.append(time.monotonic()), clock=lambda: 0.0)
    answers = {path: _noting(asked, path, answer) for path, answer in visits.answers.items()}
    live = Live(directory / "live.sock", answers)
    live.start()
    with running(tables[0], directory, live=str(directory / "live.sock")) as caddy:
        yield World(caddy, starting, live, tables, looks, asked)
    live.close()
    starting.close()


def _noting(asked: list[str], path: str, answer: Callable[[str], Answer]) -> Callable[[str], Answer]:
    """Return what answers as `answer` does, and notes first that it was asked."""

    def noted(name: str) -> Answer:
        asked.append(f"{path}{name}")
        return answer(name)

    return noted
