"""Who used a port, and what does not count as using it."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from router.observe import sock_diag
from router.observe.own_connections import OwnConnections
from router.observe.probe import serves
from router.observe.sock_diag import Connection
from router.observe.traffic import COUNTS, Traffic, Use
from tests.observe.servers import LINUX
from tests.processes.scenes import wait_until

PING = b"\x89\x80mask"  # an empty ping of a websocket's client (RFC 6455, section 5.5.2)


class Kernel:
    """Connections that a test makes up."""

    def __init__(self) -> None:
        self.open: dict[int, int] = {}

    def __call__(self, _: object) -> list[Connection]:
        return [Connection(5173, "127.0.0.1", client, size) for client, size in self.open.items()]


def of(kernel: Kernel) -> Traffic:
    return Traffic(lambda client, _: client == 9, connections=kernel)


def test_what_is_there_at_the_first_look_was_used_nobody_knows_when() -> None:
    kernel = Kernel()
    kernel.open = {1: 90_000}
    traffic = of(kernel)
    assert traffic.look([5173], now=0) == {}
    assert traffic.look([5173], now=10) == {}


def test_what_is_there_at_the_first_look_counts_at_once_where_that_is_asked_for() -> None:
    kernel = Kernel()
    kernel.open = {1: 90_000}
    traffic = Traffic(lambda *_: False, connections=kernel, at_once=True)
    assert traffic.look([5173], now=7) == {5173: Use(5173, 7, came=7)}
    assert traffic.look([5173], now=9) == {5173: Use(5173, 7, came=7)}


def test_a_new_connection_counts_and_the_routers_own_does_not() -> None:
    kernel = Kernel()
    traffic = of(kernel)
    traffic.look([5173], now=0)
    kernel.open = {9: 5000}
    assert traffic.look([5173], now=10) == {}
    kernel.open = {9: 9000, 1: 0}
    assert traffic.look([5173], now=20) == {5173: Use(5173, 20, came=20)}
    assert traffic.look([5173], now=30) == {5173: Use(5173, 20, came=20)}
    kernel.open = {}  # that it ends is no use
    assert traffic.look([5173], now=40) == {5173: Use(5173, 20, came=20)}


def test_a_port_was_used_when_the_last_of_its_new_connections_was() -> None:
    ages = {1: 0.25, 2: 0.5, 3: float("inf")}
    found = [Connection(5173, "127.0.0.1", client, 9, age) for client, age in ages.items()]
    traffic = Traffic(lambda client, _: client == 9, connections=lambda _: found, at_once=True)
    assert traffic.look([5173], now=7) == {5173: Use(5173, 7, came=6.75)}


def test_the_pings_of_a_quiet_websocket_do_not_count_however_long_they_go_on() -> None:
    kernel = Kernel()
    kernel.open = dict.fromkeys((1, 2, 3, 4, 5), 0)
    traffic = of(kernel)
    for second in range(0, 3600, 10):
        kernel.open = {client: size + 30 for client, size in kernel.open.items()}
        assert traffic.look([5173], now=second) == {}


def test_many_bytes_within_a_minute_count_until_no_more_come() -> None:
    kernel = Kernel()
    kernel.open = {1: 0}
    traffic = of(kernel)
    for second in range(0, 70, 10):
        traffic.look([5173], now=second)
        kernel.open[1] += 500
    assert traffic.look([5173], now=70) == {5173: Use(5173, 70, 3000, 70)}
    assert traffic.look([5173], now=80) == {5173: Use(5173, 70, 3000, 70)}
    kernel.open[1] += 100
    assert traffic.look([5173], now=200) == {5173: Use(5173, 70, 3000, 70)}


def test_a_port_that_nobody_asks_for_any_more_is_forgotten() -> None:
    kernel = Kernel()
    traffic = of(kernel)
    traffic.look([5173], now=0)
    kernel.open = {1: 0}
    traffic.look([5173], now=1)
    assert traffic.look([], now=2) == {}
    assert traffic.look([5173], now=3) == {}


@contextmanager
def server(family: socket.AddressFamily = socket.AF_INET, *, closes: bool = False) -> Iterator[int]:
    """Serve on a port: read whatever comes, and with `closes` answer and close as HTTP/1.0 does."""
    listening = socket.socket(family)
    listening.bind(("127.0.0.1" if family == socket.AF_INET else "::", 0))
    listening.listen(64)
    with ExitStack() as stack:

        def accept() -> None:
            while True:
                try:
                    connection = stack.enter_context(listening.accept()[0])
                except OSError:
                    return
                threading.Thread(target=read, args=(connection,), daemon=True).start()

        def read(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):  # whoever asked may be gone
                while connection.recv(4096):
                    if closes:
                        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                        connection.close()
                        return

        threading.Thread(target=accept, daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@LINUX
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_kernel_tells_what_comes_to_a_server(family: socket.AddressFamily) -> None:
    traffic = Traffic(lambda *_: False)
    with server(family) as port, socket.create_connection(("127.0.0.1", port)) as client:
        wait_until(lambda: [each for each in sock_diag.connections([port]) if each.client_port == own(client)])
        assert traffic.look([port], now=0) == {}
        client.sendall(PING)
        received(port, len(PING))
        assert traffic.look([port], now=1) == {}
        client.sendall(b"x" * COUNTS)
        received(port, len(PING) + COUNTS)
        use = traffic.look([port], now=2)[port]
        assert (use.at, use.bytes) == (2, len(PING) + COUNTS)
        assert use.came <= 2


@LINUX
@pytest.mark.parametrize("closes", [True, False], ids=["the server closes", "the client closes"])
def test_a_request_that_is_over_before_the_next_look_is_seen(closes: bool) -> None:
    traffic = Traffic(lambda *_: False)
    with server(closes=closes) as port:
        traffic.look([port], now=0)
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if closes:
                assert client.recv(100)
                assert not client.recv(100)
        use = traffic.look([port], now=5)[port]
        assert (use.at, use.bytes) == (5, 0)
        assert use.came <= 5
        assert traffic.look([port], now=9) == {port: use}


@LINUX
@pytest.mark.parametrize("closes", [True, False], ids=["the server closes", "the client closes"])
def test_servers_that_were_used_between_two_looks_have_their_order(closes: bool) -> None:
    with server(closes=closes) as first, server(closes=closes) as second:
        for port in (second, first):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if not closes:
                    received(port, 18)
                while closes and client.recv(100):  # once it has closed, the kernel counts no more what came
                    pass
            wait_until(lambda port=port: min(each.silent for each in sock_diag.connections([port])) > 0.01)  # type: ignore[misc]
        found = Traffic(lambda *_: False, at_once=True).look([first, second], now=1000)
        assert found[second].came < found[first].came < 1000


@LINUX
def test_the_routers_own_question_is_no_use_of_a_server() -> None:
    own_connections = OwnConnections()
    traffic = Traffic(own_connections.has)
    with server(closes=True) as port:
        traffic.look([port], now=0)
        assert serves("127.0.0.1", port, timeout=20, dialled=own_connections.add).kind == "unclear"
        assert list(sock_diag.connections([port]))
        assert traffic.look([port], now=5) == {}
        assert serves("127.0.0.1", port, timeout=20).kind == "unclear"
        assert list(traffic.look([port], now=6)) == [port]


def test_a_connection_to_the_same_port_of_another_machine_is_not_to_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(client: str, server: str) -> bytes:
        ends = struct.pack(">HH16s16s", 40000, 5173, socket.inet_aton(client), socket.inet_aton(server))
        return (bytes(4) + ends).ljust(72, b"\0")

    ours, theirs = told("10.0.0.5", "10.0.0.5"), told("10.0.0.5", "192.0.2.1")
    monkeypatch.setattr(sock_diag, "_diagnosed", lambda family, **_: [ours, theirs] if family == socket.AF_INET else [])
    assert list(sock_diag.connections([5173])) == [Connection(5173, "10.0.0.5", 40000)]


def test_own_connections_are_known_as_long_as_the_kernel_may_show_them() -> None:
    now = [0.0]
    known = OwnConnections(clock=lambda: now[0])
    known.add(40000, 5173)
    assert known.has(40000, 5173)
    assert not known.has(40000, 5174)
    now[0] = 301
    known.add(40001, 5173)
    assert not known.has(40000, 5173)


def own(connection: socket.socket) -> int:
    return int(connection.getsockname()[1])


def received(port: int, size: int) -> None:
    wait_until(lambda: max(each.received for each in sock_diag.connections([port])) >= size)
