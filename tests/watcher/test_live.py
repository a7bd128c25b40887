"""What the watcher answers the dashboard: real sockets, as Caddy would ask."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.store import Store
from router.watcher.live import Answer, Live, Usage, as_json
from tests.e2e import statuses
from tests.e2e.routers import wait_until
from tests.processes.scenes import started


class Connection(http.client.HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def asked(path: Path, target: str, method: str = "GET") -> tuple[int, Any]:
    """Ask as Caddy does; return the status and what the answer's JSON says."""
    connection = Connection(path)
    try:
        connection.request(method, target, headers={"Host": "localhost:8080"})
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body else None
    finally:
        connection.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    answers = {
        "/.router/answer.json": as_json(lambda: {"answer": 42}),
        "/fails": as_json(lambda: 1 / 0),
        "/below/": lambda rest: Answer(202, json.dumps(rest).encode()),
        "/nothing": lambda _: Answer(204, headers={"X-There": "yes"}),
    }
    made = Live(tmp_path / "live.sock", answers)
    made.start()
    yield made
    made.close()


def test_it_answers_what_it_is_asked_and_nothing_else(live: Live, tmp_path: Path) -> None:
    path = tmp_path / "live.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    assert asked(path, "/.router/answer.json?x=1") == (200, {"answer": 42})
    assert asked(path, "/.router/other.json") == (404, None)
    assert asked(path, "/.router/answer.json", "POST") == (404, None)
    assert asked(path, "/below/a/b?c") == (202, "a/b")
    assert asked(path, "/below") == (404, None)
    assert asked(path, "/nothing") == (204, None)


def test_so_many_may_ask_at_a_time_and_one_more_is_not_answered(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.watcher.live._Request.timeout", 600.0)  # nobody is hung up on before all are there
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.socket(socket.AF_UNIX)).connect(str(tmp_path / "live.sock"))
        with pytest.raises((http.client.BadStatusLine, ConnectionError)):
            asked(tmp_path / "live.sock", "/.router/answer.json")
    wait_until(lambda: answers_again(tmp_path / "live.sock"), what="an answer once the others are gone")


def answers_again(path: Path) -> bool:
    try:
        return asked(path, "/.router/answer.json")[0] == 200
    except (http.client.HTTPException, OSError):
        return False


def test_an_answer_that_fails_or_a_client_that_leaves_ends_nothing(
    live: Live, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "live.sock"
    with pytest.raises(http.client.BadStatusLine):
        asked(path, "/fails")
    assert "an answer for the dashboard failed" in caplog.text
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))
        assert asked(path, "/.router/answer.json")[0] == 200
    with socket.socket(socket.AF_UNIX) as odd:
        odd.connect(str(path))
        odd.sendall(b"\r\n\r\n")
        assert b"404" in odd.recv(100)
    assert asked(path, "/.router/answer.json")[0] == 200


def test_it_begins_again_where_its_socket_was_removed_and_ends_without_a_trace(live: Live, tmp_path: Path) -> None:
    path = tmp_path / "live.sock"
    path.unlink()
    live.start()
    assert asked(path, "/.router/answer.json")[0] == 200
    live.close()
    assert not path.exists()
    live.close()


def test_without_a_place_for_its_socket_it_says_so_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = Live(tmp_path / "missing/live.sock", {})
    made.start()
    made.close()
    assert "the dashboard cannot ask" in caplog.text


def test_memory_is_that_of_the_latest_status_and_measured_once_for_all_who_ask(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    store.prepare()
    assert Usage(store)() == {}
    place = tmp_path / "shop"
    place.mkdir()
    with started() as real:
        server, agent = real.server(place)[0], real.idle(place, name="claude")
        statuses.write(store.site, statuses.status(statuses.worktree("main", path=str(place))))
        usage = Usage(store, clock=lambda: 0.0)
        found = usage()
        assert server
        assert agent
        assert set(found["worktrees"]) == {str(place)}
        assert found["worktrees"][str(place)]["processes"] == 2
        assert set(found["worktrees"][str(place)]["shown"]) == {"agent"}
        assert found["memory"]["bytes"] == found["worktrees"][str(place)]["bytes"]
        _together(usage)
        assert usage() is found


def _together(usage: Usage) -> None:
    """Ask from several threads at once."""
    threads = [threading.Thread(target=usage) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
