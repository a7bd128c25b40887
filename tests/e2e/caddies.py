"""A real Caddy for a test: on free ports, in a directory of its own, ended by pid."""

import contextlib
import http.client
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from router.caddy import assets, caddyfile
from router.caddy.caddyfile import Endpoint, Site
from router.route_table import RouteTable
from tests.e2e.free_ports import free_port

BINARY = Path(sysconfig.get_path("scripts")) / "caddy"
LIMIT = 60.0  # seconds for what takes a moment on an idle machine
ANSWER = 25.0  # seconds for an answer: what waits for one asks a second time within its limit


@dataclass(frozen=True)
class Running:
    """A Caddy that serves a route table."""

    process: subprocess.Popen[bytes]
    site: Site
    directory: Path

    @property
    def log(self) -> str:
        """Everything this Caddy has logged so far."""
        return (self.directory / "caddy.log").read_text()

    def load(self, table: RouteTable) -> httpx.Response:
        """Hand Caddy another route table through its admin API."""
        return self.load_text(caddyfile.render(table, self.site, templates=assets.templates()))

    def load_text(self, text: str) -> httpx.Response:
        """Hand Caddy a Caddyfile through its admin API."""
        transport = httpx.HTTPTransport(uds=str(self.directory / "a.sock"))
        with httpx.Client(transport=transport, timeout=LIMIT) as client:
            return client.post("http://caddy/load", content=text, headers={"Content-Type": "text/caddyfile"})

    def request(self, method: str, target: str, *, host: str, headers: dict[str, str] | None = None,
                body: bytes = b"") -> httpx.Response:  # fmt: skip
        """Send one request with its bytes as written (target is not normalised), without following redirects."""
        return exchange(self.site.port, method, target, host=host, headers=headers, body=body)


def exchange(port: int, method: str, target: str, *, host: str, headers: dict[str, str] | None = None,
             body: bytes = b"", timeout: float = ANSWER) -> httpx.Response:  # fmt: skip
    """Send one raw HTTP/1.1 request to 127.0.0.1:port and return the answer.

    It is sent once more where the connection was cut without one, as a browser does: a load that has just ended may do
    that to a new connection, too (golang/go#75591).
    """
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    with contextlib.suppress(ConnectionResetError):
        return _answered(port, method, head, body, timeout)
    return _answered(port, method, head, body, timeout)


def _answered(port: int, method: str, head: bytes, body: bytes, timeout: float) -> httpx.Response:
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        sock.sendall(head)
        with contextlib.suppress(ConnectionError):  # refused half-way (413): the answer is there all the same
            sock.sendall(body)
        with contextlib.closing(http.client.HTTPResponse(sock, method=method)) as answer:
            answer.begin()
            return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


@contextlib.contextmanager
def running(table: RouteTable, directory: Path, **options: object) -> Iterator[Running]:
    """Run Caddy over a route table until the block ends; `options` replace fields of its Site."""
    site = Site(
        port=free_port(),
        bind=("127.0.0.1", "::1"),
        admin=Endpoint(f"unix/{directory / 'a.sock'}|0600"),
        pages=str(assets.pages()),
        status=str(directory),
    )
    site = replace(site, **options)  # type: ignore[arg-type]
    text = caddyfile.render(table, site, templates=assets.templates())
    (directory / "Caddyfile").write_text(text)
    with (directory / "caddy.log").open("wb") as log:
        process = subprocess.Popen(
            [str(BINARY), "run", "--config", str(directory / "Caddyfile"), "--adapter", "caddyfile"],
            stdout=log, stderr=log, env={"HOME": str(directory), "PATH": "/usr/bin:/bin"}, start_new_session=True,
        )  # fmt: skip
    caddy = Running(process, site, directory)
    try:
        _wait(caddy)
        yield caddy
    finally:
        process.terminate()
        process.wait(LIMIT)


def _wait(caddy: Running) -> None:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if caddy.process.poll() is not None:
            raise RuntimeError(f"Caddy ended: {caddy.log[-2000:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", caddy.site.port), timeout=1):
            return
        time.sleep(0.01)
    raise RuntimeError(f"Caddy did not listen: {caddy.log[-2000:]}")
