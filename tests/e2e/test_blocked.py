"""A blocked service over a real Caddy: whoever has its port gets no request, and nobody waits for an answer."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from router.caddy.explain import explanation
from tests.e2e.caddies import Running, running
from tests.fakes import route, service, table

pytestmark = pytest.mark.e2e
BAD_GATEWAY, FOUND = 502, 302


@contextlib.contextmanager
def eavesdropper() -> Iterator[tuple[int, list[str]]]:
    """Run somebody else's server; give its port and the paths that it was asked for."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_POST = do_GET  # noqa: N815 - the names of http.server

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server.server_port, seen
        finally:
            server.shutdown()


@pytest.fixture
def blocked(tmp_path: Path) -> Iterator[tuple[Running, list[str]]]:
    with eavesdropper() as (port, seen):
        blocked = service("web", port, source="env:.env.local", up=False, blocked=True)
        with running(table(route("x", blocked, service("api", port, blocked=True, tls=True))), tmp_path) as caddy:
            yield caddy, seen


@pytest.mark.parametrize("host", ["x.localhost", "api.x.localhost", "x--api.localhost", "tenant.x.localhost"])
@pytest.mark.parametrize("path", ["/", "/.router/ping", "/auth/callback?code=c&state=s"])
def test_a_request_for_a_blocked_service_reaches_nobody(
    blocked: tuple[Running, list[str]], host: str, path: str
) -> None:
    caddy, seen = blocked
    answer = caddy.request("GET", path, host=host, headers={"Cookie": "session=secret"})
    assert answer.status_code == BAD_GATEWAY
    assert seen == []


def test_the_answer_says_that_somebody_else_has_the_port(blocked: tuple[Running, list[str]]) -> None:
    caddy, _ = blocked
    text = caddy.request("GET", "/", host="x.localhost").text
    page = caddy.request("GET", "/", host="x.localhost", headers={"Accept": "text/html"}).text
    assert "x (web) is not routed, as somebody else listens on its port" in text
    assert "somebody else listens on" in page
    assert ":0" not in text + page


@pytest.mark.parametrize("target", ["host", "port"])
def test_a_callback_for_a_blocked_worktree_goes_to_its_host_and_never_to_the_port(tmp_path: Path, target: str) -> None:
    with eavesdropper() as (port, seen):
        routes = table(route("x", service("web", port, up=False, blocked=True)))
        with running(routes, tmp_path, callback_target=target) as caddy:
            answer = caddy.request("GET", "/auth/callback?code=c&state=x", host=f"localhost:{caddy.site.port}")
            there = f"http://x.localhost:{caddy.site.port}"
            assert (answer.status_code, answer.headers["Location"]) == (FOUND, f"{there}/auth/callback?code=c&state=x")
            explained = explanation("x", routes, port=caddy.site.port, paths=("/auth/callback",), target=target)
            assert there in explained.lines[0]
        assert seen == []
