"""What a Docker engine and a Caddy answer, or something that has taken their sockets."""

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.caddy.admin import Admin
from router.errors import CaddyError
from router.observe.containers import published
from tests.fuzz import part


class Liar(socketserver.ThreadingUnixStreamServer):
    """A server on a unix socket that answers anything with the bytes it was given last."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Reply)
        self.path = str(path)
        self.answer = b""

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that left."""


class _Reply(socketserver.BaseRequestHandler):
    server: Liar

    def handle(self) -> None:
        if self.request.recv(1 << 16):
            self.request.sendall(self.server.answer)
            self.request.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Liar]:
    with Liar(tmp_path_factory.mktemp("liar") / "s") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
CONFIGS = st.sampled_from(
    [b"null", b'{"error":"no"}', b'{"error":{}}', b'{"admin":{"listen":5,"origins":"x"}}',
     b'{"admin":{"origins":[1,null],"enforce_origin":"x"}}', b'{"logging":{"logs":[1]}}', b'{"apps":{"http":7}}']
)  # fmt: skip
BODIES = JSON | CONFIGS | st.binary(max_size=40)
HEADERS = st.lists(
    st.sampled_from(
        [b"Content-Type: application/json", b"Content-Encoding: gzip", b"Content-Encoding: br", b"Set-Cookie: a=b",
         b"Location: http://[", b"Transfer-Encoding: chunked", b"Content-Length: 99", b"Content-Length: -1",
         b"Content-Type: text/html; charset=\xff", b"Connection: close", b"\xff: x", b"Etag"]
    ),
    max_size=3,
)  # fmt: skip
STATUSES = st.sampled_from(
    [b"200 OK", b"200", b"400 Bad", b"204 None", b"301 Moved", b"101 Up", b"999 x", b"0 x", b"2e2"]
)
MADE = st.builds(
    lambda status, headers, body: b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"", body]), STATUSES, HEADERS, BODIES
)
ANSWERS = (MADE | st.binary(max_size=60)).filter(lambda answer: b"cookie" not in answer.lower() or answer.isascii())


@part(1.0)
@given(ANSWERS)
def test_whatever_an_engine_answers_it_has_no_containers_of_ours(liar: Liar, answer: bytes) -> None:
    liar.answer = answer
    assert published({"/wt": "/wt"}, sockets=[liar.path]) == ()


PIECES: dict[str, st.SearchStrategy[Any]] = {
    "Labels": st.dictionaries(
        st.sampled_from(["com.docker.compose.project.working_dir", "com.docker.compose.service", "x"]),
        st.sampled_from(["/wt", "/wt/a", "web", "..", "", "é"]) | st.text(max_size=5),
    ),
    "Names": st.lists(st.sampled_from(["/a-1", "a", "", "/a b"]), max_size=2),
    "Ports": st.lists(
        st.fixed_dictionaries(
            {
                "Type": st.sampled_from(["tcp", "udp"]),
                "PrivatePort": st.integers(-1, 70_000),
                "PublicPort": st.integers(-1, 70_000),
            },
            optional={"IP": st.sampled_from(["127.0.0.1", "::", "10.0.0.1", 5])},
        ),
        max_size=2,
    ),
}


@part(0.5)
@given(st.lists(st.fixed_dictionaries({}, optional=PIECES) | st.none(), max_size=3))
def test_containers_that_an_engine_lists_can_be_routed(liar: Liar, entries: list[Any]) -> None:
    body = json.dumps(entries).encode()
    liar.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for found in published({"/wt": "/wt"}, sockets=[liar.path]):
        assert (found.worktree, 0 < found.port < 65536) == ("/wt", True)


@part(1.0)
@given(ANSWERS, st.booleans())
def test_whatever_caddy_answers_is_a_load_or_an_error_of_ours(liar: Liar, answer: bytes, guarded: bool) -> None:
    liar.answer = answer
    admin = Admin(f"unix/{liar.path}", guarded=guarded)
    try:
        for ask in (lambda: admin.load("text").digest, admin.digest, lambda: admin.served().digest):
            try:
                digest = ask()
            except CaddyError as exc:
                said = exc.message
            else:
                said = digest
            assert said
        assert admin.answers() in {True, False}
    finally:
        admin.close()


def test_a_cookie_that_is_no_text_is_not_sent_back(liar: Liar) -> None:
    liar.answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: \x80\r\n\r\nnull"
    admin = Admin(f"unix/{liar.path}")
    try:
        assert admin.load("text").digest
    finally:
        admin.close()


@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad"])
def test_a_configuration_that_nests_without_end_is_no_caddys(liar: Liar, status: bytes) -> None:
    liar.answer = b"HTTP/1.1 " + status + b"\r\n\r\n" + b"[" * 100_000
    admin = Admin(f"unix/{liar.path}")
    try:
        with contextlib.suppress(CaddyError):
            assert admin.served().digest
    finally:
        admin.close()
