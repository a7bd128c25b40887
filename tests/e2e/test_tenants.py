"""Sign-ins at names in front of a label, which no table has: cookies of the router's own path lead back to them."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.e2e.caddies import running
from tests.e2e.routers import free_port
from tests.e2e.test_callback import PATHS, Setup, app, location
from tests.fakes import route, service, table

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    web, api = free_port(), free_port()
    live = table(
        route("feature-x", service("web", web), service("api", api), aliases=("fx",)),
        route("main", service("web", free_port()), service("docs", api)),
    )
    with app(web) as first, app(api) as second:  # noqa: SIM117 - Caddy goes first
        with running(live, tmp_path_factory.mktemp("caddy"), callback_paths=PATHS) as caddy:
            yield Setup(caddy, live, first, second)


def cookies(setup: Setup, host: str, **headers: str) -> list[str]:
    """Return the cookies of the router that a page's answer sets."""
    sent = {"Sec-Fetch-Mode": "navigate", **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = setup.caddy.request("GET", "/page", host=f"{host}:{setup.port}", headers=sent)
    return [cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith("wt-")]


@pytest.mark.parametrize(("host", "site"), [
    ("acme.feature-x", "feature-x"), ("a.b.fx", "fx"), ("x.api.feature-x", "feature-x"), ("web.feature-x", "feature-x"),
    ("docs.feature-x", "feature-x"), ("acme.feature-x--api", "feature-x--api"),
])  # fmt: skip
def test_a_page_of_a_name_in_front_of_a_label_is_remembered_for_a_search(setup: Setup, host: str, site: str) -> None:
    kept = f"Domain={site}.localhost; Path=/.router/claim/; Max-Age=86400; SameSite=Lax"
    assert cookies(setup, f"{host}.localhost") == [f"wt-host-{host}.localhost=yes; {kept}"]
    assert not cookies(setup, f"{host}.localhost", Sec_Fetch_Mode="cors")


@pytest.mark.parametrize("host", ["feature-x", "fx", "api.feature-x", "feature-x--api", "gone", "acme.gone"])
def test_other_hosts_are_in_the_table_or_nowhere(setup: Setup, host: str) -> None:
    assert not cookies(setup, f"{host}.localhost")


@pytest.mark.parametrize("header", ["Location", "Action"])
def test_a_sign_in_there_gets_no_tag_that_would_name_another_host(setup: Setup, header: str) -> None:
    sent = setup.authorize("redirect_uri=OURS&state=Zk3x")
    answers = {"Answer-Status": "302" if header == "Location" else "303", f"Answer-{header}": sent}
    answer = setup.caddy.request("GET", "/login", host=f"acme.feature-x.localhost:{setup.port}", headers=answers)
    assert sent in (location(answer), answer.headers.get("X-Action-Redirect"))
    kept = "Domain=feature-x.localhost; Path=/.router/claim/; Max-Age=900; SameSite=Lax"
    marked = f"wt-login-Zk3x=acme.feature-x.localhost/Zk3x; {kept}"
    assert marked in answer.headers.get_list("set-cookie")


def test_a_redirect_of_the_worktrees_own_host_leaves_no_cookie(setup: Setup) -> None:
    answer = setup.sign_in(setup.authorize("redirect_uri=OURS&state=Zk3x"))
    assert "WT1.feature-x.Zk3x" in (location(answer) or "")
    assert not [cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith("wt-")]


# Apps that take their redirect URI from the host that was asked


@pytest.mark.parametrize(("host", "name"), [
    ("acme.feature-x", "feature-x"), ("a.b.fx", "fx"), ("acme.feature-x--api", "feature-x--api"),
    ("web.feature-x", "feature-x"),
])  # fmt: skip
def test_the_tag_says_the_path_and_the_host_behind_which_alone_knows_who_began(
    setup: Setup, host: str, name: str
) -> None:
    uri = quote(f"http://{host}.localhost:{setup.port}/done/oidc/", safe="")
    registered = quote(f"http://localhost:{setup.port}/done/oidc/", safe="")
    begun = setup.sign_in(f"https://login.example/authorize?redirect_uri={uri}&client_id=a&state=Zk3x", host=host)
    state = f"WT1.{name}-,done,oidc,,.Zk3x"
    assert location(begun) == f"https://login.example/authorize?redirect_uri={registered}&client_id=a&state={state}"
    [cookie] = [each for each in begun.headers.get_list("set-cookie") if each.startswith("wt-")]
    assert cookie.startswith(f"wt-login-Zk3x={host}.localhost/Zk3x; Domain={name}.localhost; Path=/.router/claim/;")

    back = setup.call(f"code=c&state={state}", path="/done/oidc/")
    assert (back.status_code, location(back)) == (404, None)
    assert f' data-search data-state="Zk3x" data-first="{name}"' in back.text
    form = setup.call("a=b", path="/done/oidc/", method="POST", body=f"code=c&state={state}")
    assert ' data-query="?WT1,form&amp;a=b"' in form.text.replace("&#34;", '"')

    server = setup.api if "api" in host else setup.web
    server.seen.clear()
    setup.call(f"code=c&state={state}", path="/done/oidc/", host=f"{host}.localhost:{setup.port}")
    assert server.seen == [("GET", "/done/oidc/?code=c&state=Zk3x", f"localhost:{setup.port}", b"")]


@pytest.mark.parametrize("state", ["WT1.gone-,done,.Zk3x.main", "WT1.gone--api-,done,.feature-x"])
def test_a_host_behind_that_is_not_live_is_not_asked(setup: Setup, state: str) -> None:
    back = setup.call(f"code=c&state={state}", path="/done")
    assert (back.status_code, location(back)) == (404, None)
    assert ' data-first=""' in back.text


@pytest.mark.parametrize("state", ["WT1.feature-x-.Zk3x", "WT1.feature-x-,,done,.Zk3x", "WT1.feature-x--,done,.Zk3x"])
def test_no_other_tag_names_a_host_behind(setup: Setup, state: str) -> None:
    assert "data-first" not in setup.call(f"code=c&state={state}").text
