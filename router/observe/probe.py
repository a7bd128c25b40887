"""What answers at a port: whether anything does, whether it speaks TLS, and what kind of server it is."""

import re
import socket
import ssl
import time
from collections.abc import Callable

from router import __version__
from router.routes.servers import Kind
from router.values import dataclass, field

NOWHERE = "/.router//probe"
"""A path that no app has, so that no dev server compiles a page for it: Next redirects at two slashes, and would else
compile the page that says 404."""
PAGE = "/"
MAX_BYTES = 16 * 1024
_AGENT = f"worktree-router/{__version__} (looks once which server this is)"
_INSPECTOR = "/json/version"  # what Node, Deno and Chrome answer at the port of their debugger
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r\n]")
_INTERIM = re.compile(rb"(?s)\A(?:HTTP/1\.[01] 1[0-9][0-9][ \r].*?\r?\n\r?\n)+")
_BLANK = re.compile(rb"\r?\n\r?\n")
_HTML = re.compile(rb"(?im)^content-type:[ \t]*(?:text/html|application/xhtml\+xml)")
_JSON = re.compile(rb"(?im)^content-type:[ \t]*application/(?:[a-z0-9.+-]+\+)?json")
_SOCKET = re.compile(rb"(?i)upgrade required|websocket")
_VERSIONS = re.compile(rb'"(?:Protocol-Version|webSocketDebuggerUrl|V8-Version)"')
_REDIRECTS = range(300, 400)
_NO_PAGE = frozenset({404, 405})
_BAD, _UPGRADE = 400, 426
_SENTENCE = 24  # bytes of a body that may say that websockets alone are served


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered to a request: over TLS or not, and what that makes it; None where nobody is there."""

    tls: bool = False
    kind: Kind | None = None


Dialled = Callable[[int, int], None]
"""Told, before a connection is made, from which port it comes and which one it is to."""


def connects(address: str, port: int, *, dialled: Dialled = lambda *_: None) -> bool:
    """Tell whether something accepts a TCP connection at a literal address, within 0.2 s; `dialled` is told of it."""
    try:
        with _dial(address, port, 0.2, dialled):
            return True
    except OSError:
        return False


def serves(
    address: str, port: int, *, path: str = NOWHERE, host: str = "localhost", timeout: float = 0.5,
    dialled: Dialled = lambda *_: None,
) -> Reply:  # fmt: skip
    """Ask a server once as a browser would, and say what it is.

    `path` is `NOWHERE`, or `PAGE` where it counts whether there is one. `address` is a literal, `host` goes into the
    Host header (with the port) and the TLS server name. Takes three connections at most, one over TLS where plain HTTP
    was refused, one for what may be a debugger; each at most `timeout` seconds and 16 KiB, and `dialled` is told of
    each. Raises nothing.
    """
    server = _Server(address, port, host, timeout, dialled)
    try:
        plain = _asked(server, path)
    except TimeoutError:  # it accepts nothing, and no more connections fit into its queue
        return Reply(kind="silent")
    except OSError:
        return Reply()
    secret = _over_tls(server, path) if _wants_tls(plain) else None
    if secret:
        return secret
    if _may_be_an_inspector(plain.received) and _is_an_inspector(server):
        return Reply(kind="inspector")
    return Reply(kind=_kind(plain, path))


@dataclass(frozen=True, slots=True)
class _Server:
    """Where a server is asked, under which name, for how many seconds, and who is told of each connection."""

    address: str
    port: int
    host: str
    timeout: float
    dialled: Dialled

    def dial(self) -> socket.socket:
        return _dial(self.address, self.port, self.timeout, self.dialled)

    def request(self, path: str, accept: str = "text/html") -> bytes:
        lines = (f"GET {path} HTTP/1.1", f"Host: {self.host}:{self.port}", f"User-Agent: {_AGENT}", f"Accept: {accept}")
        return "\r\n".join((*lines, "Connection: close", "", "")).encode()


def _asked(server: _Server, path: str) -> "_Exchange":
    exchange = _Exchange(time.monotonic() + server.timeout)
    with server.dial() as connection:
        exchange.run(connection, server.request(path))
    return exchange


def _over_tls(server: _Server, path: str) -> Reply | None:
    secret = _Exchange(time.monotonic() + server.timeout)
    try:
        with server.dial() as connection:
            connection.settimeout(secret.left())
            with _context().wrap_socket(connection, server_hostname=server.host) as wrapped:
                secret.run(wrapped, server.request(path))
    except (OSError, ValueError):  # ValueError: a host that is no server name
        return None
    return Reply(tls=True, kind=_kind(secret, path))


def _may_be_an_inspector(received: bytes) -> bool:
    """Tell whether a server refuses what a browser would ask, and says so neither in JSON nor with a page."""
    head, _, _ = _parts(received)
    status = _STATUS.match(head)
    if status is None or _JSON.search(head):
        return False
    return int(status[1]) in (_BAD, _UPGRADE) or (int(status[1]) in _NO_PAGE and not _HTML.search(head))


def _is_an_inspector(server: _Server) -> bool:
    """Tell whether the debugger of a runtime or a browser listens: it says so itself."""
    try:
        with server.dial() as connection:
            exchange = _Exchange(time.monotonic() + server.timeout, whole=True)
            exchange.run(connection, server.request(_INSPECTOR, accept="application/json"))
    except OSError:
        return False
    return _VERSIONS.search(exchange.received) is not None


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # loopback, and dev servers sign their certificates themselves
    context.set_alpn_protocols(["http/1.1"])
    return context


def _dial(address: str, port: int, timeout: float, dialled: Dialled = lambda *_: None) -> socket.socket:
    here = "::1" if ":" in address else "127.0.0.1"
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        connection.settimeout(timeout)
        connection.bind((here, 0))
        dialled(connection.getsockname()[1], port)
        connection.connect((address, port))
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
    """One request and as much of the answer as is needed, or the `whole`, until a deadline of the monotonic clock."""

    deadline: float
    whole: bool = False
    received: bytes = field(default=b"")
    closed: bool = False

    def run(self, connection: socket.socket, request: bytes) -> None:
        """Send the request and read; an error ends the exchange, what came before it counts."""
        try:
            connection.settimeout(self.left())
            connection.sendall(request)
            while not self.closed and not (len(self.received) >= MAX_BYTES if self.whole else _enough(self.received)):
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
    head, blank, body = _parts(received)
    status = _STATUS.match(head)
    return bool(blank) and (len(body) >= _SENTENCE or not (status and int(status[1]) in (_BAD, _UPGRADE)))


def _parts(received: bytes) -> tuple[bytes, bytes, bytes]:
    """Return head, blank line and body of the final answer; the last two are empty where they have not come."""
    final = _INTERIM.sub(b"", received)
    blank = _BLANK.search(final)
    return (final[: blank.end()], blank[0], final[blank.end() :]) if blank else (final, b"", b"")


def _wants_tls(plain: _Exchange) -> bool:
    """Tell whether a server may have refused plain HTTP because it speaks TLS.

    Node closes the connection, OpenSSL sends an alert (record type 21, RFC 8446 section 5.1), Go, nginx and Apache
    answer 400. A 400 may mean other things; a handshake tells.
    """
    status = _STATUS.match(plain.received)
    if not plain.received:
        return plain.closed
    return plain.received[0] == 21 if status is None else status[1] == b"400"  # noqa: PLR2004


def _kind(exchange: _Exchange, path: str) -> Kind:
    """Return what an answer makes of a server.

    `html` is what a person would look at: a page, or a redirect of `/`, which leads a browser to a page (a login, /en,
    a base path). HTML with 404 or 405 is what a framework writes for a route that does not exist (Express, Flask): at
    `/` there is no page then, at a path that no app has it tells nothing.
    """
    head, _, body = _parts(exchange.received)
    status = _STATUS.match(head)
    if status is None:
        return "other" if exchange.received else "closed" if exchange.closed else "silent"
    code = int(status[1])
    if code == _UPGRADE or (code == _BAD and _SOCKET.search(body)):
        return "upgrade"
    if _JSON.search(head):
        return "http"
    if code not in _NO_PAGE and code not in _REDIRECTS and _HTML.search(head):
        return "html"
    if path == NOWHERE:
        return "unclear"
    return "html" if code in _REDIRECTS else "http"
