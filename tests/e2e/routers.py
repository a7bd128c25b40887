"""The real `router` command in a repository of its own, and what tests put around it: servers, clients, streams."""

import contextlib
import http.client
import http.server
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self, TypeVar

import httpx
import psutil

from router.caddy.embedded import binary
from router.ports import service_port
from router.store import Store
from tests.e2e.caddies import ANSWER, exchange
from tests.e2e.free_ports import free_port, is_own, listens
from tests.servers.shops import end_started

Json = dict[str, Any]
Seen = TypeVar("Seen")
LIMIT = 60.0  # seconds for what takes one on an idle machine: beside ten agents it takes forty
_ENDED = (psutil.Error, OSError)


def wait_until(look: Callable[[], Seen | None], *, limit: float = LIMIT, what: str = "", pause: float = 0.02) -> Seen:
    """Return the first true value that `look` gives; AssertionError with `what` or the last value after `limit`."""
    deadline = monotonic() + limit
    while not (seen := look()):
        assert monotonic() < deadline, f"not within {limit} s: {what or seen}"
        sleep(pause)
    return seen


_hash_ports: set[int] = set()


def remove(directory: Path) -> None:
    """Remove a directory as one step: a running watcher makes what is lost in it again."""
    away = directory.with_name(f"{directory.name}.{secrets.token_hex(4)}")
    directory.rename(away)
    shutil.rmtree(away)


def fresh(name: str) -> str:
    """Return a branch name that no other test has, whose hash ports nobody uses: tests run beside each other.

    Nor will another process of pytest-xdist use them later.
    """
    while True:
        branch = f"{name}-{secrets.token_hex(2)}"
        ports = {service_port(service, branch) for service in ("web", "api")}
        if all(map(is_own, ports)) and not ports & _hash_ports and not any(map(listens, ports)):
            _hash_ports.update(ports)
            return branch


class Router:
    """`router` with its own home, state directory, port and repository; ends only what it started.

    `trunk` is the branch of the main checkout, `repository` its path.
    """

    def __init__(self, directory: Path, *, state: Path | None = None) -> None:
        self.directory = directory
        self.repository = directory / "shop"
        self.state = state or directory / "state"
        self.port = free_port()
        self.trunk = fresh("trunk")
        self.env = _environment(directory / "home", self.state, self.port)
        self._foreground: list[subprocess.Popen[bytes]] = []
        self._servers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.make_repository(self.repository, self.trunk)
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            _end(server)
        self._stop()
        end_started(Store(self.state))
        left = self.processes()
        for process in left:
            process.kill()
        for process in self._foreground:
            process.wait(LIMIT)
        assert not left, f"left running: {left}"
        assert not self.bugs, self.bugs[0]

    # The repository

    def git(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run git in the main checkout or in `cwd`; return what it said."""
        done = subprocess.run(
            ["git", *map(str, arguments)], cwd=cwd or self.repository, env=self.env, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode(errors="replace").strip()

    def make_repository(self, path: Path, branch: str) -> Path:
        """Make a repository with one commit on `branch`."""
        (self.directory / "home").mkdir(parents=True, exist_ok=True)
        path.mkdir(parents=True)
        self.git("init", "--quiet", f"--initial-branch={branch}", cwd=path)
        (path / "page.txt").write_text("one\n")
        self.git("add", ".", cwd=path)
        self.git("commit", "--quiet", "--message=first", cwd=path)
        return path

    def add(self, branch: str, path: Path | None = None, *, port: int | None = None) -> Path:
        """Add a worktree on a new branch; with a port, one that its `.env.local` declares. Return its path."""
        place = path or self.directory / f"shop.{branch.replace('/', '-')}"
        self.git("worktree", "add", "--quiet", "-b", branch, place)
        if port:
            self.declare(place, port)
        return place

    def declare(self, worktree: Path, port: int | str, name: str = ".env.local") -> None:
        """Write a worktree's web port into its env file, in one step."""
        beside = self.directory / f"env-{secrets.token_hex(4)}"
        beside.write_text(f"PORT={port}\n")
        beside.replace(worktree / name)

    # The command

    def run(self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> "Said":
        """Run `router` to its end."""
        done = subprocess.run(
            _command(arguments), cwd=cwd or self.repository, env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL, capture_output=True, timeout=6 * LIMIT, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None,
        inside: Sequence[str] = (),
    ) -> "Foreground":  # fmt: skip
        """Start `router` and leave it running; its output goes to files. `inside` is a command to run it with."""
        name = self.directory / f"foreground-{len(self._foreground)}"
        out, err = name.with_suffix(".out"), name.with_suffix(".err")
        with out.open("wb") as to, err.open("wb") as errors:
            process = subprocess.Popen(
                [*inside, *_command(arguments)], cwd=cwd or self.repository, env={**self.env, **(env or {})},
                stdin=subprocess.DEVNULL, stdout=to, stderr=errors, start_new_session=True,
            )  # fmt: skip
        self._foreground.append(process)
        return Foreground(process, out, err)

    def up(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, inside: Sequence[str] = ()
    ) -> "Foreground":
        """Start `router up` in the foreground and wait until the first configuration is loaded."""
        up = self.start("up", *arguments, env=env, inside=inside)
        wait_until(lambda: up.ended or self.seen().get("watcher", {}).get("pid") == up.pid, what="up")
        assert not up.ended, up.errors
        return up

    def detach(self) -> Json:
        """Run `router up --detach`; return the status that it leaves."""
        said = self.run("up", "--detach")
        assert said.code == 0, said.err
        return self.seen()

    def down(self, *repositories: Path) -> "Said":
        """Run `router down`."""
        return self.run("down", *repositories)

    def status(self) -> Json:
        """Return what `router status --json` prints."""
        return dict(json.loads(self.run("status", "--json").out))

    def url(self, *arguments: str, cwd: Path | None = None) -> str:
        """Return what `router url` prints."""
        said = self.run("url", *arguments, cwd=cwd)
        assert said.code == 0, said.err
        return said.out.strip()

    # What can be seen from outside

    @property
    def bugs(self) -> list[str]:
        """The ends of the tracebacks that the command has left so far."""
        return [path.read_text()[-600:] for path in (self.directory / "home").glob("router-bug-*")]

    def seen(self) -> Json:
        """Return the status as the watcher last wrote it, without a command; empty where there is none."""
        try:
            return dict(json.loads(Store(self.state).status_file.read_bytes()))
        except (OSError, ValueError):
            return {}

    def worktrees(self) -> dict[str, Json]:
        """Return the worktrees of that status by label."""
        return {worktree["name"]: worktree for worktree in self.seen().get("worktrees", ())}

    def at(self, path: Path) -> Json | None:
        """Return the worktree of that status at a path, None where it has none."""
        return next((w for w in self.worktrees().values() if w["path"] == str(path)), None)

    def routed(self, path: Path) -> Json:
        """Wait until the worktree at that path is routed, and return it."""
        return wait_until(lambda: self.at(path), what=f"{path} routed")  # type: ignore[return-value]

    def gone(self, label: str) -> None:
        """Wait until a label is no longer routed."""
        wait_until(lambda: self.seen() and label not in self.worktrees(), what=f"{label} gone")

    def label(self, path: Path, expected: str) -> None:
        """Wait until the worktree at that path has this label."""
        wait_until(lambda: (self.at(path) or {}).get("name") == expected, what=f"{path} called {expected}")

    def web(self, path: Path) -> Json:
        """Return the web service of the worktree at that path, empty where that is not routed."""
        return dict((self.at(path) or {"services": {"web": {}}})["services"]["web"])

    def kinds(self, path: Path | None = None) -> set[str]:
        """Return the kinds of problem of the worktree at a path, or of the router itself."""
        of = self.seen() if path is None else self.at(path) or {}
        return {problem["kind"] for problem in of.get("problems", ())}

    def all_kinds(self) -> set[str]:
        """Return the kinds of every problem of that status, the worktrees' and the router's own."""
        found = [*self.seen()["problems"], *(p for each in self.worktrees().values() for p in each["problems"])]
        return {problem["kind"] for problem in found}

    @property
    def loads(self) -> int:
        """How often Caddy took a configuration of this watcher's."""
        return int(self.seen()["caddy"]["loads"])

    @property
    def caddy_pid(self) -> int:
        """The pid of Caddy, 0 while it does not run."""
        return int(self.seen()["caddy"]["pid"] or 0)

    @property
    def watcher_pid(self) -> int:
        """The pid of the watcher."""
        return int(self.seen()["watcher"]["pid"])

    def get(self, host: str, target: str = "/", *, method: str = "GET", headers: dict[str, str] | None = None,
            body: bytes = b"", timeout: float = ANSWER) -> httpx.Response:  # fmt: skip
        """Ask Caddy on 127.0.0.1 for a host: a label, or a full name with or without the port."""
        name = host if "." in host or host.startswith("localhost") else f"{host}.localhost"
        full = name if ":" in name else f"{name}:{self.port}"
        return exchange(self.port, method, target, host=full, headers=headers, body=body, timeout=timeout)

    def page(self, host: str, target: str = "/") -> str:
        """Return the text that a host answers with, empty where nothing answers.

        One that connects while Caddy has lost its configuration is never answered: it is not waited for long.
        """
        try:
            return self.get(host, target, timeout=10).text
        except (OSError, http.client.HTTPException):
            return ""

    def processes(self) -> list[psutil.Process]:
        """Return every process that runs for this state directory, told by its environment."""
        return [p for p in psutil.process_iter() if _belongs(p, self.state)]

    def admin(self, method: str, path: str, body: bytes = b"", kind: str = "text/caddyfile") -> int:
        """Ask Caddy's admin socket as another program would; return the status."""
        address = self.seen()["caddy"]["admin"].removeprefix("unix/")
        with contextlib.closing(_UnixConnection(address)) as connection:
            connection.request(method, path, body=body, headers={"Content-Type": kind})
            return connection.getresponse().status

    # What tests put beside it

    def serve(self, worktree: Path, page: str, port: int, *, address: str = "127.0.0.1") -> int:
        """Start `python -m http.server` in a worktree with a page of its own; return its pid."""
        (worktree / "index.html").write_text(page)
        server = subprocess.Popen(
            [sys.executable, "-m", "http.server", "--bind", address, str(port)],
            cwd=worktree, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._servers.append(server)
        wait_until(lambda: listens(port), what=f"http.server on {port}")
        return server.pid

    def _stop(self) -> None:
        for process in self._foreground:
            if process.poll() is None:
                process.terminate()
        with contextlib.suppress(AssertionError):  # what is left is told by __exit__
            wait_until(lambda: all(p.poll() is not None for p in self._foreground))
        if self.processes():
            self.down()
            with contextlib.suppress(AssertionError):
                wait_until(lambda: not self.processes(), limit=5)


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code and output."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Foreground:
    """A `router` that runs on."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def pid(self) -> int:
        """Its pid."""
        return self.process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    @property
    def lines(self) -> list[str]:
        """What it has printed so far."""
        return self.out.read_text().splitlines()

    @property
    def errors(self) -> str:
        """What it has said to people so far."""
        return self.err.read_text()

    def end(self, number: int = signal.SIGTERM, *, limit: float = LIMIT) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(limit)


class Upstream:
    """A dev server in this process: pages, a websocket that echoes, a stream of events.

    `/` answers `text`, `/headers` the request's headers as JSON, `/events` an endless event stream.
    """

    def __init__(self, text: str, port: int | None = None, *, address: str = "127.0.0.1") -> None:
        self.text = text
        self._address = address
        self.port = port or free_port()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self._server = _Server((self._address, self.port), _Pages)
        self._server.text, self._server.ended = self.text, self._ended
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(LIMIT)


class Stream:
    """One long connection through the router: a websocket or an event stream."""

    def __init__(self, port: int, host: str, target: str, *headers: str) -> None:
        request = "\r\n".join([f"GET {target} HTTP/1.1", f"Host: {host}.localhost:{port}", *headers, "", ""])
        opened = self._open(port, request) or self._open(port, request)  # a load may cut a new connection, too
        assert opened, "the connection was cut twice"
        self.status = int(opened.split()[1])
        while self._file.readline().strip():
            pass

    def _open(self, port: int, request: str) -> bytes:
        """Connect and ask; return the status line, nothing where the connection was cut."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self._file = self._socket.makefile("rb")
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(request.encode())
            if line := self._file.readline():
                return line
        self.__exit__()
        return b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    @classmethod
    def websocket(cls, port: int, host: str) -> Self:
        """Open a websocket."""
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        return cls(port, host, "/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key)

    @classmethod
    def events(cls, port: int, host: str) -> Self:
        """Open an event stream."""
        return cls(port, host, "/events", "Accept: text/event-stream")

    def echo(self, text: str) -> str:
        """Send a line and return the one that comes back, empty where the connection has ended."""
        try:
            self._socket.sendall(f"{text}\n".encode())
            return self.line()
        except OSError:
            return ""

    def line(self) -> str:
        """Return the next line, empty where the connection has ended."""
        try:
            return self._file.readline().decode().strip()
        except OSError:
            return ""

    def event(self) -> str:
        """Return the next event, empty where the stream has ended."""
        while line := self._file.readline():
            if line.startswith(b"data: "):
                return line.decode().strip()
        return ""


@dataclass
class Client:
    """Asks one host again and again, over one kept connection or a new one each time."""

    router: Router
    host: str
    keep: bool = False
    answers: list[int] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        wait_until(lambda: self.answers, what=f"an answer; {self.failures[:3]}")
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(LIMIT)

    def more(self, count: int = 20) -> None:
        """Wait until so many more requests were answered."""
        wanted = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= wanted, what=f"answers; {self.failures[:3]}")

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.router.port, timeout=LIMIT)
        headers = {"Host": f"{self.host}.localhost:{self.router.port}"}
        while not self._ended.wait(0.01):
            try:
                connection.request("GET", "/", headers=headers)
                answer = connection.getresponse()
                answer.read()
                self.answers.append(answer.status)
            except (OSError, http.client.HTTPException) as exc:
                self.failures.append(exc)
                connection.close()
            if not self.keep:
                connection.close()
        connection.close()


@contextlib.contextmanager
def plain_caddy(caddyfile: Path, port: int) -> Iterator[None]:
    """Run `caddy run` over a Caddyfile, as somebody would without the router."""
    home = caddyfile.parent
    with (home / "plain-caddy.log").open("wb") as log:
        process = subprocess.Popen(
            [str(binary()), "run", "--config", str(caddyfile), "--adapter", "caddyfile"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    try:
        wait_until(lambda: process.poll() is not None or listens(port), what="caddy run")
        assert process.poll() is None, (home / "plain-caddy.log").read_text()[-2000:]
        yield
    finally:
        _end(process)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    text: str
    ended: threading.Event

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that left."""


class _Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two packets: the second would wait 40 ms for the first one's ACK
    server: _Server

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self._echo()
        elif self.path == "/events":
            self._stream()
        elif self.path == "/headers":
            self._answer(json.dumps(dict(self.headers)))
        else:
            self._answer(self.server.text)

    def _answer(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _echo(self) -> None:
        """Answer the handshake; what follows is a tunnel, and comes back as it is."""
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        self.end_headers()
        self.connection.settimeout(0.1)
        while not self.server.ended.is_set():
            with contextlib.suppress(TimeoutError):
                if not (data := self.connection.recv(4096)):
                    break
                self.connection.sendall(data)
        self.close_connection = True

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        number = 0
        while not self.server.ended.wait(0.05):
            number += 1
            self.wfile.write(f"data: {number}\n\n".encode())
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("caddy", timeout=LIMIT)
        self._path = path

    def connect(self) -> None:
        """Connect to the unix socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(LIMIT)
        self.sock.connect(self._path)


def _command(arguments: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-m", "router", *map(str, arguments)]


def _environment(home: Path, state: Path, port: int) -> dict[str, str]:
    """Return an environment without anything of the developer's own router, git or home."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "ROUTER_", "XDG_", "COV_", "PYTEST_"))}
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
           for key, value in (("NAME", "Somebody"), ("EMAIL", "somebody@example.org"))}  # fmt: skip
    git = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", **who}
    router = {"ROUTER_STATE_DIR": str(state), "ROUTER_PORT": str(port)}
    own = {"HOME": str(home), "TMPDIR": str(home), "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**kept, **git, **router, **own}


def _belongs(process: psutil.Process, state: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        environ = process.environ()
        command = " ".join(process.cmdline())
        place = process.cwd()
    except _ENDED:
        return False
    router = "-m router" in command and environ.get("ROUTER_STATE_DIR") == str(state)
    served = place.startswith(f"{state}/data-servers/")
    return router or served or environ.get("HOME") == str(state / "caddy")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(LIMIT)
