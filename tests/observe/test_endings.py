"""The end of a server, and the next one at its port: both call at once, without anybody looking."""

import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from router.model import Listener
from router.observe.endings import PACE, Endings
from router.observe.sock_diag import Bound
from tests.observe.servers import LINUX, bound, served

pytestmark = LINUX
LONG = 20.0  # seconds: a failing test ends, a passing one never waits for them


class Calls:
    """Collects the calls, and waits for the next one."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[float] = queue.SimpleQueue()

    def __call__(self) -> None:
        self._calls.put(time.monotonic())

    def next(self) -> float:
        """Return when the next call came."""
        return self._calls.get(timeout=LONG)

    @property
    def empty(self) -> bool:
        return self._calls.empty()


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def endings(calls: Calls) -> Iterator[Endings]:
    endings = Endings(calls)
    endings.start()
    yield endings
    endings.close()


def of(port: int, worktree: str | None = "/w") -> Listener:
    return Listener(port, "127.0.0.1", worktree=worktree)


def test_the_end_of_a_server_is_reported(endings: Endings, calls: Calls, tmp_path: Path) -> None:
    with served(tmp_path) as server:
        endings.follow([of(server.port)])
        assert calls.empty
        os.kill(server.process.pid, signal.SIGKILL)
        calls.next()


def test_a_process_that_closes_its_socket_and_lives_on_is_reported(endings: Endings, calls: Calls) -> None:
    with bound("127.0.0.1") as port:
        endings.follow([of(port)])
    calls.next()


def test_who_takes_the_port_is_reported(endings: Endings, calls: Calls) -> None:
    with bound("127.0.0.1") as port:
        endings.follow([of(port)])
    calls.next()
    with bound("127.0.0.1", port=port):
        calls.next()


def test_a_port_that_a_look_found_free_is_followed_until_it_is_taken(endings: Endings, calls: Calls) -> None:
    with bound("127.0.0.1") as port:
        pass
    endings.follow([of(port)])  # as a look that was taken before the end
    endings.follow([])
    with bound("127.0.0.1", port=port):
        calls.next()


def test_strangers_and_connections_are_not_reported(calls: Calls) -> None:
    endings = Endings(calls, listening=lambda: ())  # another process of this machine may take the port
    endings.start()
    with bound("127.0.0.1") as port:
        with bound("127.0.0.1") as last, bound("127.0.0.1") as theirs:
            endings.follow([of(port), of(last), of(theirs, worktree=None)])
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", port)):
                    pass
                with bound("127.0.0.1"):
                    pass
        calls.next()  # the last one's: calls come in the order of what happened
        assert calls.empty
    endings.close()


def test_a_port_is_looked_at_less_and_less_often_and_no_more_in_the_end(calls: Calls) -> None:
    now = [1000.0]
    endings = Endings(calls, clock=lambda: now[0])
    assert endings._pause() is None
    endings.follow([of(4000)])
    assert endings._pause() is None
    endings.follow([])
    pauses = []
    for after in (0.0, 5.0, 30.0, 300.0, 700.0):
        now[0] = 1000.0 + after
        pauses.append(endings._pause())
    assert pauses == [*(pause for _, pause in PACE), None]


def test_a_port_that_is_served_again_is_not_looked_at(calls: Calls) -> None:
    endings = Endings(calls)
    endings.follow([of(4000)])
    endings.follow([])
    assert endings._pause() is not None
    endings.follow([of(4000)])
    assert endings._pause() is None


def test_a_table_that_cannot_be_read_says_nothing(calls: Calls) -> None:
    def listening() -> Iterator[tuple[int, Bound]]:
        raise OSError(24, "too many open files")

    endings = Endings(calls, listening=listening)
    endings.follow([of(4000)])
    endings.follow([])
    assert not endings._is_taken()


def test_where_the_kernel_gives_no_word_nothing_is_started(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK")  # as on macOS
    before = set(threading.enumerate())
    with closing(Endings(calls)) as endings:
        endings.start()
        endings.follow([of(4000)])
        endings.follow([])
        assert set(threading.enumerate()) <= before  # those of earlier tests may end


def test_nothing_is_left_behind(calls: Calls) -> None:
    before = set(Path("/dev/fd").iterdir())
    endings = Endings(calls)
    endings.start()
    endings.close()
    assert set(Path("/dev/fd").iterdir()) <= before  # threads of earlier tests may close theirs
