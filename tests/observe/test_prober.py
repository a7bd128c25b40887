"""Which servers are asked what they serve, how often, and by how many threads."""

import errno
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace

import pytest

from router.model import Listener
from router.observe.listeners import Listeners
from router.observe.prober import Prober
from router.ports import NOT_DEV_PORTS
from router.routes.discovered import MOST
from router.routes.servers import AWAITED
from tests.observe.servers import bound

LONG = 20.0  # seconds: a failing test ends, a passing one never waits for them
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<!doctype html>"


class Pages:
    """A server that answers with a page, and counts who asks; without `answer` it accepts and says nothing.

    With `alone` it has a page at `/` only. It may be `at` a socket that listens already.
    """

    def __init__(self, *, answer: bool = True, alone: bool = False, at: socket.socket | None = None) -> None:
        self.asked = 0
        self.paths: list[bytes] = []
        self._alone = alone
        self._answer = answer
        self._socket = at or socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._socket.getsockname()[1])
        self._silent: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "Pages":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._silent:
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError as exc:
                if exc.errno == errno.EMFILE:  # a test has taken them all
                    continue
                return
            self.asked += 1
            if self._answer:
                with connection:
                    self.paths.append(connection.recv(4096).split(b" ")[1])
                    missing = self._alone and self.paths[-1] != b"/"
                    connection.sendall(HTML.replace(b"200 OK", b"404 Not Found") if missing else HTML)
            else:
                self._silent.append(connection)


def of(port: int, *, worktree: str | None = "/w", pid: int = 1, address: str = "127.0.0.1", uid: int = 0) -> Listener:
    return Listener(port, address, worktree=worktree, pid=pid, uid=uid)


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not look():
        assert time.monotonic() < end
        time.sleep(0.005)


@contextmanager
def watched_threads() -> Iterator[Callable[[], int]]:
    """Yield what counts the threads that there are more than at the beginning."""
    before = set(threading.enumerate())
    yield lambda: len(set(threading.enumerate()) - before)


@pytest.fixture
def woken() -> Iterator[tuple[Prober, threading.Event]]:
    event = threading.Event()
    with closing(Prober(event.set, user=0)) as prober:
        yield prober, event


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the first question wait for its answer, however late that comes: none is asked again."""
    monkeypatch.setattr("router.observe.prober._FIRST", LONG)


@pytest.mark.usefixtures("patient")
def test_a_server_is_asked_once_and_its_answer_kept(woken: tuple[Prober, threading.Event]) -> None:
    prober, event = woken
    with Pages() as pages:
        assert prober.about([of(pages.port)]) == (replace(of(pages.port), serves=AWAITED),)  # nobody is waited for
        assert event.wait(LONG)
        for _ in range(3):
            [found] = prober.about([of(pages.port)])
            assert (found.serves, found.tls) == ("html", False)
        assert pages.asked == 1


@pytest.mark.usefixtures("patient")
def test_a_process_is_asked_once_for_both_families(woken: tuple[Prober, threading.Event]) -> None:
    prober, event = woken
    with Pages() as pages:
        both = [of(pages.port), of(pages.port, address="::1")]
        prober.about(both)
        assert event.wait(LONG)
        assert [each.serves for each in prober.about(both)] == ["html", "html"]
        assert pages.asked == 1


@pytest.mark.usefixtures("patient")
def test_an_answer_that_comes_before_the_look_is_over_is_kept(
    woken: tuple[Prober, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    prober, event = woken
    knock = Prober._knock

    def after_the_answer(this: Prober, there: Mapping[tuple[int | None, int], Listener]) -> None:
        assert event.wait(LONG)
        knock(this, there)

    monkeypatch.setattr(Prober, "_knock", after_the_answer)
    with Pages() as pages:
        prober.about([of(pages.port)])
        assert prober.about([of(pages.port)])[0].serves == "html"
        assert pages.asked == 1


@pytest.mark.usefixtures("patient")
def test_another_process_at_the_same_port_is_asked_again(woken: tuple[Prober, threading.Event]) -> None:
    prober, event = woken
    with Pages() as pages:
        for pid in (1, 2):
            event.clear()
            assert prober.about([of(pages.port, pid=pid)])[0].serves == AWAITED
            assert event.wait(LONG)
            assert prober.about([of(pages.port, pid=pid)])[0].serves == "html"


@pytest.mark.parametrize("change", ["nobodys", "another user's"])
def test_servers_that_are_not_ours_are_left_alone(change: str) -> None:
    with closing(Prober(lambda: None, user=1000)) as prober, Pages() as theirs, Pages() as ours:
        left = of(theirs.port, worktree=None) if change == "nobodys" else of(theirs.port, uid=1001)
        until(lambda: prober.about([left, of(ours.port, uid=1000)])[1].serves == "html")
        assert prober.about([left])[0].serves is None
        assert theirs.asked == 0


def test_roots_servers_and_those_of_nobody_knows_whom_are_asked() -> None:
    with closing(Prober(lambda: None, user=1000)) as prober, Pages() as one:
        until(lambda: prober.about([of(one.port, uid=0)])[0].serves == "html")


def test_ports_that_no_dev_server_has_are_left_alone(woken: tuple[Prober, threading.Event]) -> None:
    prober, _ = woken
    with Pages() as pages:
        listeners = [of(port) for port in sorted(NOT_DEV_PORTS)[:MOST]]
        until(lambda: prober.about([*listeners, of(pages.port)])[-1].serves == "html")


def test_of_one_worktrees_servers_the_lowest_ports_are_asked_and_no_more_than_the_bound() -> None:
    with closing(Prober(lambda: None, user=0)) as prober, ExitStack() as stack:
        pages = sorted((stack.enter_context(Pages()) for _ in range(MOST + 3)), key=lambda each: each.port)
        other = stack.enter_context(Pages())
        listeners = [*(of(each.port) for each in pages), of(other.port, worktree="/other")]
        until(lambda: sum(each.serves == "html" for each in prober.about(listeners)) == MOST + 1)
        assert [bool(each.asked) for each in pages] == [True] * MOST + [False] * 3  # a slow one is asked again
        assert other.asked


def test_hundreds_of_silent_servers_take_a_few_threads_and_keep_a_new_one_waiting_for_no_time() -> None:
    with closing(Prober(lambda: None, user=0)) as prober, watched_threads() as threads, ExitStack() as stack:
        silent = [stack.enter_context(bound("127.0.0.1")) for _ in range(300)]
        listeners = [of(port, worktree=f"/w{number}", pid=number) for number, port in enumerate(silent)]
        for _ in range(5):
            prober.about(listeners)
        assert threads() <= 12
        many = [of(port, pid=number) for number, port in enumerate(silent)]
        with closing(Prober(lambda: None, user=0)) as another, Pages() as pages:  # one worktree with all of them
            began = time.monotonic()
            until(lambda: another.about([*many, of(pages.port, worktree="/new")])[-1].serves == "html")
            assert time.monotonic() - began < 10  # to wait for all of them takes a minute


def test_a_page_is_asked_for_once_and_only_where_it_is_wanted(woken: tuple[Prober, threading.Event]) -> None:
    prober, _ = woken
    with Pages(alone=True) as pages, Pages(alone=True) as other:
        both = [of(pages.port), of(other.port, pid=2)]
        until(lambda: [each.serves for each in prober.about(both)] == ["unclear", "unclear"])
        prober.wanted = frozenset({(1, pages.port)})
        until(lambda: [each.serves for each in prober.about(both)] == ["html", "unclear"])
        for _ in range(20):
            prober.about(both)
        assert pages.paths.count(b"/") == 1  # a slow one may be asked elsewhere again
        assert {*pages.paths, *other.paths} == {b"/.router//probe", b"/"}
        assert b"/" not in other.paths


@pytest.mark.usefixtures("patient")
def test_one_that_says_nothing_of_its_page_is_what_it_was_and_is_not_asked_again(
    woken: tuple[Prober, threading.Event],
) -> None:
    prober, _ = woken
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        prober.wanted = frozenset({(1, port)})

        def answer(text: bytes) -> bytes:
            connection, _ = server.accept()
            with connection:
                request = connection.recv(4096)
                connection.sendall(text)
            return request

        prober.about([of(port)])
        answer(HTML.replace(b"200 OK", b"404 Not Found"))
        until(lambda: prober.about([of(port)])[0].serves == "unclear")
        prober.about([of(port)])
        assert answer(b"nonsense").startswith(b"GET / ")
        server.setblocking(False)
        for _ in range(20):
            assert prober.about([of(port)])[0].serves == "unclear"
            with pytest.raises(BlockingIOError):
                server.accept()
            time.sleep(0.01)


def waiting() -> frozenset[int]:
    listeners = Listeners()
    listeners.scan([])
    return listeners.waited_at


@pytest.mark.usefixtures("patient")
def test_one_that_accepts_no_more_is_stuck_until_it_answers_again(
    woken: tuple[Prober, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    prober, _ = woken
    for name in ("_STUCK", "_AGAIN"):
        monkeypatch.setattr(f"router.observe.prober.{name}", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def look() -> Listener:
            return prober.about([of(port)], waiting=waiting())[0]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(HTML)

        look()
        answer()
        until(lambda: look().serves == "html")
        assert look().answers
        with socket.create_connection(("127.0.0.1", port)):
            assert port in waiting()
            until(lambda: not look().answers)
            assert look().serves == "html"  # it is what it was
            server.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    server.accept()[0].close()
        assert port not in waiting()
        server.setblocking(True)
        with Pages(at=server):  # one that answers late is asked again
            until(lambda: look().answers)


def test_one_that_never_answers_is_not_answering_after_the_second_question(
    woken: tuple[Prober, threading.Event],
) -> None:
    prober, _ = woken
    with bound("127.0.0.1") as port:
        assert prober.about([of(port)])[0].answers
        until(lambda: not prober.about([of(port)])[0].answers)
        assert prober.about([of(port)])[0].serves == "silent"


def test_one_that_answers_late_is_asked_again_with_more_patience(woken: tuple[Prober, threading.Event]) -> None:
    prober, _ = woken
    with socket.create_server(("127.0.0.1", 0)) as slow:
        port = slow.getsockname()[1]
        prober.about([of(port)])
        with slow.accept()[0] as first:  # the impatient one
            until(lambda: _ended(first))
        with Pages(at=slow):
            until(lambda: prober.about([of(port)])[0].serves == "html")


def _ended(connection: socket.socket) -> bool:
    """Tell whether the other side has given up."""
    try:
        while connection.recv(4096, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return False
    return True


@pytest.mark.usefixtures("patient")
def test_without_a_descriptor_left_a_server_is_asked_when_there_is_one_again() -> None:
    with closing(Prober(lambda: None, user=0)) as prober, Pages() as pages, ExitStack() as stack:
        most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (most, hard))
        with suppress(OSError):
            while True:
                stack.callback(os.close, os.dup(1))
        for _ in range(20):
            assert prober.about([of(pages.port)])[0].serves == AWAITED
            time.sleep(0.01)
        stack.close()
        until(lambda: prober.about([of(pages.port)])[0].serves == "html")
        assert pages.asked == 1
