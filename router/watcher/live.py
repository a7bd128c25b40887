"""What only a running watcher can say or do: it answers at sockets, one of which Caddy asks."""

import contextlib
import json
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from router.document import Document
from router.observe.listeners import Listeners
from router.processes import guard
from router.processes.usage import with_memory
from router.store import Store
from router.values import dataclass, field, replace

_LARGEST = 1 << 13  # bytes of a line of a request
_FRESH = 5.0  # seconds for which an answer serves everybody who asks
_TIMEOUT = 5.0
_PAUSE = 0.1
_MOST = 300  # who ask at a time

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: a status, a body, and headers that say more than its length."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answers = Mapping[str, Callable[[str], Answer]]
"""What answers, by path; where that ends with a slash, all below it, which is told the rest."""


def as_json(found: Callable[[], Any]) -> Callable[[str], Answer]:
    """Return what answers with a value as JSON."""
    return lambda _: json_answer(found())


def json_answer(value: Any) -> Answer:
    """Return the answer that has a value as JSON."""
    return Answer(HTTPStatus.OK, json.dumps(value).encode(), {"Content-Type": "application/json"})


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks: the method, what follows the place that answers, and the headers, by lower-case names."""

    method: str
    rest: str
    headers: Mapping[str, str] = field(default_factory=dict)


Doors = Mapping[str, Callable[[Request], Answer]]
"""What answers whatever the method is, and is told the whole request, by path as in `Answers`."""


class Served:
    """Answers at a private socket, for as long as it is open: each request in a thread, at most so many at a time.

    `whom` says who asks there.
    """

    def __init__(
        self, path: Path, request: type[socketserver.StreamRequestHandler], answers: Any, *, most: int, whom: str
    ) -> None:
        self._path = path
        self._request = request
        self._answers = answers
        self._most = most
        self._whom = whom
        self._server: _Server | None = None
        self._thread = threading.Thread()

    def start(self) -> None:
        """Begin to answer, or begin again where the socket was removed; one that cannot be made is logged."""
        self.close()
        try:
            self._path.unlink(missing_ok=True)
            self._server = _Server(str(self._path), self._request, self._answers, most=self._most, whom=self._whom)
            self._path.chmod(0o600)
        except OSError as exc:
            log.warning("%s cannot ask: %s: %s", self._whom, self._path, exc.strerror)
            return
        self._thread = threading.Thread(target=self._server.serve, name=self._path.stem, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        server, self._server = self._server, None
        if server:
            server.closing = True
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
                last.connect(str(self._path))  # it waits for somebody
            with contextlib.suppress(OSError):
                server.socket.shutdown(socket.SHUT_RDWR)  # who cannot be reached by its path, as that was removed
            if self._thread.ident:
                self._thread.join(_TIMEOUT)  # else it may wait for another file, whose number is the socket's by then
            server.server_close()
            self._path.unlink(missing_ok=True)


class Live(Served):
    """Answers `GET`, and what its `doors` let in, as Caddy asks it."""

    def __init__(self, path: Path, answers: Answers, doors: Doors | None = None) -> None:
        super().__init__(path, _Request, (answers, doors or {}), most=_MOST, whom="the dashboard")


class Usage:
    """The memory of the worktrees of the latest status; measured at most once in five seconds, however many ask."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._listeners = Listeners()
        self._lock = threading.Lock()
        self._measured: dict[str, Any] = {}
        self._until = float("-inf")

    def __call__(self) -> dict[str, Any]:
        """Return the memory of each worktree, by path, and of all together; nothing before there is a status."""
        with self._lock:
            if self._clock() > self._until:
                self._measured = self._measure(json.loads(self._store.read(self._store.status_file) or "null"))
                self._until = self._clock() + _FRESH
            return self._measured

    def _measure(self, status: Document | None) -> dict[str, Any]:
        if status is None:
            return {}
        found = with_memory(status, routers=guard.routers(self._store), listeners=self._listeners)
        return {"memory": found["memory"], "worktrees": {tree["path"]: tree["memory"] for tree in found["worktrees"]}}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 512  # Caddy does not wait for a place: fifty visits at once are one connection each
    closing = False

    def __init__(
        self, path: str, request: type[socketserver.StreamRequestHandler], answers: Any, *, most: int, whom: str
    ) -> None:
        super().__init__(path, request)
        self.answers = answers
        self.free = threading.BoundedSemaphore(most)
        self.whom = whom

    def serve(self) -> None:
        """Answer one after the other; `serve_forever` would wake up twice a second for nothing."""
        while not self.closing:
            with contextlib.suppress(OSError, ValueError):  # closed meanwhile
                self.handle_request()

    def get_request(self) -> tuple[socket.socket, object]:
        """Take a connection; where there are too many files for one more, try again a moment later."""
        try:
            return super().get_request()
        except OSError:
            if not self.closing:
                time.sleep(_PAUSE)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own; where there are too many, hang up: whoever asks does without an answer."""
        if self.free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.free.release()

    def handle_error(self, *_: object) -> None:
        """Log what went wrong; whoever asked gets no answer."""
        log.exception("an answer for %s failed", self.whom)


class _Request(socketserver.StreamRequestHandler):
    timeout = _TIMEOUT
    server: _Server

    def handle(self) -> None:
        """Answer one request and close the connection (RFC 9112)."""
        with contextlib.suppress(OSError):
            words = self.rfile.readline(_LARGEST).decode(errors="replace").split()
            headers = dict(self._headers())
            answer = self._answer(
                Request(words[0], words[1].partition("?")[0], headers) if words[1:] else Request("", "")
            )
            lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", "Connection: close"]
            if answer.status != HTTPStatus.NO_CONTENT:
                lines.append(f"Content-Length: {len(answer.body)}")
            lines += [f"{name}: {value}" for name, value in answer.headers.items()]
            self.wfile.write("\r\n".join([*lines, "", ""]).encode() + answer.body)

    def _headers(self) -> Iterator[tuple[str, str]]:
        """Yield the names and values of the headers; one that is there twice counts as what comes last."""
        while line := self.rfile.readline(_LARGEST).decode(errors="replace").strip():
            name, _, value = line.partition(":")
            yield name.lower(), value.strip()

    def _answer(self, request: Request) -> Answer:
        known: tuple[Answers, Doors] = self.server.answers
        answers, doors = known
        if found := _place(request.rest, doors):
            place, door = found
            return door(replace(request, rest=request.rest.removeprefix(place)))
        if request.method == "GET" and (asked := _place(request.rest, answers)):
            return asked[1](request.rest.removeprefix(asked[0]))
        return Answer(HTTPStatus.NOT_FOUND)


def _place(path: str, known: Mapping[str, T]) -> tuple[str, T] | None:
    """Return what is at a path, or what all below it is, and its place."""
    return next(
        ((at, found) for at, found in known.items() if path == at or (at[-1] == "/" and path.startswith(at))), None
    )
