"""What answers at a port: whether anything does, whether it speaks TLS, and whether it serves pages."""

import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Literal

MAX_BYTES = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r\n]")
_INTERIM = re.compile(rb"(?s)\A(?:HTTP/1\.[01] 1[0-9][0-9][ \r].*?\r?\n\r?\n)+")
_BLANK = re.compile(rb"\r?\n\r?\n")
_HTML = re.compile(rb"(?im)^content-type:[ \t]*(?:text/html|application/xhtml\+xml)")
_REDIRECTS = range(300, 400)
_NO_PAGE = frozenset({404, 405})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered to `GET /`: over TLS or not; a page, other HTTP, or nothing that was understood."""

    tls: bool = False
    kind: Literal["html", "http"] | None = None


def connects(address: str, port: int) -> bool:
    """Tell whether something accepts a TCP connection at a literal address, within 0.2 s."""
    try:
        with _dial(address, port, 0.2):
            return True
    except OSError:
        return False


def serves(address: str, port: int, *, host: str = "localhost", timeout: float = 0.5) -> Reply:
    """Ask a server once for `/` as a browser would, and say what it is.

    `address` is a literal, `host` goes into the Host header (with the port) and the TLS server name. Takes two
    connections at most, the second one over TLS where the first was refused as plain HTTP, each at most `timeout`
    seconds and 16 KiB. Raises nothing: who talks first, talks nonsense or says nothing is `Reply(False, None)`.
    """
    request = f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/html\r\nConnection: close\r\n\r\n".encode()
    plain = _Exchange(time.monotonic() + timeout)
    try:
        with _dial(address, port, timeout) as connection:
            plain.run(connection, request)
    except OSError:
        return Reply()
    secret = _over_tls(address, port, request, host=host, timeout=timeout) if _wants_tls(plain) else None
    return secret or Reply(kind=_kind(plain.received))


def _over_tls(address: str, port: int, request: bytes, *, host: str, timeout: float) -> Reply | None:
    secret = _Exchange(time.monotonic() + timeout)
    try:
        with _dial(address, port, timeout) as connection:
            connection.settimeout(secret.left())
            with _context().wrap_socket(connection, server_hostname=host) as wrapped:
                secret.run(wrapped, request)
    except (OSError, ValueError):  # ValueError: a host that is no server name
        return None
    return Reply(tls=True, kind=_kind(secret.received))


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # loopback, and dev servers sign their certificates themselves
    context.set_alpn_protocols(["http/1.1"])
    return context


def _dial(address: str, port: int, timeout: float) -> socket.socket:
    connection = socket.create_connection((address, port), timeout)
    try:
        # Where nobody listens on a port of the ephemeral range, the kernel may choose that very port as ours and
        # connect the socket to itself (TCP simultaneous open, RFC 9293 section 3.5).
        if connection.getsockname() == connection.getpeername():
            raise ConnectionRefusedError
    except OSError:  # the other side may have gone meanwhile
        connection.close()
        raise
    return connection


@dataclass(slots=True)
class _Exchange:
    """One request and as much of the answer as is needed, until a deadline of the monotonic clock."""

    deadline: float
    received: bytes = field(default=b"")
    closed: bool = False

    def run(self, connection: socket.socket, request: bytes) -> None:
        """Send the request and read; an error ends the exchange, what came before it counts."""
        try:
            connection.settimeout(self.left())
            connection.sendall(request)
            while not self.closed and not _enough(self.received):
                connection.settimeout(self.left())
                block = connection.recv(4096)
                self.received += block
                self.closed = not block
        except TimeoutError:
            return
        except OSError:
            self.closed = True

    def left(self) -> float:
        """Return the seconds that are left; raises TimeoutError when none are."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _enough(received: bytes) -> bool:
    if len(received) >= MAX_BYTES or not received[:7].startswith(b"HTTP/1."[: len(received)]):
        return True
    return _BLANK.search(_INTERIM.sub(b"", received)) is not None


def _wants_tls(plain: _Exchange) -> bool:
    """Tell whether a server may have refused plain HTTP because it speaks TLS.

    Node closes the connection, OpenSSL sends an alert (record type 21, RFC 8446 section 5.1), Go, nginx and Apache
    answer 400. A 400 may mean other things; a handshake tells.
    """
    status = _STATUS.match(plain.received)
    if not plain.received:
        return plain.closed
    return plain.received[0] == 21 if status is None else status[1] == b"400"  # noqa: PLR2004


def _kind(received: bytes) -> Literal["html", "http"] | None:
    """Return `html` for what a person would look at: a page, or a redirect.

    A redirect of `/` leads a browser to a page (a login, /en, a base path); APIs seldom have one there. HTML with
    404 or 405 is what a framework writes for a route that does not exist (Express, Flask): that is an API.
    """
    final = _INTERIM.sub(b"", received)
    status = _STATUS.match(final)
    if status is None:
        return None
    code, head = int(status[1]), _BLANK.split(final, maxsplit=1)[0]
    page = code in _REDIRECTS or (code not in _NO_PAGE and _HTML.search(head))
    return "html" if page else "http"
