"""What only a running watcher can say, for the dashboard while it is open: it answers at a socket that Caddy asks."""

import contextlib
import json
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from router.observe.listeners import Listeners
from router.processes import guard
from router.processes.usage import with_memory
from router.status import Document
from router.store import Store

_LARGEST = 1 << 13  # bytes of a line of a request
_FRESH = 5.0  # seconds for which an answer serves everybody who asks
_TIMEOUT = 5.0
_PAUSE = 0.1

log = logging.getLogger(__name__)

Answers = Mapping[str, Callable[[], Any]]


class Live:
    """Answers `GET` with JSON, for as long as it is open. At rest it only waits; `answers` are by path."""

    def __init__(self, path: Path, answers: Answers) -> None:
        self._path = path
        self._answers = answers
        self._server: _Server | None = None

    def start(self) -> None:
        """Begin to answer, or begin again where the socket was removed; one that cannot be made is logged."""
        self.close()
        try:
            self._path.unlink(missing_ok=True)
            self._server = _Server(str(self._path), _Request)
            self._path.chmod(0o600)
        except OSError as exc:
            log.warning("the dashboard cannot ask: %s: %s", self._path, exc.strerror)
            return
        self._server.answers = self._answers
        threading.Thread(target=self._server.serve, name="live", daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        server, self._server = self._server, None
        if server:
            server.closing = True
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
                last.connect(str(self._path))  # it waits for somebody
            server.server_close()
            self._path.unlink(missing_ok=True)


class Usage:
    """The memory of the worktrees of the latest status; measured at most once in five seconds, however many ask."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners = Listeners()
        self._lock = threading.Lock()
        self._measured: dict[str, Any] = {}
        self._until = float("-inf")

    def __call__(self) -> dict[str, Any]:
        """Return the memory of each worktree, by path, and of all together; nothing before there is a status."""
        with self._lock:
            if time.monotonic() > self._until:
                self._measured = self._measure(json.loads(self._store.read(self._store.status_file) or "null"))
                self._until = time.monotonic() + _FRESH
            return self._measured

    def _measure(self, status: Document | None) -> dict[str, Any]:
        if status is None:
            return {}
        found = with_memory(status, routers=guard.routers(self._store), listeners=self._listeners)
        return {"memory": found["memory"], "worktrees": {tree["path"]: tree["memory"] for tree in found["worktrees"]}}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    closing = False
    answers: Answers

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
            time.sleep(_PAUSE)
            raise

    def handle_error(self, *_: object) -> None:
        """Log what went wrong; whoever asked gets no answer."""
        log.exception("an answer for the dashboard failed")


class _Request(socketserver.StreamRequestHandler):
    timeout = _TIMEOUT
    server: _Server

    def handle(self) -> None:
        """Answer one request and close the connection (RFC 9112)."""
        with contextlib.suppress(OSError):
            words = self.rfile.readline(_LARGEST).split()
            while self.rfile.readline(_LARGEST).strip():
                pass
            asked = words[1].decode(errors="replace").partition("?")[0] if words[:1] == [b"GET"] else ""
            answer = self.server.answers.get(asked)
            body = json.dumps(answer()).encode() if answer else b""
            status = "200 OK" if answer else "404 Not Found"
            head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            self.wfile.write(f"{head}Connection: close\r\n\r\n".encode() + body)
