"""What a request may say and what becomes of it: its target, headers that claim things, a malformed body, X-Worktree.

Requests and answers are raw bytes on a socket, over a real Caddy.
"""

import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import httpx
import pytest
import trustme

from router.caddy.explain import explanation
from router.route_table import RouteTable
from tests.e2e.caddies import Running, free_port, running
from tests.e2e.routers import LIMIT, Router, fresh, wait_until
from tests.fakes import route, service, table

pytestmark = pytest.mark.e2e

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HTML = {"Accept": "text/html"}
SECRET = "s3cr3t-code"


@dataclass
class Upstream:
    """A dev server that answers each request with the same bytes, and what it was sent: a request's head each."""

    port: int = 0
    answer: bytes = OK
    seen: list[str] = field(default_factory=list)

    def header(self, name: str) -> list[str]:
        """Return the values of a header of the last request."""
        lines = [line.partition(": ") for line in self.seen[-1].split("\r\n")[1:]]
        return [value for found, _, value in lines if found.lower() == name.lower()]


def _head(stream: IO[bytes]) -> bytes:
    """Return the lines of a request's head, empty where the connection ended."""
    lines = [stream.readline()]
    while lines[-1] not in (b"", b"\r\n"):
        lines.append(stream.readline())
    return b"".join(lines[:-1]) if lines[-1] else b""


def _served(connection: socket.socket, upstream: Upstream) -> None:
    """Answer the requests of a connection, the bodies of which are read to their end."""
    with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as stream:
        while head := _head(stream):
            upstream.seen.append(head.decode("latin-1"))
            if length := re.search(rb"(?i)\r\ncontent-length: (\d+)", head):
                stream.read(int(length[1]))
            elif b"chunked" in head.lower():
                while size := int(stream.readline() or b"0", 16):
                    stream.read(size + 2)
                stream.readline()
            connection.sendall(upstream.answer)


@contextlib.contextmanager
def listening(answer: bytes = OK, *, port: int = 0, tls: bool = False) -> Iterator[Upstream]:
    """Run a dev server until the block ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", port)) as server:
        upstream = Upstream(server.getsockname()[1], answer)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with contextlib.suppress(OSError):
                        connection = context.wrap_socket(connection, server_side=True) if tls else connection
                        threading.Thread(target=_served, args=(connection, upstream), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield upstream
        finally:
            server.shutdown(socket.SHUT_RDWR)


@dataclass
class Setup:
    """A Caddy over three worktrees: feature-x (web, api, an alias), secure (TLS), and down, whose server is away."""

    caddy: Running
    web: Upstream
    api: Upstream
    tls: Upstream

    def upstream(self, host: str) -> Upstream:
        """Return the server behind a host."""
        return self.tls if host.endswith("secure") else self.api if "api" in host else self.web

    def get(self, host: str, target: str = "/", *, method: str = "GET", **headers: str) -> httpx.Response:
        """Ask a host below localhost; the header `X_A` is called X-A."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(f"{host}.localhost", target, method=method, headers=named)

    def ask(self, host: str, target: str = "/", *, method: str = "GET", headers: dict[str, str] | None = None,
            ) -> httpx.Response:  # fmt: skip
        """Ask any host."""
        return self.caddy.request(method, target, host=f"{host}:{self.caddy.site.port}", headers=headers)


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    with listening() as web, listening() as api, listening(tls=True) as tls:
        routes = (
            route("feature-x", service("web", web.port), service("api", api.port), aliases=("shop-x",)),
            route("secure", service("web", tls.port, tls=True)),
            route("down", service("web", free_port())),
        )
        with running(table(*routes), tmp_path_factory.mktemp("caddy")) as caddy:
            yield Setup(caddy, web, api, tls)


# The target of a request

HOSTS = ["127.0.0.1", "[::1]", "localhost", "feature-x.localhost", "shop-x.localhost", "gone.localhost"]
PATHLESS = ["http:@evil.example/x", "http:evil.example", "x:y", "*", "mailto:a@evil.example", "http:.evil.example"]


@pytest.mark.parametrize("target", PATHLESS)
@pytest.mark.parametrize("host", HOSTS)
def test_a_target_without_a_path_is_refused(setup: Setup, host: str, target: str) -> None:
    answer = setup.ask(host, target, headers=HTML)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "begins with /" in answer.text
    assert not [head for head in setup.web.seen if f" {target} " in head]


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/", "///evil.example", "/\\evil.example", "/%5cevil.example", "/%2f%2fevil.example",
        "/.evil.example", "/@evil.example", "/:80@evil.example", "/?//evil.example", "/x/..//evil.example",
        "/feature-x", "/feature-x//evil.example", "/feature-x/\\evil.example", "/feature-x?@evil.example",
        "/feature-x/%0d%0aX-Evil:1", "/feature-x.evil.example/", "/feature-x@evil.example/", "/feature-x:80/",
        "http://evil.example/", "http://evil.example/feature-x/", "http://localhost@evil.example/",
        "http://127.0.0.1/feature-x/", "/auth/callback?state=feature-x", "/auth/callback@evil.example?state=feature-x",
        "/.router/relay/auth/callback?state=feature-x", "/.router/relay//evil.example?state=feature-x",
        "/a\tb", "/a\x01b", "/feature-x/\x7f", "/{env.HOME}", "/feature-x/{http.request.host}", "evil.example", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("host", HOSTS)
def test_no_target_leads_to_another_authority(setup: Setup, host: str, target: str) -> None:
    answer = setup.ask(host, target, headers=HTML)
    location = answer.headers.get("Location")
    own = {f"{name}:{setup.caddy.site.port}" for name in ("localhost", "feature-x.localhost", "shop-x.localhost")}
    assert location is None or urlsplit(location).netloc in own
    assert "X-Evil" not in answer.headers


# What a client says as if it were a proxy

CLAIMS = [
    "Forwarded", "Forwarded-For", "X-Forwarded", "X-Forwarded-By", "X-Forwarded-Path", "X-Forwarded-Port",
    "X-Forwarded-Prefix", "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl",
    "X-Forwarded-Uri", "X-Forwarded-User", "X-Original-Forwarded-For", "X_Forwarded_For", "X_Forwarded_Host",
    "X-Real-IP", "x-real-ip", "X_Real_IP", "X-Client-IP", "True-Client-IP", "X-Cluster-Client-IP", "Client-IP",
    "CF-Connecting-IP", "Fastly-Client-IP", "X-Remote-IP", "X-Remote-Addr", "X-Originating-IP",
    "X-Original-URL", "X-Original-URI", "X-Original-Host", "X-Rewrite-URL", "X-Host", "X-HTTP-Host-Override",
    "X-Scheme", "X-Url-Scheme", "Front-End-Https", "X-Script-Name", "X-Sendfile-Type", "X-Accel-Mapping", "Proxy",
]  # fmt: skip
ROUTED = ["feature-x", "shop-x", "api.feature-x", "feature-x--api", "tenant.feature-x", "secure"]


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("host", ROUTED)
def test_no_claim_of_a_client_reaches_an_app(setup: Setup, host: str, name: str) -> None:
    setup.ask(f"{host}.localhost", headers={name: "evil.example", "X-Custom": "kept"})
    upstream = setup.upstream(host)
    assert "evil.example" not in upstream.seen[-1]
    assert upstream.header("X-Custom") == ["kept"]


@pytest.mark.parametrize("host", ROUTED)
def test_what_the_proxy_says_of_a_client_is_true(setup: Setup, host: str) -> None:
    claimed = dict.fromkeys(("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port"), "evil")
    setup.ask(f"{host}.localhost", headers=claimed)
    upstream = setup.upstream(host)
    assert upstream.header("X-Forwarded-For") == ["127.0.0.1"]
    assert upstream.header("X-Forwarded-Host") == upstream.header("Host") == [
        f"{host}.localhost:{setup.caddy.site.port}"
    ]  # fmt: skip
    assert upstream.header("X-Forwarded-Proto") == ["http"]
    assert "evil" not in upstream.seen[-1]


def test_other_headers_of_a_client_reach_an_app_as_they_came(setup: Setup) -> None:
    sent = {
        "X-Requested-With": "XMLHttpRequest", "X-CSRF-Token": "a=b", "X-Original-Filename": "a.png", "Origin": "http://a",
        "X-Request-Id": "1", "Zip": "1", "X-Custom-Scheme": "1", "Cookie": "a=1; b=2", "Authorization": "Bearer x",
    }  # fmt: skip
    setup.ask("feature-x.localhost", headers=sent)
    assert {name: setup.web.header(name) for name in sent} == {name: [value] for name, value in sent.items()}


def test_a_ping_says_nothing_of_the_one_who_looks(setup: Setup) -> None:
    sent = {"Cookie": "a=1", "Authorization": "x", "X-Real-IP": "evil.example", "X-Forwarded-Port": "1", "Referer": "x"}
    assert setup.ask("feature-x.localhost", "/.router/ping", headers=sent).status_code == 204
    assert setup.web.seen[-1].startswith("HEAD / HTTP/1.1\r\n")
    assert not [name for name in sent if setup.web.header(name)]


# A malformed request

CHUNKED = "Transfer-Encoding: chunked"
MALFORMED = {
    "no chunk size": (CHUNKED, b"zz\r\nabc\r\n0\r\n\r\n"),
    "a chunk longer than its size": (CHUNKED, b"3\r\nabcXX\r\n0\r\n\r\n"),
    "a later chunk without a size": (CHUNKED, b"3\r\nabc\r\nnope\r\n"),
    "an empty chunk size": (CHUNKED, b"\r\nabc"),
    "a size above all bounds": (CHUNKED, b"ffffffffffffffffff\r\nabc"),
    "a line without an end": (CHUNKED, b"1" * 5000 + b"\r\n"),
    "chunks that are nearly all extension": (CHUNKED, (b"1;" + b"x" * 4000 + b"\r\na\r\n") * 30 + b"0\r\n\r\n"),
    "lines that end with LF alone": (CHUNKED, b"3\nabc\n0\n\n"),
    "a trailer without a colon": (CHUNKED, b"3\r\nabc\r\n0\r\nno colon\r\n\r\n"),
    "a trailer without an end": (CHUNKED, b"0\r\na: " + b"b" * 70_000 + b"\r\n\r\n"),
}
CUT = {
    "a short body": ("Content-Length: 10", b"abc"),
    "a short long body": ("Content-Length: 900000", b"x" * 300_000),
    "a short chunk": (CHUNKED, b"5\r\nabc"),
    "no last chunk": (CHUNKED, b"3\r\nabc\r\n"),
    "a cut trailer": (CHUNKED, b"3\r\nabc\r\n0\r\na"),
}


def sent(setup: Setup, host: str, header: str, body: bytes, *, cut: bool = False) -> str:
    """Send a request with such a body, its end too where it is `cut`, and return the answer."""
    port = setup.caddy.site.port
    head = f"POST /form HTTP/1.1\r\nHost: {host}.localhost:{port}\r\nConnection: close\r\n{header}\r\n\r\n"
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as sock, contextlib.suppress(ConnectionError):
        sock.sendall(head.encode() + body)
        if cut:
            sock.shutdown(socket.SHUT_WR)
        while part := sock.recv(65_536):
            answer += part
    return answer.decode("latin-1")


@pytest.mark.parametrize("host", ROUTED)
@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_body_is_the_clients_fault(setup: Setup, host: str, what: str) -> None:
    answer = sent(setup, host, *MALFORMED[what])
    assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert "the request is malformed" in answer
    assert "start its server" not in answer


@pytest.mark.parametrize("host", ROUTED)
@pytest.mark.parametrize("what", CUT)
def test_a_body_that_is_cut_short_is_the_clients_fault(setup: Setup, host: str, what: str) -> None:
    answer = sent(setup, host, *CUT[what], cut=True)
    # Where Caddy sees the end of the connection before that of the body, it gives up with 499, whatever is configured
    assert answer.startswith(("HTTP/1.1 400 Bad Request\r\n", "HTTP/1.1 499 "))
    assert ("the request is malformed" in answer) == ("HTTP/1.1 400" in answer)
    assert "start its server" not in answer


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Transfer-Encoding: gzip", 501), ("Transfer-Encoding: chunked, gzip", 501), ("Transfer-Encoding: x\x01", 400),
        ("Content-Length: x", 400), ("Content-Length: -1", 400), ("Content-Length: 1\r\nContent-Length: 2", 400),
        ("no colon", 400), ("Expect: nonsense", 417),
    ],
)  # fmt: skip
def test_a_malformed_head_is_refused_before_any_server_is_asked(setup: Setup, header: str, status: int) -> None:
    own = "malformed.feature-x"  # what an earlier test sent may still be on its way
    assert sent(setup, own, header, b"abc").startswith(f"HTTP/1.1 {status} ")
    assert not [head for head in setup.web.seen if own in head]


def test_a_server_that_is_down_is_named_whatever_the_body(setup: Setup) -> None:
    assert "start its server" in sent(setup, "down", *MALFORMED["no chunk size"])


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Le", b"nonsense\r\n\r\n"])
def test_a_server_that_breaks_off_is_to_blame_itself(tmp_path: Path, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    with server.accept()[0] as connection:
                        connection.recv(65_536)
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        with running(table(route("x", service("web", server.getsockname()[1]))), tmp_path) as caddy:
            for method, body in (("GET", b""), ("POST", b"a=b")):
                found = caddy.request(method, "/", host="x.localhost", body=body)
                assert found.status_code == 502
                assert "gave no answer" in found.text
        server.shutdown(socket.SHUT_RDWR)


# Which worktree answers


@pytest.mark.parametrize(
    ("host", "label"),
    [
        ("feature-x", "feature-x"), ("shop-x", "feature-x"), ("api.feature-x", "feature-x"), ("secure", "secure"),
        ("feature-x--api", "feature-x"), ("tenant.feature-x", "feature-x"), ("FEATURE-X", "feature-x"),
        ("a.b.shop-x", "feature-x"), ("down", "down"), ("t.down", "down"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "target",
    ["/", "/a?b=c", "/auth/callback?state=WT1.feature-x.s", "/.router/ping", "/.router/router.css",
     "/.router/service.json", "/.router/nothing", "http:@evil.example/"],
)  # fmt: skip
def test_every_answer_of_a_worktrees_host_has_its_label(setup: Setup, host: str, label: str, target: str) -> None:
    for method in ("GET", "HEAD", "POST"):
        for accept in ("text/html", "application/json"):
            answer = setup.get(host, target, method=method, Accept=accept)
            assert answer.headers.get_list("X-Worktree") == [label], (method, answer.status_code)


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "gone.localhost", "feature-x--gone.localhost", "feature-x.example",
     "feature-x.localhost.example", "api.gone.localhost"],
)  # fmt: skip
@pytest.mark.parametrize(
    "target", ["/", "/feature-x/", "/auth/callback?state=feature-x", "/.router/router.css", "/.router/ping", "x:y"]
)
def test_no_other_answer_has_a_label(setup: Setup, host: str, target: str) -> None:
    answer = setup.ask(host, target, headers={**HTML, "X-Worktree": "feature-x"})
    assert "X-Worktree" not in answer.headers


THEIRS = b"X-Worktree: theirs\r\nx-worktree: theirs too\r\n"
ANSWERS = {
    "an answer": b"HTTP/1.1 200 OK\r\n" + THEIRS + b"Content-Length: 2\r\n\r\nok",
    "its own error": b"HTTP/1.1 404 Not Found\r\n" + THEIRS + b"Content-Length: 2\r\n\r\nno",
    "its own 502": b"HTTP/1.1 502 Bad Gateway\r\n" + THEIRS + b"Content-Length: 2\r\n\r\nno",
    "early hints first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n" + THEIRS
    + b"Content-Length: 2\r\n\r\nok",
    "a sign-in": b"HTTP/1.1 302 Found\r\n" + THEIRS + b"Location: https://a/?redirect_uri=x&state=y\r\n"
    b"Content-Length: 0\r\n\r\n",
    "in chunks": b"HTTP/1.1 200 OK\r\n" + THEIRS + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("what", ANSWERS)
@pytest.mark.parametrize("host", ["feature-x", "api.feature-x", "secure"])
def test_the_label_is_the_routers_and_never_the_servers(setup: Setup, host: str, what: str) -> None:
    upstream = setup.upstream(host)
    upstream.answer = ANSWERS[what]
    try:
        answer = sent(setup, host, "Content-Length: 0", b"")
    finally:
        upstream.answer = OK
    head = answer.split("HTTP/1.1 ")[-1].partition("\r\n\r\n")[0]
    assert re.findall(r"(?im)^x-worktree: ([^\r\n]*)", head) == [host.removeprefix("api.")]


@pytest.mark.parametrize("host", ["feature-x", "api.feature-x", "secure"])
def test_a_switch_of_protocols_has_the_label_too_and_the_connection_works(setup: Setup, host: str) -> None:
    upstream, port = setup.upstream(host), setup.caddy.site.port
    upstream.answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n" + THEIRS + b"\r\nhi"
    )
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as sock:
            head = f"GET /ws HTTP/1.1\r\nHost: {host}.localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
            sock.sendall(head.encode())
            answer = b""
            while not answer.endswith(b"\r\n\r\nhi"):
                answer += sock.recv(65_536) or pytest.fail(f"closed after {answer!r}")
    finally:
        upstream.answer = OK
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert re.findall(rb"(?im)^x-worktree: ([^\r\n]*)", answer) == [host.removeprefix("api.").encode()]


# What `router explain` says of it


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, RouteTable, dict[int, Upstream]]]:
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(listening()) for _ in range(6)]
        ports = [server.port for server in servers]
        routes = table(
            route("feature-x", service("web", ports[0]), service("api", ports[1], path="/api"), aliases=("shop-x",)),
            route(
                "main", service("web", ports[2]), service("docs", ports[3]), service("v2", ports[4], path="/api/v2.0")
            ),
            route("down", service("web", free_port(), up=False)),
        )
        caddy = stack.enter_context(running(routes, tmp_path_factory.mktemp("explained")))
        yield caddy, routes, {server.port: server for server in servers}


OUTSIDE = ["localhost", "127.0.0.1", "[::1]", "example.org", "feature-x.localhost.example.org", "localhost.example.org"]
BELOW = [
    "feature-x", "FEATURE-X", "shop-x", "main", "down", "gone", "api.feature-x", "feature-x--api", "t.feature-x--api",
    "api.main", "main--api", "t.main--api", "docs.main", "main--docs", "docs.feature-x", "web.main", "main--web",
    "a.b.main", "t.down", "api.gone", "gone--api", "api.shop-x", "docs.api.feature-x", "v2.main", "a--b",
    "x--api.main",
]  # fmt: skip
TARGETS = [
    "/", "/page?x=y", "/api", "/api/users", "/apis", "/api/v2.0/x", "/api/v2x0", "/feature-x", "/feature-x/a/b?c",
    "/shop-x/", "/gone/", "/main?x", "//main/", "/Main/", "/main%2Fx", "/.router/nothing",
    "/auth/callback?code=c&state=main", "/auth/callback?code=c&state=WT1.feature-x--api.s",
    "/auth/callback?code=c&state=WT1.main--gone.s", "/auth/callback?code=c&state=gone", "/auth/callback",
    "/auth/callback/?state=main", "/.router/relay/auth/callback?state=shop-x",
]  # fmt: skip


@pytest.mark.parametrize("host", [*OUTSIDE, *(f"{name}.localhost" for name in BELOW)])
def test_explain_says_what_caddy_does(explained: tuple[Running, RouteTable, dict[int, Upstream]], host: str) -> None:
    caddy, routes, servers = explained
    for target in TARGETS:
        for server in servers.values():
            server.seen.clear()
        at = f"{host}:{caddy.site.port}"
        said = explanation(
            f"http://{at}{target}", routes, port=caddy.site.port, paths=("/auth/callback",), target="host"
        ).lines[0]
        answer = caddy.request("GET", target, host=at)
        asked = [f"127.0.0.1:{server.port}" for server in servers.values() if server.seen]
        assert _agrees(said, answer, asked), (target, said, answer, asked)


def _agrees(said: str, answer: httpx.Response, asked: list[str]) -> bool:
    """Tell whether an explanation fits an answer and the servers that were asked for it."""
    if to := re.match(r"to (\S+),", said):
        return asked == [to[1]] or ("down" in said and not asked and answer.status_code == 502)
    if redirect := re.match(r"(\d+) to ([^ ,]+)", said):
        return answer.status_code == int(redirect[1]) and answer.headers["Location"].startswith(f"{redirect[2]}/")
    return not asked and answer.status_code == (404 if "router's own" in said else int(said.partition(":")[0]))


# What a server sends, and Caddy's log

MALFORMED_ANSWERS = {
    "after no body": f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n{SECRET} and more",
    "after its body": f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok{SECRET} and more",
    "after a redirect": f"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\ncode={SECRET}",
    "as its status": f"HTTP/1.1 {SECRET} OK\r\n\r\n",
    "as its version": f"HTTP/{SECRET} 200 OK\r\n\r\n",
    "as a header without a colon": f"HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n",
    "in a header that is none": f"HTTP/1.1 302 Found\r\nLocation: http://x/?code={SECRET}\x01\r\n\r\n",
    "as its length": f"HTTP/1.1 200 OK\r\nContent-Length: {SECRET}\r\n\r\n",
    "as a second length": f"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: {SECRET}\r\n\r\nx",
    "as its encoding": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {SECRET}\r\n\r\n",
    "as a chunk's size": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n",
    "as a protocol": f"HTTP/1.1 101 Switching\r\nUpgrade: {SECRET}\r\nConnection: Upgrade\r\n\r\n",
}


def _asked(ask: Callable[[], object], times: int = 3) -> None:
    """Ask several times: what is too much in a kept connection shows with the next look at it."""
    for _ in range(times):
        with contextlib.suppress(Exception):  # a malformed answer is what is wanted
            ask()
        time.sleep(0.02)


def test_no_file_of_the_router_has_what_a_server_sends(router: Router) -> None:
    router.up()
    with contextlib.ExitStack() as stack:
        labels = [fresh("leak") for _ in MALFORMED_ANSWERS]
        for label, answer in zip(labels, MALFORMED_ANSWERS.values(), strict=True):
            upstream = stack.enter_context(listening(answer.encode("latin-1")))
            path, port = router.add(label, port=upstream.port), upstream.port
            wait_until(lambda path=path, port=port: router.web(path).get("port") == port, what="its port")
        for label in labels:
            _asked(lambda label=label: router.get(label))
        router.routed(router.add(fresh("later")))  # a load: whatever there was to log stands before what that logs
    log = router.state / "logs" / "caddy.log"
    wait_until(lambda: log.read_text().count("servers shutting down") >= 2, what="the log of the load")
    router.down()
    holds = [file for file in router.state.rglob("*") if file.is_file() and SECRET in file.read_text(errors="replace")]
    assert not holds


def test_an_error_within_an_error_is_logged_without_what_a_server_sent(tmp_path: Path) -> None:
    with listening(MALFORMED_ANSWERS["as its status"].encode()) as upstream:
        routes = table(route("x", service("web", upstream.port)))
        log = tmp_path / "own.log"
        with running(routes, tmp_path, pages=str(tmp_path / "gone"), log=str(log)) as caddy:
            assert caddy.request("GET", "/", host="x.localhost", headers=HTML).status_code == 502
            wait_until(lambda: "error handling handler error" in log.read_text(), what="the error")
    entry = next(json.loads(line) for line in log.read_text().splitlines() if "handling handler" in line)
    assert entry["first_error"]["status"] == 502
    assert SECRET not in log.read_text()
