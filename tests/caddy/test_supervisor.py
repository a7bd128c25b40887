"""How the embedded Caddy is kept running, with a Caddy that only counts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.caddy.admin import Admin
from router.caddy.embedded import Embedded
from router.caddy.supervisor import PAUSES, Supervisor
from router.errors import CaddyError, PortTakenError
from router.model import Listener
from tests.fakes import SITE

ADMIN = Admin("unix//a")


class FakeCaddy(Embedded):
    """A Caddy that is alive and reachable until a test says otherwise."""

    def __init__(self, *, adoptable: bool = False, taken: bool = False) -> None:
        self.port = 8080
        self.version = "v2"
        self.adoptable = adoptable
        self.taken = taken
        self.runs = False
        self.has_socket = True
        self.late = False
        self.calls: list[str] = []

    @property
    def pid(self) -> int | None:
        return 4711

    @property
    def bind(self) -> tuple[str, ...]:
        return ("fd/3",)

    @property
    def adopted(self) -> bool:
        return self.adoptable

    @property
    def steered(self) -> bool:
        return not self.adoptable

    @property
    def strands(self) -> bool:
        return self.late

    def alive(self) -> bool:
        return self.runs

    def reachable(self) -> bool:
        return self.has_socket

    def adopt(self) -> bool:
        self.runs = self.adoptable
        return self.adoptable

    def listen(self) -> None:
        if self.taken:
            raise PortTakenError("port 8080 is taken", hint="choose another")

    def start(self) -> None:
        self.calls.append("start")
        self.runs = self.has_socket = True

    def wake(self) -> bool:
        self.calls.append("wake")
        return False

    def note(self) -> bool:
        self.calls.append("note")
        return False

    def bound_output(self) -> None:
        self.calls.append("bound")

    def end(self) -> None:
        self.calls.append("end")

    def stop(self) -> None:
        self.calls.append("stop")


class FakeSource:
    def __init__(self, *found: Listener) -> None:
        self.found = found

    def scan(self, roots: Any) -> tuple[Listener, ...]:
        return self.found


def begun(caddy: FakeCaddy, *listeners: Listener) -> Supervisor:
    supervisor = Supervisor(caddy, SITE, ADMIN)
    source: Any = FakeSource(*listeners)
    supervisor.begin(source, now=0.0)
    return supervisor


def test_a_caddy_that_is_left_is_adopted_and_continued() -> None:
    caddy = FakeCaddy(adoptable=True)
    begun(caddy)
    assert caddy.calls == ["wake"]


def test_without_one_a_new_one_is_started_on_its_sockets() -> None:
    caddy = FakeCaddy()
    supervisor = begun(caddy)
    assert caddy.calls == ["start"]
    assert supervisor.site == replace(SITE, bind=("fd/3",), steered=True)


def test_a_taken_port_is_an_error_that_names_its_holder() -> None:
    with pytest.raises(PortTakenError, match=r"port 8080 is taken by nginx \(pid 7\)"):
        begun(FakeCaddy(taken=True), Listener(8080, "127.0.0.1", pid=7, program="nginx"))
    with pytest.raises(PortTakenError, match=r"port 8080 is taken$"):
        begun(FakeCaddy(taken=True), Listener(8080, "127.0.0.1"))


def test_a_connection_that_came_too_late_wants_another_load() -> None:
    caddy = FakeCaddy()
    supervisor = begun(caddy)
    caddy.late = True
    assert supervisor.keep(now=1.0)
    assert caddy.calls.count("start") == 1


def test_one_that_runs_is_only_looked_at() -> None:
    caddy = FakeCaddy()
    supervisor = begun(caddy)
    assert not supervisor.keep(now=1.0)
    assert caddy.calls == ["start", "wake", "note", "bound"]
    assert supervisor.facts["restarts"] == 0


@pytest.mark.parametrize("lost", ["runs", "has_socket"])
def test_one_that_ended_or_lost_its_admin_socket_is_started_again(lost: str) -> None:
    caddy = FakeCaddy()
    supervisor = begun(caddy)
    setattr(caddy, lost, False)
    assert supervisor.keep(now=1.0)
    assert caddy.calls == ["start", "end", "start"]
    assert supervisor.facts["restarts"] == 1
    assert not supervisor.keep(now=1.1)


def test_one_that_ends_again_and_again_is_started_with_growing_pauses() -> None:
    caddy = FakeCaddy()
    supervisor = begun(caddy)
    now = 0.0
    for pause in PAUSES[1:]:
        caddy.runs = False
        if pause:
            with pytest.raises(CaddyError, match=f"started again after {pause:.0f} s"):
                supervisor.keep(now=now + pause - 0.01)
        now += pause
        assert supervisor.keep(now=now)
    caddy.runs = False
    with pytest.raises(CaddyError, match="ended 8 times within a minute"):
        supervisor.keep(now=now + 1)
    assert supervisor.keep(now=now + 61)  # a minute later nothing of that counts


def test_the_end_is_caddys_too() -> None:
    caddy = FakeCaddy()
    begun(caddy).stop()
    assert caddy.calls[-1] == "stop"


def test_logs_that_cannot_be_written_are_left_out_of_the_configuration(tmp_path: Path) -> None:
    logs, gone = tmp_path / "caddy.log", tmp_path / "gone" / "access.log"
    site = replace(SITE, log=str(logs), access_log=str(gone))
    supervisor = Supervisor(FakeCaddy(), site, ADMIN)
    assert (supervisor.site.log, supervisor.site.access_log) == (str(logs), "-")
    gone.parent.mkdir()
    assert supervisor.site.access_log == str(gone)
    supervisor = Supervisor(FakeCaddy(), replace(site, log=str(tmp_path / "nowhere" / "caddy.log")), ADMIN)
    assert supervisor.site.log is None
