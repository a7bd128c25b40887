"""Sign-outs that lead back through the one registered address to the very host that they began on."""

import dataclasses
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.e2e.caddies import running
from tests.e2e.routers import free_port
from tests.e2e.test_callback import PATHS, Setup, app, location
from tests.fakes import route, service, table

pytestmark = pytest.mark.e2e

PROVIDER = "https://login.example/end?"


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    web, api, other = free_port(), free_port(), free_port()
    live = table(
        route("feature-x", service("web", web), service("api", api), aliases=("fx",)),
        route("main", service("web", other)),
        dataclasses.replace(route("as-it-is", service("web", web)), mask=False),
    )
    with app(web) as first, app(api) as second:  # noqa: SIM117 - Caddy goes first
        with running(live, tmp_path_factory.mktemp("caddy"), callback_paths=PATHS) as caddy:
            yield Setup(caddy, live, first, second)


def back_to(setup: Setup, path: str, *, host: str = "feature-x.localhost") -> str:
    return "post_logout_redirect_uri=" + quote(f"http://{host}:{setup.port}{path}", safe="")


@pytest.mark.parametrize(("path", "waits"), [
    ("", ",,,"), ("/", ",,,"), ("/signed-out", ",,signed-out,"), ("/signed/out.php/", ",,signed,out.php,,"),
])  # fmt: skip
@pytest.mark.parametrize(("query", "expected"), [
    ("id_token_hint=e.y.J&{uri}", "id_token_hint=e.y.J&state={tag}&{uri}"),
    ("{uri}&client_id=a", "state={tag}&{uri}&client_id=a"),
    ("{uri}&state=a.b%2Bc#f", "{uri}&state={tag}a.b%2Bc#f"),
    ("state=abc&{uri}", "state={tag}abc&{uri}"),
    ("{uri}&state=", "{uri}&state={tag}"),
])  # fmt: skip
def test_the_provider_is_asked_with_the_registered_host_and_the_state_says_the_way(
    setup: Setup, path: str, waits: str, query: str, expected: str
) -> None:
    sent = PROVIDER + query.format(uri=back_to(setup, path))
    tag = f"WT1.feature-x{waits}."
    assert location(setup.sign_in(sent)) == PROVIDER + expected.format(
        uri=back_to(setup, path, host="localhost"), tag=tag
    )


@pytest.mark.parametrize("path", ["/auth/callback", "/complete/x"])
def test_a_registered_address_that_the_app_names_itself_is_tagged(setup: Setup, path: str) -> None:
    uri = back_to(setup, path, host="localhost")
    found = location(setup.sign_in(f"{PROVIDER}{uri}&client_id=a", host="api.feature-x"))
    assert found == f"{PROVIDER}state=WT1.feature-x--api,{path.replace('/', ',')},.&{uri}&client_id=a"


@pytest.mark.parametrize("mode", ["push", "replace"])
def test_a_server_action_that_signs_out_is_tagged(setup: Setup, mode: str) -> None:
    headers = {"Answer-Status": "303", "Answer-Action": f"{PROVIDER}{back_to(setup, '/')};{mode}"}
    answer = setup.caddy.request("GET", "/out", host=f"feature-x.localhost:{setup.port}", headers=headers)
    tagged = f"{PROVIDER}state=WT1.feature-x,,,.&{back_to(setup, '/', host='localhost')};{mode}"
    assert answer.headers["X-Action-Redirect"] == tagged


def test_a_sign_out_that_leads_elsewhere_is_left_alone(setup: Setup) -> None:
    for sent in (
        PROVIDER + back_to(setup, "/", host="main.localhost"),
        PROVIDER + back_to(setup, "/", host="app.example"),
        PROVIDER + back_to(setup, "/", host="localhost"),
        PROVIDER + back_to(setup, "/feature-x/out", host="localhost"),
        PROVIDER + back_to(setup, "/out?a=b"),
        PROVIDER + back_to(setup, "//out"),
        PROVIDER + back_to(setup, "/../out"),
        PROVIDER + back_to(setup, "/out").replace("http%3A", "https%3A"),
        PROVIDER + back_to(setup, "/out").replace(f"%3A{setup.port}", "%3A1"),
        PROVIDER + back_to(setup, "/out") + "&state=WT1.feature-x,,out,.",
        PROVIDER + "x" + back_to(setup, "/out"),
        "/end?" + back_to(setup, "/out"),
        f"http://feature-x.localhost:{setup.port}/end?" + back_to(setup, "/out"),
    ):
        assert location(setup.sign_in(sent)) == sent
    own = PROVIDER + back_to(setup, "/out", host="as-it-is.localhost")
    assert location(setup.sign_in(own, host="as-it-is")) == own


@pytest.mark.parametrize("host", ["feature-x", "api.feature-x", "feature-x--api", "fx"])
@pytest.mark.parametrize(("path", "own"), [("/", ""), ("/signed-out", "abc"), ("/auth/callback", "")])
def test_a_sign_out_comes_home_to_the_very_host(setup: Setup, host: str, path: str, own: str) -> None:
    state = f"&state={own}" if own else ""
    sent = location(setup.sign_in(f"{PROVIDER}{back_to(setup, path, host=f'{host}.localhost')}{state}", host=host))
    tagged = str(sent).partition("state=")[2].partition("&")[0]
    assert tagged.endswith(f".{own}")
    back = setup.call(f"state={tagged}", path=path)
    there = f"{setup.origin(host)}{path}"
    assert (back.status_code, location(back)) == (302, f"{there}?state={tagged}")
    asked = f"{host}.localhost:{setup.port}"
    shown = setup.call(f"state={tagged}", path=path, host=asked, Sec_Fetch_Mode="navigate")
    assert (shown.status_code, location(shown)) == (302, there + (f"?state={own}" if own else ""))


@pytest.mark.parametrize(("query", "arrives"), [
    ("state=WT1.feature-x,,signed-out,.", ""),
    ("state=WT1.feature-x%2C%2csigned-out,.&a=%2b{host}", "a=%2b{host}"),
    ("a=b&state=WT1.feature-x,,signed-out,.", "a=b"),
    ("a=b&state=WT1.feature-x,,signed-out,.&c=d", "a=b&c=d"),
    ("a=b&state=WT1.feature-x,,signed-out,.e.f&c=d", "a=b&state=e.f&c=d"),
])  # fmt: skip
def test_the_app_gets_what_it_gave_under_its_own_name(setup: Setup, query: str, arrives: str) -> None:
    setup.web.seen.clear()
    setup.call(query, path="/signed-out", host=f"feature-x.localhost:{setup.port}")
    target = f"/signed-out?{arrives}" if arrives else "/signed-out"
    assert setup.web.seen == [("GET", target, f"feature-x.localhost:{setup.port}", b"")]


@pytest.mark.parametrize(("path", "query"), [
    ("/other", "state=WT1.feature-x,,signed-out,."), ("/signed-out", "xstate=WT1.feature-x,,signed-out,."),
])  # fmt: skip
def test_nothing_is_taken_off_where_no_sign_out_ends(setup: Setup, path: str, query: str) -> None:
    setup.web.seen.clear()
    setup.call(query, path=path, host=f"feature-x.localhost:{setup.port}")
    assert [seen[1] for seen in setup.web.seen] == [f"{path}?{query}"]


def test_a_sign_out_leads_to_origins_of_the_table_alone(setup: Setup) -> None:
    for path, waits in (
        ("//evil.example", ",,,evil.example,."),
        ("/../x", ",,..,x,."),
        ("/@evil.example", ",,@evil.example,."),
    ):
        assert location(setup.call(f"state=WT1.feature-x{waits}", path=path)) is None
    gone = setup.call("state=WT1.gone,,out,.", path="/out")
    assert (gone.status_code, location(gone)) == (404, None)
    assert "<strong>gone</strong>" in gone.text


def test_the_dashboard_stays_where_it_is(setup: Setup) -> None:
    for query in ("", "state=abc", "state=WT1.feature-x,,out,.", "state=WT1.feature-x.abc"):
        assert setup.call(query, path="/").status_code == 200
