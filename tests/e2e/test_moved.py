"""A server that knows the host which its worktree had before: its redirects lead to the host of now."""

from collections.abc import Iterator

import pytest

from router.route_table import FormerName
from tests.e2e.caddies import running
from tests.e2e.routers import free_port
from tests.e2e.test_callback import PATHS, Setup, app, location
from tests.fakes import route, service, table

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    web, api, other = free_port(), free_port(), free_port()
    before = FormerName("before", 1e9)
    live = table(
        route(
            "now", service("web", web), service("api", api), aliases=("before", "an"), former=(before,), left=("old",)
        ),
        route("main", service("web", other), left=("trunk",)),
    )
    with app(web) as first, app(api) as second:  # noqa: SIM117 - Caddy goes first
        with running(live, tmp_path_factory.mktemp("caddy"), callback_paths=PATHS) as caddy:
            yield Setup(caddy, live, first, second)


@pytest.mark.parametrize("asked", ["now", "an", "api.now", "now--api", "acme.now"])
@pytest.mark.parametrize(("named", "leads"), [
    ("before", "now"), ("old", "now"), ("api.before", "api.now"), ("before--api", "now--api"), ("a.b.old", "a.b.now"),
])  # fmt: skip
def test_a_redirect_to_a_host_of_before_leads_to_that_of_now(setup: Setup, asked: str, named: str, leads: str) -> None:
    for rest in ("", "/", "/a%20b?c=d#e", "?a=b"):
        answer = setup.sign_in(setup.origin(named) + rest, host=asked)
        assert location(answer) == setup.origin(leads) + rest
        assert answer.text == "the app"


def test_a_server_action_to_a_host_of_before_leads_to_that_of_now(setup: Setup) -> None:
    headers = {"Answer-Status": "303", "Answer-Action": f"{setup.origin('before')}/;push"}
    answer = setup.caddy.request("GET", "/out", host=f"now.localhost:{setup.port}", headers=headers)
    assert answer.headers["X-Action-Redirect"] == f"{setup.origin('now')}/;push"


@pytest.mark.parametrize("asked", ["before", "api.before", "before--api", "acme.before"])
def test_whoever_is_on_the_host_of_before_stays_there(setup: Setup, asked: str) -> None:
    sent = f"{setup.origin('before')}/home"
    assert location(setup.sign_in(sent, host=asked)) == sent


def test_any_other_redirect_stays_as_it_is(setup: Setup) -> None:
    for sent in (
        f"{setup.origin('trunk')}/home",
        f"{setup.origin('main')}/home",
        f"{setup.origin('an')}/home",
        f"{setup.origin('not-before')}/home",
        setup.origin("before").replace("http:", "https:"),
        f"http://before.localhost:{setup.port}0/home",
        f"http://before.localhost.example:{setup.port}/home",
        f"https://elsewhere.example/?to={setup.origin('before')}/home",
    ):
        assert location(setup.sign_in(sent, host="now")) == sent
