"""A sign-in whose state names nobody finds the worktree that began it: real libraries, a real provider."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browsers import chromium
from tests.e2e.routers import Router, wait_until
from tests.e2e.signin.apps import Stage, node, staged
from tests.e2e.signin.tabs import Browsing, Tab
from tests.e2e.test_signin import Tabs, authorization, finish_crosswise, lenient_window, sign_in_on_each_host, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.node]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    node()
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def stage(browser: "Browser", shared: Router, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(shared, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture
def browsing(browser: "Browser", stage: Stage) -> Iterator[Browsing]:
    with browser.new_context(ignore_https_errors=True) as window, watched(window, stage) as browsing:
        yield browsing


@pytest.fixture
def tabs(browsing: Browsing, stage: Stage, kind: str) -> Tabs:
    """A tab for each of two worktrees that have an app of this kind."""
    first, second = stage.apps(kind)
    return browsing.tab(first), browsing.tab(second)


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        pytest.param("msal", "/?stateless", id="msal-fragment"),
        pytest.param("msal", "/?stateless&mode=query", id="msal-query"),
        pytest.param("oidc-client-ts", "/?stateless", id="oidc-client-ts"),
    ],
)
def test_states_made_in_the_browser_come_home_crosswise(tabs: Tabs, start: str) -> None:
    for tab in tabs:
        tab.begin(start)
    finish_crosswise(*tabs)


@pytest.mark.parametrize("kind", ["msal"])
def test_a_popup_without_a_name_answers_the_page_that_opened_it(tabs: Tabs) -> None:
    first, second = tabs
    popups = {tab.home: tab.popup("/?stateless") for tab in tabs}
    for tab, who in ((second, "bob"), (first, "alice")):
        with popups[tab.home].page.expect_event("close"):
            popups[tab.home].answer(who)
        tab.shows(who)


def test_a_hidden_frame_without_a_name_answers_its_own_page(browser: "Browser", stage: Stage, tmp_path: Path) -> None:
    with lenient_window(browser, tmp_path) as window, watched(window, stage) as browsing:
        first, second = (browsing.tab(app) for app in stage.apps("msal"))
        first.begin("/?stateless")
        first.answer("alice")
        first.shows("alice")
        for tab in (first, second):
            tab.open("/?stateless")
            tab.page.click("#silent")
        for tab in (second, first):
            tab.shows("alice")


@pytest.mark.parametrize("kind", ["oidc-client-ts"])
def test_nothing_of_a_search_stays_in_the_tab(tabs: Tabs, stage: Stage) -> None:
    first, second = tabs
    for tab in (second, first):
        tab.begin("/?stateless")
    first.page.goto(f"http://localhost:{stage.router.port}/")
    assert first.page.evaluate("sessionStorage.length") == 0
    second.answer("bob")
    second.shows("bob")
    visited = second.page.evaluate("history.length")
    second.page.goto(f"http://localhost:{stage.router.port}/")
    assert second.page.evaluate("sessionStorage.length") == 0
    for _ in range(visited):
        second.page.go_back()
        assert "/.router/" not in second.page.url
        assert "localhost" not in second.page.url or "claim" not in second.page.url


def test_each_host_of_a_worktree_finds_its_own_sign_in(browsing: Browsing, stage: Stage) -> None:
    sign_in_on_each_host(browsing, stage.start("oidc-client-ts", services=("PORT", "API_PORT")), start="/?stateless")


def test_a_popup_of_a_name_in_front_of_a_label_answers_its_own_page(browsing: Browsing, stage: Stage) -> None:
    app, other = stage.apps("msal")
    tabs = {who: browsing.tab(app, host) for who, host in (("alice", "acme.{}"), ("bob", "globex.{}"))}
    browsing.tab(other).begin("/?stateless")
    popups = {who: tab.popup("/?stateless") for who, tab in tabs.items()}
    for who, tab in tabs.items():
        with popups[who].page.expect_event("close"):
            popups[who].answer(who)
        tab.shows(who)


@pytest.mark.parametrize("kind", ["openid-client"])
def test_a_sign_in_that_the_app_tells_its_script_comes_home_crosswise(tabs: Tabs) -> None:
    for tab in tabs:
        tab.begin(click="#json")
    finish_crosswise(*tabs)


@pytest.mark.parametrize("kind", ["msal"])
def test_a_sign_out_of_msal_comes_home_to_the_tab_that_began_it(tabs: Tabs, stage: Stage) -> None:
    first, second = tabs
    for tab, who in ((first, "alice"), (second, "bob")):
        tab.begin("/?stateless")
        tab.answer(who)
        tab.shows(who)
    label = stage.apps("msal")[1].label
    wait_until(lambda: stage.used()[:1] == [label], what=f"{label}, which does not sign out, to be the last one")
    first.page.click("#sign-out")
    first.shows("nobody")
    second.still_shows("bob")


# What the watcher has not seen yet


@pytest.mark.parametrize("kind", ["msal"])
def test_whoever_came_a_moment_ago_is_asked_before_one_that_may_have_begun(
    browsing: Browsing, stage: Stage, tabs: Tabs
) -> None:
    tab, other = tabs
    orders = iter([json.dumps({"recent": [[stage.apps("msal")[1].label]]})])

    def order(asked: "Route") -> None:
        found = next(orders, None)
        asked.continue_() if found is None else asked.fulfill(body=found)

    browsing.context.route("**/.router/recent.json", order)
    tab.begin("/?stateless")
    cookie = {"name": "authjs.state", "value": "eyJhbGciOiJkaXIifQ..a.b.c", "url": other.home}
    browsing.context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Lax"}])
    tab.answer("alice")
    tab.shows("alice")
    assert next(orders, None) is None


# Answers without a state


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_an_answer_without_a_state_goes_where_a_login_is_pending(browsing: Browsing, stage: Stage, mode: str) -> None:
    first, second = (browsing.tab(app) for app in stage.apps("msal"))
    for tab in (first, second):
        tab.page.goto(tab.home)
    pending(browsing, first)
    first.page.goto(authorization(stage, response_mode=mode))
    first.answer("alice")
    first.page.wait_for_url(f"{first.home}/auth/callback*")

    pending(browsing, second)
    first.page.goto(authorization(stage, response_mode=mode))
    first.answer("alice")
    first.page.wait_for_selector("#choose:visible")


def pending(browsing: Browsing, tab: Tab) -> None:
    """Give a host the cookie, for its server alone, of a login that has begun there."""
    cookie = {"name": "authjs.pkce.code_verifier", "value": "eyJhbGciOiJkaXIifQ..a.b.c", "url": tab.home}
    browsing.context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Lax"}])


# A worktree that claims what it did not begin


@pytest.fixture
def owner(browsing: Browsing, stage: Stage) -> Tab:
    """A tab whose sign-in waits for its answer."""
    tab = browsing.tab(stage.apps("oidc-client-ts")[0])
    tab.begin("/?stateless")
    return tab


def hostile(browsing: Browsing, stage: Stage, how: str = "") -> Tab:
    """Return a tab of a worktree that claims everything, and is asked first."""
    app, _ = stage.apps("hostile")
    tab = browsing.tab(app)

    def is_first() -> bool:
        tab.page.goto(tab.home + "/" + how)
        tab.shows("ready")
        return stage.used()[:1] == [app.label]

    wait_until(is_first, what="the hostile worktree to be the first")
    return tab


def test_no_host_that_is_asked_sees_the_answer(browsing: Browsing, stage: Stage, owner: Tab) -> None:
    sent: list[tuple[str, str | None]] = []
    owner.page.on("request", lambda request: sent.append((request.url, request.headers.get("referer"))))
    other = hostile(browsing, stage)
    owner.answer("alice")
    owner.shows("alice")
    asked = [(url, referer) for url, referer in sent if url.startswith(other.home)]
    assert asked
    assert all(url.startswith(f"{other.home}/.router/claim/?state=") for url, _ in asked)
    assert not [url for url, referer in asked if "code=" in url or referer]


def test_a_hostile_worktree_gets_nothing_that_it_can_use(browsing: Browsing, stage: Stage, owner: Tab) -> None:
    other = hostile(browsing, stage, "?worker")
    owner.answer("alice")
    owner.page.wait_for_url(f"{other.home}/auth/callback*")
    owner.page.wait_for_selector("#error:text('400 invalid_grant')")
    assert owner.page.inner_text("#code")
