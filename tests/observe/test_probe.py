"""What one request tells of servers that behave, and of those that do not."""

import itertools
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from router import __version__
from router.observe.probe import NOWHERE, PAGE, Reply, _dial, connects, serves

HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<!doctype html>"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"
NOTHING = Reply(tls=False, kind=None)
LONG = 20.0  # seconds: a failing test ends, a passing one never waits for them

# For these tests alone: CN=localhost, signed by itself, valid until 2126.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgrpp4CpwtBi5N7SuE
pmjfsLu69zzxZw2UZ3GiJPwz/+yhRANCAARhpb0SqXsobj2y3tiKlqEANegEQwh5
Pav/tn/cQJUwLg+bY/7qelIT273phN8csJ5BXmWEWWtO1C8ugN/+iEjx
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBfjCCASWgAwIBAgIUXErlvAzunoYRAu/8ZA3FGsIIbt0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTExNTc1NFoYDzIxMjYxMDI4
MTE1NzU0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARhpb0SqXsobj2y3tiKlqEANegEQwh5Pav/tn/cQJUwLg+bY/7qelIT
273phN8csJ5BXmWEWWtO1C8ugN/+iEjxo1MwUTAdBgNVHQ4EFgQUCnn7ZkYGb/Kn
1uihY2GHcUike8wwHwYDVR0jBBgwFoAUCnn7ZkYGb/Kn1uihY2GHcUike8wwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiB6Ax6LpdLOha4sbN1RNGxY
d56SCpa03ss5ES2BsSxXzQIgcNtD6BEtzXvQEIiQWqm7Jbu4IbZdr2EDOW4p2xeB
StQ=
-----END CERTIFICATE-----
"""


@contextmanager
def server(serve: Callable[[socket.socket], None], address: str = "127.0.0.1") -> Iterator[int]:
    """Give each connection to `serve` in a thread, and yield the port; errors of a connection end it alone."""

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(LONG)
                serve(connection)

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
    thread.join(LONG)


def answering(*parts: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    """Read the request, then send the parts, with a pause between two."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return serve


def asked(serve: Callable[[socket.socket], None], *, path: str = PAGE, timeout: float = LONG) -> Reply:
    with server(serve) as port:
        return serves("127.0.0.1", port, path=path, timeout=timeout)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    Path(path).write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([HTML], "html"),
        ([JSON], "http"),
        ([HTML.replace(b"\r\n", b"\n")], "html"),
        ([HTML.replace(b"Content-Type: ", b"content-type:\t")], "html"),
        ([HTML.replace(b"text/html", b"application/xhtml+xml")], "html"),
        ([HTML.replace(b"1.1", b"1.0")], "html"),
        ([HTML.replace(b"200 OK", b"500 Oops")], "html"),
        ([HTML.replace(b"200 OK", b"401 Who")], "html"),
        ([HTML.replace(b"200 OK", b"404 Not Found")], "http"),
        ([HTML.replace(b"200 OK", b"400 Bad Request")], "html"),
        ([JSON.replace(b"200 OK", b"400 Bad Request")], "http"),
        ([b"HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain\r\n\r\nUpgrade Required"], "upgrade"),
        ([b"HTTP/1.0 400 No\r\nContent-Type: text/html\r\n\r\nWebSockets request was expected\r\n"], "upgrade"),
        ([b"HTTP/1.0 400 Bad Request\r\n\r\n", b"Failed to open a WebSocket connection"], "upgrade"),
        ([b"HTTP/1.1 302 Found\r\nLocation: /en\r\n\r\n"], "html"),
        ([b"HTTP/1.1 204\r\n\r\n"], "http"),
        ([b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", HTML], "html"),
        ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + JSON], "http"),
        ([b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\nContent-Type: text/html\r\n\r\n"], "http"),
        ([bytes([byte]) for byte in HTML[:60]], "html"),
        ([b"HTTP/1.1 200 OK\r\nX: 1\r\n"], "http"),
    ],
)
def test_the_answer_says_what_a_browser_would_see(parts: list[bytes], kind: str) -> None:
    assert asked(answering(*parts)) == Reply(tls=False, kind=kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "greeting",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"220 mail ESMTP\r\n",
        b"\x00\xff" * 9000,
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 9x\r\n\r\n",
    ],
)
def test_who_speaks_something_else_is_no_server(greeting: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(greeting)
        connection.recv(4096)

    assert asked(serve) == Reply(kind="other")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (HTML, "html"),
        (JSON.replace(b"200 OK", b"404 Not Found"), "http"),
        (JSON.replace(b"application/json", b"application/problem+json"), "http"),
        (HTML.replace(b"200 OK", b"404 Not Found"), "unclear"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n404 page not found", "unclear"),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", "unclear"),
        (HTML.replace(b"200 OK", b"500 Oops"), "html"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "unclear"),
    ],
)
def test_at_a_path_that_no_app_has_a_page_that_is_missing_tells_nothing(answer: bytes, kind: str) -> None:
    assert asked(answering(answer), path=NOWHERE) == Reply(kind=kind)  # type: ignore[arg-type]


def test_who_closes_without_a_byte_is_told_from_who_says_nothing() -> None:
    assert asked(lambda connection: connection.recv(4096) and None) == Reply(kind="closed")


def test_an_inspector_tells_itself() -> None:
    requests = []

    def serve(connection: socket.socket) -> None:
        requests.append(connection.recv(4096))
        told = b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"Protocol-Version": "1.1"}'
        connection.sendall(told if b"GET /json/version " in requests[-1] else b"HTTP/1.0 404 Not Found\r\n\r\n")

    assert asked(serve, path=NOWHERE) == Reply(kind="inspector")
    assert [request.split(b" ")[1] for request in requests] == [NOWHERE.encode(), b"/json/version"]


@pytest.mark.node
def test_nodes_inspector_at_any_port_is_one(tmp_path: Path) -> None:
    if not (node := shutil.which("node")):
        pytest.skip("Node is not installed")
    with subprocess.Popen(
        [node, "--inspect=127.0.0.1:0", "-e", "setInterval(() => {}, 1000)"], cwd=tmp_path, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stderr
            port = int(re.search(rb"ws://127.0.0.1:([0-9]+)/", process.stderr.readline())[1])  # type: ignore[index]
            assert serves("127.0.0.1", port, timeout=LONG) == Reply(kind="inspector")
        finally:
            process.kill()


def test_who_never_answers_costs_no_more_than_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        before = time.monotonic()
        assert serves("127.0.0.1", silent.getsockname()[1], timeout=0.2) == Reply(kind="silent")
        assert time.monotonic() - before < LONG


def test_who_dribbles_for_ever_is_cut_off_by_the_clock() -> None:
    def serve(connection: socket.socket) -> None:
        for _ in itertools.count():
            connection.sendall(b"H"[:1] if _ == 0 else b"TTP/1.1 200 OK\r\n" if _ == 1 else b"X: y\r\n")
            time.sleep(0.02)

    before = time.monotonic()
    assert asked(serve, timeout=2) == Reply(kind="http")
    assert time.monotonic() - before < LONG


def test_who_streams_for_ever_is_cut_off_by_the_size() -> None:
    sent = [0]

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX: ")
        while True:
            sent[0] += connection.send(b"x" * 4096)

    before = time.monotonic()
    assert asked(serve, timeout=60) == Reply(kind="html")
    assert time.monotonic() - before < LONG


def test_a_server_that_resets_is_nothing_and_asked_twice_at_most() -> None:
    connections = []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert asked(serve) == Reply(kind="closed")
    assert len(connections) == 2


def test_the_request_is_a_browsers_and_names_the_host() -> None:
    requests = []

    def serve(connection: socket.socket) -> None:
        requests.append(connection.recv(4096))
        connection.sendall(HTML)

    with server(serve) as port:
        serves("127.0.0.1", port, host="x.localhost", timeout=LONG)
    [request] = requests
    assert request.startswith(b"GET /.router//probe HTTP/1.1\r\n")
    assert b"\r\nUser-Agent: worktree-router/%s " % __version__.encode() in request
    assert b"\r\nHost: x.localhost:%d\r\n" % port in request
    assert b"\r\nAccept: text/html\r\n" in request


@pytest.mark.parametrize("answer", [HTML, JSON])
@pytest.mark.parametrize("refusal", ["openssl", "closes", "go"])
def test_a_tls_server_is_asked_over_tls(context: ssl.SSLContext, refusal: str, answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        first = connection.recv(1, socket.MSG_PEEK)
        if first != b"\x16" and refusal != "openssl":
            connection.recv(4096)
            if refusal == "go":
                connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
            return
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(4096)
            wrapped.sendall(answer)

    assert asked(serve) == Reply(tls=True, kind="html" if answer is HTML else "http")


def test_an_alert_is_a_tls_server_even_if_it_says_no_more(context: ssl.SSLContext) -> None:
    def serve(connection: socket.socket) -> None:
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":
            with context.wrap_socket(connection, server_side=True) as wrapped:
                wrapped.recv(4096)
        else:
            connection.recv(4096)
            connection.sendall(b"\x15\x03\x01\x00\x02\x02\x0a")

    assert asked(serve) == Reply(tls=True, kind="closed")


def test_a_handshake_that_never_ends_costs_no_more_than_two_timeouts() -> None:
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":
            over.wait(20)

    with server(serve) as port:
        before = time.monotonic()
        assert serves("127.0.0.1", port, timeout=1) == Reply(kind="closed")
        took = time.monotonic() - before
        over.set()
    assert took < 15


def test_who_accepts_nothing_says_nothing_though_its_queue_is_full() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as stack:
        port = server.getsockname()[1]
        for _ in range(5):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        assert serves("127.0.0.1", port, timeout=0.2) == Reply(kind="silent")


def test_nobody_there() -> None:
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        port = idle.getsockname()[1]
        assert not connects("127.0.0.1", port)
        assert serves("127.0.0.1", port) == NOTHING


def test_connects_in_both_families() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server4:
        port = server4.getsockname()[1]
        assert connects("127.0.0.1", port)
        assert not connects("::1", port)
    try:
        server6 = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as exc:
        pytest.skip(f"no IPv6: {exc}")
    with server6:
        assert connects("::1", server6.getsockname()[1])
    with server(answering(HTML), "::1") as port:
        assert serves("::1", port, timeout=LONG) == Reply(kind="html")


def test_a_socket_that_connected_to_itself_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    class Itself(socket.socket):
        def bind(self, address: object) -> None:  # that the kernel chooses this port cannot be asked for
            super().bind(("127.0.0.1", port))
            made.append(self)

    made: list[Itself] = []
    monkeypatch.setattr(socket, "socket", Itself)
    with pytest.raises(ConnectionRefusedError):
        _dial("127.0.0.1", port, 0.1)
    assert [each.fileno() for each in made] == [-1]
