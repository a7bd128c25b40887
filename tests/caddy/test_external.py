"""A Caddy that somebody else runs, played by one that a test controls; the real one is in e2e."""

import json
from pathlib import Path
from typing import Any

import pytest

from router.caddy.admin import Admin, Served
from router.caddy.caddyfile import Endpoint
from router.caddy.compose import Compose
from router.caddy.external import External, restoring
from router.errors import CaddyError, ForeignCaddyError
from router.observe.listeners import Listeners
from tests.fakes import SITE


class FakeAdmin(Admin):
    """Answers after so many questions with what a test says that it serves."""

    def __init__(self, *, late: int = 0, foreign: bool = False, listen: str = "127.0.0.1:2019") -> None:
        self.address = "127.0.0.1:2019"
        self.reachable = False
        self.late = late
        self.taken: list[Served] = []
        self.serves = Served("d1", json.dumps({"apps": {}}), foreign, Endpoint(listen, ("localhost:2019",), True))

    def served(self) -> Served:
        if self.late:
            self.late -= 1
            raise CaddyError("Caddy does not answer", hint="start it")
        self.reachable = True
        return self.serves

    def take_over(self, served: Served) -> None:
        self.taken.append(served)

    def check(self, served: Served) -> None:
        if served.foreign and served not in self.taken:
            raise ForeignCaddyError("it serves something else", hint="")


class FakeCompose:
    """Counts what is done with the container."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def up(self) -> None:
        self.calls.append("up")

    def stop(self) -> None:
        self.calls.append("stop")


class Stage:
    def __init__(self, admin: FakeAdmin, *, taken_over: Path | None = None, compose: Compose | None = None) -> None:
        self.said: list[str] = []
        self.waits = 0
        self.patience = 100
        self.admin = admin
        self.caddy = External(
            admin, SITE, say=self.said.append, wait=self._wait, taken_over=taken_over, compose=compose
        )

    def _wait(self, seconds: float) -> bool:
        self.waits += 1
        return self.waits < self.patience

    def begin(self) -> None:
        self.caddy.begin(Listeners(), now=0.0)


def test_its_admin_block_is_kept() -> None:
    stage = Stage(FakeAdmin())
    stage.begin()
    assert stage.caddy.site.admin == Endpoint("127.0.0.1:2019", ("localhost:2019",), enforce_origin=True)
    assert stage.caddy.facts == {"running": True, "pid": None, "version": None}
    assert stage.said == []


def test_it_is_waited_for_and_that_is_said_once() -> None:
    stage = Stage(FakeAdmin(late=3))
    stage.begin()
    assert stage.waits == 3
    assert stage.said == ["waiting for Caddy at 127.0.0.1:2019: start it"]


def test_the_wait_ends_when_the_watcher_is_told_to_stop() -> None:
    stage = Stage(FakeAdmin(late=1000))
    stage.patience = 5
    stage.begin()
    assert stage.waits == 5
    assert not stage.caddy.facts["running"]


@pytest.mark.parametrize("listen", ["0.0.0.0:2019", ":2019", "[::]:2019", "tcp/:2019"])
def test_an_admin_api_open_to_others_is_warned_of(listen: str) -> None:
    stage = Stage(FakeAdmin(listen=listen))
    stage.begin()
    assert listen in stage.said[0]
    assert "bind it to 127.0.0.1" in stage.said[0]


def test_what_is_somebody_elses_is_left_alone() -> None:
    with pytest.raises(ForeignCaddyError):
        Stage(FakeAdmin(foreign=True)).begin()


def test_what_is_taken_over_is_saved_first_with_the_command_that_restores_it(tmp_path: Path) -> None:
    file = tmp_path / "taken over.json"
    stage = Stage(FakeAdmin(foreign=True), taken_over=file)
    stage.begin()
    assert file.read_text() == stage.admin.serves.text
    assert file.stat().st_mode & 0o777 == 0o600
    assert restoring("127.0.0.1:2019", file) in stage.said[-1]


def test_the_command_that_restores_speaks_to_a_socket_too() -> None:
    assert "--unix-socket /run/caddy.sock" in restoring("unix//run/caddy.sock", Path("/x.json"))


def test_it_goes_on_when_the_router_ends() -> None:
    stage = Stage(FakeAdmin())
    stage.begin()
    assert not stage.caddy.keep(now=1.0)
    stage.caddy.stop()
    assert "goes on serving the last routes" in stage.said[-1]


def test_its_container_is_started_and_stopped() -> None:
    compose: Any = FakeCompose()
    stage = Stage(FakeAdmin(), compose=compose)
    stage.begin()
    stage.caddy.stop()
    assert compose.calls == ["up", "stop"]
