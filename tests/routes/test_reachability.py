"""What a Caddy in a container cannot reach."""

import pytest

from router.model import Listener
from router.routes.reachability import from_container
from tests.fakes import route, service, table

SERVED = table(route("x", service("web", 3000), service("api", 8000, up=False)))


@pytest.mark.parametrize(
    ("listeners", "kinds"),
    [
        ((Listener(3000, "127.0.0.1", loopback_only=True),), ["unreachable-from-container"]),
        ((Listener(3000, "::1", loopback_only=True),), ["unreachable-from-container"]),
        ((Listener(3000, "::1", loopback_only=False),), ["unreachable-from-container"]),
        ((Listener(3000, "127.0.0.1", loopback_only=False),), []),
        ((Listener(3000, "::1", loopback_only=True), Listener(3000, "127.0.0.1", loopback_only=False)), []),
    ],
)
def test_a_server_on_the_loopback_alone_is_out_of_reach(listeners: tuple[Listener, ...], kinds: list[str]) -> None:
    reached = from_container(SERVED, listeners)
    assert [p.kind for p in reached.routes[0].problems] == kinds
    assert [p.service for p in reached.routes[0].problems] == ["web"] * len(kinds)


def test_one_that_is_down_is_no_problem() -> None:
    assert from_container(table(route("x", service("web", 3000, up=False))), ()).routes[0].problems == ()


def test_one_whose_port_leads_to_another_server_is_blocked() -> None:
    own = service("web", 3000, address="::1")
    anothers = Listener(3000, "127.0.0.1", loopback_only=False)
    reached = from_container(table(route("x", own)), (anothers,)).routes[0]
    assert reached.services[0].blocked
    assert not reached.services[0].up
    assert [p.kind for p in reached.problems] == ["unreachable-from-container"]
    nobodys = from_container(table(route("x", own)), ()).routes[0]
    assert not nobodys.services[0].blocked
