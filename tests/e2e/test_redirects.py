"""Where a worktree's redirect leads: its own servers' addresses become hosts, everything else stays as it is.

Over a real Caddy, with servers that answer with the Location that a request asks for.
"""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import trustme

from tests.e2e.caddies import Running, free_port, running
from tests.e2e.routers import Router, fresh, wait_until
from tests.fakes import route, service, table

pytestmark = pytest.mark.e2e


class Handler(BaseHTTPRequestHandler):
    """Answers like Next's `NextResponse.redirect(new URL("/landed", req.url))`, or with the Location that is asked for.

    Next makes `req.url` of the name and port that it was started with, whatever Host it is sent.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        own = f"http://localhost:{self.server.server_address[1]}/landed"
        self.send_response(int(self.headers.get("Answer-Status", "307")) if self.path != "/landed" else 200)
        if self.path != "/landed":
            self.send_header("Location", self.headers.get("Answer-Location", own))
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"text")

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Quiet about clients that go away."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def redirecting(port: int, *, tls: ssl.SSLContext | None = None) -> Iterator[None]:
    with Server(("127.0.0.1", port), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


@dataclass
class Setup:
    """A Caddy with a worktree `x` (web, api, and mounts of both kinds) and `secure`, whose server speaks TLS."""

    caddy: Running
    web: int
    api: int
    mounted: int
    stripped: int
    secure: int

    def ask(self, location: str, *, host: str = "x.localhost", path: str = "/", status: int = 307) -> httpx.Response:
        full = host if ":" in host else f"{host}:{self.caddy.site.port}"
        headers = {"Answer-Location": self.written(location), "Answer-Status": str(status)}
        return self.caddy.request("GET", path, host=full, headers=headers)

    def location(self, location: str, *, host: str = "x.localhost", path: str = "/") -> str:
        return str(self.ask(location, host=host, path=path).headers["Location"])

    def written(self, text: str) -> str:
        """Return a text with the ports that it names: `WEB`, `API`, `SECURE`, and `ROUTER`."""
        ports = {"WEB": self.web, "API": self.api, "MOUNTED": self.mounted, "STRIPPED": self.stripped,
                 "SECURE": self.secure, "ROUTER": self.caddy.site.port}  # fmt: skip
        for name, port in ports.items():
            text = text.replace(name, str(port))
        return text


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    web, api, mounted, stripped, secure, other = (free_port() for _ in range(6))
    live = table(
        route("x", service("web", web), service("api", api), service("v1", mounted, path="/v1"),
              service("v2", stripped, path="/v2", strip_path=True), aliases=("alias-of-x",)),
        route("secure", service("web", secure, tls=True), service("api", api)),
        route("other", service("web", other)),
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with contextlib.ExitStack() as stack:
        for port in (web, api, mounted, stripped):
            stack.enter_context(redirecting(port))
        stack.enter_context(redirecting(secure, tls=context))
        caddy = stack.enter_context(running(live, tmp_path_factory.mktemp("caddy")))
        yield Setup(caddy, web, api, mounted, stripped, secure)


# To the host that was asked


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "[::1]", "0.0.0.0", "[::]", "x.localhost"])
@pytest.mark.parametrize("rest", ["/landed", "", "/", "?a=b", "#part", "/a/b%20c/?d=%2F&e=1;2#f=g", "//two", "/a:1@b"])
def test_the_servers_own_address_becomes_the_host_that_was_asked(setup: Setup, address: str, rest: str) -> None:
    assert setup.location(f"http://{address}:WEB{rest}") == setup.written(f"http://x.localhost:ROUTER{rest}")


@pytest.mark.parametrize("host", ["x.localhost", "alias-of-x.localhost", "tenant1.x.localhost", "a.b.x.localhost",
                                  "x.localhost:9000", "X.localhost"])  # fmt: skip
def test_the_host_stays_as_it_was_asked(setup: Setup, host: str) -> None:
    expected = host if ":" in host else f"{host}:ROUTER"
    assert setup.location("http://localhost:WEB/landed", host=host) == setup.written(f"http://{expected}/landed")


@pytest.mark.parametrize(
    "host", ["api.x.localhost", "x--api.localhost", "t1.x--api.localhost", "api.alias-of-x.localhost"]
)
def test_so_it_does_for_every_service_and_form_of_its_host(setup: Setup, host: str) -> None:
    assert setup.location("http://127.0.0.1:API/v", host=host) == setup.written(f"http://{host}:ROUTER/v")


@pytest.mark.parametrize("status", [200, 201, 301, 302, 303, 307, 308])
def test_whatever_the_status_and_the_rest_of_the_answer_is_untouched(setup: Setup, status: int) -> None:
    answer = setup.ask("http://localhost:WEB/landed", status=status)
    assert answer.status_code == status
    assert answer.headers["Location"] == setup.written("http://x.localhost:ROUTER/landed")
    assert answer.headers["Set-Cookie"] == "a=1"
    assert answer.headers["X-Worktree"] == "x"
    assert answer.text == "text"


@pytest.mark.parametrize("rest", ["/{host}/{env.HOME}", "/$1${1}", "/{vars.upstream}?{re.address.3}", "/a\\b"])
def test_nothing_in_it_is_read_as_more_than_text(setup: Setup, rest: str) -> None:
    assert setup.location(f"http://localhost:WEB{rest}") == setup.written(f"http://x.localhost:ROUTER{rest}")


def test_a_server_that_speaks_tls_is_meant_by_both_schemes(setup: Setup) -> None:
    for scheme in ("https", "http"):
        found = setup.location(f"{scheme}://localhost:SECURE/landed", host="secure.localhost")
        assert found == setup.written("http://secure.localhost:ROUTER/landed")


# To the host of another service of the worktree


@pytest.mark.parametrize(
    ("host", "location", "expected"),
    [
        ("x.localhost", "http://localhost:API/v", "http://api.x.localhost:ROUTER/v"),
        ("tenant1.x.localhost", "http://[::1]:API/v?a#b", "http://api.x.localhost:ROUTER/v?a#b"),
        ("api.x.localhost", "http://localhost:WEB/after", "http://x.localhost:ROUTER/after"),
        ("x--api.localhost", "http://127.0.0.1:WEB", "http://x.localhost:ROUTER"),
        ("alias-of-x.localhost", "http://localhost:API", "http://api.alias-of-x.localhost:ROUTER"),
        ("secure.localhost", "http://localhost:API/v", "http://api.secure.localhost:ROUTER/v"),
    ],
)
def test_another_services_address_becomes_its_host(setup: Setup, host: str, location: str, expected: str) -> None:
    assert setup.location(location, host=host) == setup.written(expected)


def test_a_service_with_a_path_stays_on_the_host_that_was_asked(setup: Setup) -> None:
    found = setup.location("http://localhost:MOUNTED/v1/landed", path="/v1/a")
    assert found == setup.written("http://x.localhost:ROUTER/v1/landed")


def test_a_service_that_does_not_know_its_path_has_its_own_host(setup: Setup) -> None:
    found = setup.location("http://localhost:STRIPPED/landed", path="/v2/a")
    assert found == setup.written("http://v2.x.localhost:ROUTER/landed")


# Left alone


@pytest.mark.parametrize(
    "location",
    [
        "/landed",
        "landed?a=http://localhost:WEB/",
        "//localhost:WEB/landed",
        "?a=b",
        "http://x.localhost:ROUTER/landed",
        "http://localhost:ROUTER/x/landed",
        "http://localhost:ROUTER/auth/callback?code=c&state=WT1.x.abc",
        "http://localhost:WEB1/landed",
        "http://localhost:0WEB/landed",
        "http://localhost:1/landed",
        "http://localhost/landed",
        "http://user@localhost:WEB/landed",
        "http://localhost:WEB@evil.example/landed",
        "http://localhost:WEB.evil.example/landed",
        "http://evil.example:WEB/landed",
        "http://evil.localhost:WEB/landed",
        "http://evil.example/?next=http://localhost:WEB/landed",
        "http://evil.example/#http://localhost:WEB/landed",
        "http://192.168.1.5:WEB/landed",
        "https://localhost:WEB/landed",
        "ftp://localhost:WEB/landed",
        "http://localhost:SECURE/landed",
        "https://login.example/authorize?redirect_uri=http://localhost:WEB/cb&state=abc",
        "myapp://localhost:WEB/landed",
    ],
)
def test_other_places_and_relative_ones_are_left_alone(setup: Setup, location: str) -> None:
    assert setup.location(location) == setup.written(location)


def test_another_worktrees_address_is_another_place(setup: Setup) -> None:
    for location in ("http://localhost:WEB/", "https://localhost:WEB/", "http://127.0.0.1:MOUNTED/"):
        assert setup.location(location, host="secure.localhost") == setup.written(location)


# With the rules for signing in

OURS = "redirect_uri=http%3A%2F%2Flocalhost%3AROUTER%2Fauth%2Fcallback"


def test_a_sign_in_that_begins_at_the_servers_own_address_is_brought_home_and_tagged(setup: Setup) -> None:
    found = setup.location(f"http://localhost:WEB/authorize?{OURS}&state=abc")
    assert found == setup.written(f"http://x.localhost:ROUTER/authorize?{OURS}&state=WT1.x.abc")


def test_a_sign_in_at_another_service_is_brought_there_and_tagged_with_the_host_that_began_it(setup: Setup) -> None:
    found = setup.location(f"http://localhost:API/authorize?{OURS}&state=abc")
    assert found == setup.written(f"http://api.x.localhost:ROUTER/authorize?{OURS}&state=WT1.x.abc")
    found = setup.location(f"http://localhost:API/authorize?{OURS}&state=abc", host="tenant1.x.localhost")
    assert found == setup.written(f"http://api.x.localhost:ROUTER/authorize?{OURS}&state=abc")


def test_a_sign_in_that_came_home_is_not_tagged_again(setup: Setup) -> None:
    once = setup.location(f"http://localhost:WEB/authorize?{OURS}&state=abc")
    assert setup.location(once) == once


def test_what_follows_a_callback_comes_home(setup: Setup) -> None:
    found = setup.ask("http://localhost:WEB/welcome", path="/auth/callback?code=c&state=WT1.x.abc")
    assert found.headers["Location"] == setup.written("http://x.localhost:ROUTER/welcome")


# The router itself


def test_an_app_that_redirects_to_its_own_address_ends_on_its_host(router: Router) -> None:
    branch, port = fresh("next"), free_port()
    path = router.add(branch, port=port)
    router.up()
    with redirecting(port):
        wait_until(lambda: router.get(branch).status_code == 307, what="the server")
        landed = router.get(branch).headers["Location"]
        assert landed == f"http://{branch}.localhost:{router.port}/landed"
        assert router.page(branch, "/landed") == "text"
    assert router.at(path)
