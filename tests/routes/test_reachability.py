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
    told = from_container(SERVED, listeners)
    assert [p.kind for p in told.routes[0].problems] == kinds
    assert [p.service for p in told.routes[0].problems] == ["web"] * len(kinds)


def test_one_that_is_down_is_not_told() -> None:
    assert from_container(table(route("x", service("web", 3000, up=False))), ()).routes[0].problems == ()
