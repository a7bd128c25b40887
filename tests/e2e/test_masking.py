"""Sign-ins of apps that take their redirect URI from the host that was asked: the registered one for the provider."""

import dataclasses
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from tests.e2e.caddies import running
from tests.e2e.routers import free_port
from tests.e2e.test_callback import PATHS, Setup, app, location
from tests.fakes import route, service, table

pytestmark = pytest.mark.e2e

ORIGINS = ("http://{host}", "http%3A%2F%2F{encoded}", "http%3a%2f%2f{lower}", "http%3A//{encoded}")


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    web, api, other, secret = free_port(), free_port(), free_port(), free_port()
    live = table(
        route("feature-x", service("web", web), service("api", api), aliases=("fx",)),
        route("main", service("web", other)),
        dataclasses.replace(route("as-it-is", service("web", web)), mask=False),
        route("over-tls", service("web", secret, tls=True)),
    )
    with app(web) as first, app(api) as second:  # noqa: SIM117 - Caddy goes first
        with running(live, tmp_path_factory.mktemp("caddy"), callback_paths=PATHS) as caddy:
            yield Setup(caddy, live, first, second)


def asked(setup: Setup, path: str, *, host: str = "feature-x", query: str = "client_id=a&state=abc") -> str:
    """Return an authorization request with a redirect URI on a worktree's own host, then the other parameters."""
    uri = quote(f"http://{host}.localhost:{setup.port}{path}", safe="")
    return f"https://login.example/authorize?redirect_uri={uri}&{query}"


@pytest.mark.parametrize("form", ORIGINS)
@pytest.mark.parametrize("query", [
    "redirect_uri={uri}&client_id=a&state={state}", "client_id=a&state={state}&redirect_uri={uri}",
    "response_type=code&client_id=a&redirect_uri={uri}&scope=a+b&state={state}&nonce=1",
])  # fmt: skip
def test_the_provider_is_asked_with_the_registered_host_and_the_state_says_the_path(
    setup: Setup, form: str, query: str
) -> None:
    def uri(host: str) -> str:
        encoded = quote(f"{host}:{setup.port}", safe="")
        path = "/done/oidc/" if "//" in form else "%2Fdone%2Foidc%2F"
        return form.format(host=f"{host}:{setup.port}", encoded=encoded, lower=encoded.lower()) + path

    sent = "https://login.example/authorize?" + query.format(uri=uri("feature-x.localhost"), state="a.b%2Bc")
    expected = query.format(uri=uri("localhost"), state="WT1.feature-x,done,oidc,,.a.b%2Bc")
    assert location(setup.sign_in(sent)) == f"https://login.example/authorize?{expected}"


@pytest.mark.parametrize(("host", "name"), [
    ("feature-x", "feature-x"), ("api.feature-x", "feature-x--api"), ("feature-x--api", "feature-x---api"),
    ("fx", "fx"),
])  # fmt: skip
def test_every_host_of_a_worktree_gets_its_own_answers(setup: Setup, host: str, name: str) -> None:
    answer = setup.sign_in(asked(setup, "/signin-oidc", host=host), host=host)
    assert f"&state=WT1.{name},signin-oidc,.abc" in (location(answer) or "")
    query = f"code=c&state=WT1.{name},signin-oidc,.abc"
    back = setup.call(query, path="/signin-oidc")
    assert (back.status_code, location(back)) == (302, f"{setup.origin(host)}/signin-oidc?{query}")


@pytest.mark.parametrize(("path", "query"), [
    ("/signin-oidc", "code=c&state=abc"), ("/signin-oidc", "code=c&state=WT1.feature-x.abc"),
    ("/signin", "code=c&state=WT1.feature-x,signin-oidc,.abc"),
    ("/signin-oidc/", "code=c&state=WT1.feature-x,signin-oidc,.abc"),
    ("/signin-oidc", "code=c&xstate=WT1.feature-x,signin-oidc,.abc"),
])  # fmt: skip
def test_a_path_is_a_callback_only_for_the_answer_whose_tag_says_so(setup: Setup, path: str, query: str) -> None:
    assert setup.call(query, path=path).status_code == 404


def test_a_state_that_names_the_worktree_itself_is_told_the_path_all_the_same(setup: Setup) -> None:
    answer = setup.sign_in(asked(setup, "/auth/callback", query="client_id=a&state=feature-x.nonce"))
    assert "&state=WT1.feature-x,auth,callback,.feature-x.nonce" in (location(answer) or "")


def test_an_authorization_request_that_is_not_ours_is_left_alone(setup: Setup) -> None:
    for sent in (
        asked(setup, "/cb", host="main"),
        asked(setup, "/cb", query="state=abc"),
        asked(setup, "/cb", query="client_id=a"),
        asked(setup, "/cb", query="client_id=a&state="),
        asked(setup, "/cb", query="client_id=a&state=WT1.feature-x.abc"),
        asked(setup, "/cb", query="client_id=a&state=abc&request=eyJ"),
        asked(setup, "/cb", query="client_id=a&state=abc&request_uri=urn:x"),
        asked(setup, "//cb"),
        asked(setup, "/../cb"),
        asked(setup, "/c%62"),
        asked(setup, "/cb?a=b"),
        asked(setup, "/cb").replace(f"%3A{setup.port}", "%3A1"),
        asked(setup, "/cb").replace("=http%3A", "=https%3A"),
        asked(setup, ""),
        asked(setup, "/cb").replace("redirect_uri", "post_login_redirect_uri"),
        asked(setup, "/cb").replace("https://login.example", f"http://feature-x.localhost:{setup.port}"),
        asked(setup, "/cb").removeprefix("https://login.example"),
    ):
        assert location(setup.sign_in(sent)) == sent


def test_masking_can_be_switched_off(setup: Setup) -> None:
    sent = asked(setup, "/cb", host="as-it-is")
    assert location(setup.sign_in(sent, host="as-it-is")) == sent


@pytest.mark.parametrize("comma", [",", "%2C", "%2c"])
@pytest.mark.parametrize(("path", "waits"), [
    ("/done/oidc/", ",done,oidc,,"), ("/auth/callback", ",auth,callback,"), ("/login.php", ",login.php,"),
])  # fmt: skip
def test_the_answer_is_given_under_the_name_of_the_registered_uri(
    setup: Setup, path: str, waits: str, comma: str
) -> None:
    setup.web.seen.clear()
    setup.web.forwarded.clear()
    state = f"WT1.feature-x{waits}.a,.b".replace(",", comma, waits.count(","))
    answer = setup.call(f"code=c%2b&state={state}&iss=x", path=path, host=f"feature-x.localhost:{setup.port}",
                        Answer_Status="302", Answer_Location=f"http://localhost:{setup.port}/home?a=b#c")  # fmt: skip
    assert setup.web.seen == [("GET", f"{path}?code=c%2b&state=a,.b&iss=x", f"localhost:{setup.port}", b"")]
    assert setup.web.forwarded == [f"localhost:{setup.port}"]
    assert location(answer) == f"http://feature-x.localhost:{setup.port}/home?a=b#c"


@pytest.mark.parametrize("query", ["code=c&state=WT1.feature-x.abc", "code=c&state=abc", "error=x"])
@pytest.mark.parametrize("rest", ["", "/", "/home?a=b#c"])
def test_an_app_that_takes_the_registered_origin_for_its_own_is_left_for_its_own_host(
    setup: Setup, query: str, rest: str
) -> None:
    sent = {"Answer_Status": "302", "Answer_Location": f"http://localhost:{setup.port}{rest}"}
    host = f"feature-x.localhost:{setup.port}"
    assert location(setup.call(query, host=host, **sent)) == f"http://{host}{rest}"
    assert location(setup.call(query, path="/elsewhere", host=host, **sent)) == f"http://localhost:{setup.port}{rest}"


@pytest.mark.parametrize("path", ["/signin-oidc", "/auth/callback"])
@pytest.mark.parametrize("query", ["", "a=b&c"])
def test_a_form_is_sent_on_and_arrives_as_the_app_expects_it(setup: Setup, path: str, query: str) -> None:
    waits = path.replace("/", "%2C")
    body = f"code=c%2b&state=WT1.feature-x{waits}%2C.abc&iss=x"
    sent_on = setup.call(query, path=path, method="POST", body=body)
    there = (location(sent_on) or "").removeprefix(f"http://feature-x.localhost:{setup.port}")
    assert (sent_on.status_code, there) == (307, f"{path}?WT1,form&{query}")
    setup.web.seen.clear()
    setup.call(path=there, method="POST", body=body, host=f"feature-x.localhost:{setup.port}")
    arrives = f"{path}?{query}" if query else path
    assert setup.web.seen == [("POST", arrives, f"localhost:{setup.port}", b"code=c%2b&state=abc&iss=x")]


def test_a_form_on_any_path_is_bounded(setup: Setup) -> None:
    body = "state=WT1.feature-x,signin-oidc,.abc&x=" + "y" * 262_144
    assert setup.call(path="/signin-oidc", method="POST", body=body).status_code == 413


@pytest.mark.parametrize(("method", "target", "body"), [
    ("GET", "/other?code=c&state=WT1.feature-x,done,oidc,,.abc", ""),
    ("GET", "/done/oidc?code=c&state=WT1.feature-x,done,oidc,,.abc", ""),
    ("GET", "/done/oidc/?code=c&xstate=WT1.feature-x,done,oidc,,.abc", ""),
    ("GET", "/done/oidc/?code=c&state=WT1.feature-x,done,oidc,,.", ""),
    ("POST", "/done/oidc/?code=c", "state=WT1.feature-x,done,oidc,,.abc"),
    ("POST", "/other?WT1,form&a=b", "state=WT1.feature-x,done,oidc,,.abc"),
    ("POST", "/done/oidc/?WT1,form&a=b", "state=abc"),
])  # fmt: skip
def test_no_other_request_is_made_under_another_name(setup: Setup, method: str, target: str, body: str) -> None:
    setup.web.seen.clear()
    setup.call(path=target, method=method, body=body, host=f"feature-x.localhost:{setup.port}")
    [(_, seen, host, received)] = setup.web.seen
    assert (host, received) == (f"feature-x.localhost:{setup.port}", body.encode())
    assert method == "POST" or seen == target


def test_a_path_of_an_answer_leads_to_origins_of_the_table_alone(setup: Setup) -> None:
    for path, waits in (("//evil.example", ",,evil.example,."), ("/../x", ",..,x,."), ("/a b", ",a b,."),
                        ("/@evil.example", ",@evil.example,."), ("//evil", ",%2F%2Fevil,.")):  # fmt: skip
        answer = setup.call(f"code=c&state=WT1.feature-x{waits}abc", path=path)
        assert (answer.status_code, location(answer)) in ((404, None), (400, None)), waits
    query = "code=c&state=WT1.feature-x,evil.example,.abc"
    there = f"http://feature-x.localhost:{setup.port}/evil.example?{query}"
    assert location(setup.call(query, path="/evil.example")) == there


@pytest.mark.parametrize("query", ["code=c%2b&state=WT1.feature-x.a.b&iss=x", "state=WT1.feature-x--api.a.b&code=c%2b"])
def test_a_page_reads_an_address_without_the_tag(setup: Setup, query: str) -> None:
    host = f"feature-x.localhost:{setup.port}"
    answer = setup.call(query, host=host, Sec_Fetch_Mode="navigate")
    plain = re.sub(r"WT1\.[a-z-]+\.", "", query)
    assert (answer.status_code, location(answer)) == (302, f"http://{host}/auth/callback?{plain}")
    assert answer.headers["Cache-Control"] == "no-store"
    setup.web.seen.clear()
    assert setup.call(plain, host=host, Sec_Fetch_Mode="navigate").status_code == 200
    assert [seen[1] for seen in setup.web.seen] == [f"/auth/callback?{plain}"]


@pytest.mark.parametrize("mode", ["push", "replace"])
def test_the_redirect_of_a_server_action_is_tagged_like_a_location(setup: Setup, mode: str) -> None:
    def action(sent: str) -> httpx.Response:
        headers = {"Answer-Status": "303", "Answer-Action": f"{sent};{mode}"}
        return setup.caddy.request("GET", "/login", host=f"feature-x.localhost:{setup.port}", headers=headers)

    for query in ("redirect_uri=OURS&state={}", "state={}&redirect_uri=OURS"):
        answer = action(setup.authorize(query.format("abc")))
        assert answer.headers["X-Action-Redirect"] == setup.authorize(query.format("WT1.feature-x.abc")) + f";{mode}"
        assert answer.text == "the app"
    masked = action(asked(setup, "/api/auth/callback/x")).headers["X-Action-Redirect"]
    assert masked.endswith(f"client_id=a&state=WT1.feature-x,api,auth,callback,x,.abc;{mode}")
    assert action("/home?state=abc").headers["X-Action-Redirect"] == f"/home?state=abc;{mode}"
