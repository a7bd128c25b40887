"""Who holds the router's port."""

import os
import socket

from router.doctor.checks import port
from tests.doctor.checks.conftest import Make
from tests.doctor.documents import levels, status


def test_a_free_port_is_fine(installation: Make) -> None:
    assert levels(port.check(installation())) == ["ok"]


def test_a_port_that_somebody_else_holds_is_a_failure_that_names_them(installation: Make, free: int) -> None:
    with socket.create_server(("127.0.0.1", free)):
        [finding] = port.check(installation())
    assert finding.level == "fail"
    assert f"127.0.0.1:{free}" in finding.message
    assert f"pid {os.getpid()}" in finding.message
    assert finding.hint.endswith(f"# or end it: kill {os.getpid()}")


def test_a_port_that_the_watcher_holds_is_its_own(installation: Make, free: int) -> None:
    with socket.create_server(("127.0.0.1", free)):
        assert levels(port.check(installation(silent=0.0, status=status()))) == ["ok"]


def test_a_port_that_caddy_holds_is_the_routers_own(installation: Make, free: int) -> None:
    running = installation(silent=0.0, pid=1, status=status(pid=os.getpid()))
    with socket.create_server(("127.0.0.1", free)):
        assert levels(port.check(running)) == ["ok"]


def test_a_running_router_whose_port_nobody_holds_has_failed(installation: Make) -> None:
    assert levels(port.check(installation(silent=0.0, status=status()))) == ["fail"]


def test_an_external_caddy_holds_its_port_itself(installation: Make, free: int) -> None:
    assert levels(port.check(installation(caddy="external"))) == ["ok"]
    assert levels(port.check(installation(caddy="external", silent=0.0))) == ["fail"]
    with socket.create_server(("127.0.0.1", free)):
        assert levels(port.check(installation(caddy="external", silent=0.0))) == ["ok"]


def test_the_port_of_a_container_is_no_strangers_for_a_command_that_does_not_know_the_mode(
    installation: Make, free: int
) -> None:
    with socket.create_server(("127.0.0.1", free)):
        assert levels(port.check(installation(silent=0.0, mode="external"))) == ["ok"]
