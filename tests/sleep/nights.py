"""What puts worktrees to sleep, run beside a test as a watcher runs it beside its loop, with real servers."""

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from router.model import WorktreeId
from router.observe.own_connections import OwnConnections
from router.servers import log, records, shown
from router.servers.records import Server
from router.servers.waiting import Outcome, wait
from router.sleep.shown import asleep
from router.sleep_state import SleepState
from router.status import ServerState
from router.trust import records as allowed
from router.trust.wanted import wanted
from router.watcher import preview
from router.watcher.sleeping import Sleeping
from tests.processes.scenes import wait_until
from tests.servers.shops import Shop

LONG = 90.0  # seconds: a failing test ends, a passing one never waits for them on a machine that is not overloaded
SERVE = """
import os, socket, threading
def read(c):
    while c.recv(4096): pass
s = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=64)
print("up", flush=True)
while True: threading.Thread(target=read, args=(s.accept()[0],), daemon=True).start()
"""


@dataclass
class Night:
    """Puts the worktrees of a shop to sleep by the rules of its router.toml."""

    shop: Shop
    said: list[str] = field(default_factory=list)
    own: OwnConnections = field(default_factory=OwnConnections)
    sleeping: Sleeping | None = None

    def settle(self, sleep: str, code: str = SERVE, *, allow: bool = True) -> None:
        """Have the worktree's web be started by Python with this code, and sleep by these lines."""
        (self.shop.tree / "web.py").write_text(code)
        run = f"[services.web]\nrun = '{sys.executable} -S web.py'\n"
        self.shop.settle(f"{run}[sleep]\n{sleep}\n", allow=allow)

    def allow(self) -> None:
        """Allow what router.toml has done now."""
        allowed.allow(self.shop.store, self.shop.path / ".git", wanted(self.shop.path, hosts=()).statements)

    def up(self) -> Server:
        """Start the worktree's web, and wait until it listens."""
        outcome, server = wait(self.shop.begin().directory)
        assert outcome is Outcome.UP, server and log.last_lines(log.path(server.directory))
        assert server
        return server

    @property
    def key(self) -> WorktreeId:
        """What identifies the worktree."""
        return self.shop.environment().current.worktree.id

    def begin(self) -> None:
        """Begin to look, as a watcher does."""
        self.sleeping = Sleeping(
            threading.Event().set, self.shop.settings, self.shop.store, own=self.own.has, routers=tuple,
            say=self.said.append,
        )  # fmt: skip
        self.tell()
        self.sleeping.start()

    def tell(self) -> None:
        """Tell what is routed by now, as a pass does."""
        assert self.sleeping
        common = str(self.shop.path / ".git")
        planned, repositories = preview.would_route(self.shop.settings, self.shop.store, [common])
        self.sleeping.about(planned.table, repositories, planned.memory)

    def state(self) -> SleepState:
        """Return what is shown of the worktree now."""
        assert self.sleeping
        self.tell()
        return self.sleeping.shown.get(self.key, SleepState())

    def server_state(self) -> ServerState:
        """Return the state of the worktree's web while nothing listens there."""
        [found] = asleep(shown.states(self.shop.store), {self.key: self.state()})[self.key]
        return found

    def sleeps(self) -> SleepState:
        """Wait until the worktree sleeps; return what is shown of it then."""
        return wait_until(lambda: (now := self.state()).asleep and not self.runs() and now, what="it sleeps",
                          limit=LONG)  # type: ignore[return-value] # fmt: skip

    def stays_awake_by(self, sign: str) -> SleepState:
        """Wait until this sign is what keeps the worktree awake; return what is shown then."""
        return wait_until(lambda: (now := self.state()).last_use and now.last_use.sign == sign and now,
                          what=f"awake by {sign}", limit=LONG)  # type: ignore[return-value, union-attr] # fmt: skip

    def runs(self) -> bool:
        """Tell whether a server of the worktree runs."""
        return any(each.runs for each in records.every(self.shop.store))

    def end(self) -> None:
        """Look no more."""
        if self.sleeping:
            self.sleeping.close()


@contextlib.contextmanager
def sending(port: int, data: bytes, *, every: float) -> Iterator[threading.Event]:
    """Send the same bytes over one open connection again and again; the event is set once it is closed from there."""
    over, closed = threading.Event(), threading.Event()

    def send(connection: socket.socket) -> None:
        with connection:
            while not over.wait(every):
                try:
                    connection.sendall(data)
                except OSError:
                    closed.set()
                    return

    thread = threading.Thread(target=send, args=(socket.create_connection(("127.0.0.1", port)),))
    thread.start()
    try:
        yield closed
    finally:
        over.set()
        thread.join()
