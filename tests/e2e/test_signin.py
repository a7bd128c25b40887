"""Signing in with one redirect URI: a real provider, real client libraries, a real browser, the real `router`."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browsers import ARGUMENTS, binary, chromium
from tests.e2e.routers import Router, free_port, fresh, wait_until
from tests.e2e.signin.apps import DJANGO, App, Stage, node, staged
from tests.e2e.signin.tabs import Browsing, Tab
from tests.e2e.test_faults import kill

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.node]

Tabs = tuple[Tab, Tab]

# The library of an app, and the page of it that begins a sign-in
LIBRARIES = pytest.mark.parametrize(
    ("kind", "start"),
    [
        pytest.param("msal", "/", id="msal-fragment"),
        pytest.param("msal", "/?mode=query", id="msal-query"),
        pytest.param("oidc-client-ts", "/", id="oidc-client-ts"),
        pytest.param("authlib", "/", id="authlib"),
        pytest.param("openid-client", "/", id="openid-client-form"),
        pytest.param("openid-client-host", "/", id="openid-client-form-host"),
    ],
)


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
def window(browser: "Browser") -> Iterator["BrowserContext"]:
    """A window of a browser that has never been anywhere."""
    with browser.new_context(ignore_https_errors=True) as window:
        yield window


@contextlib.contextmanager
def watched(window: "BrowserContext", stage: Stage) -> Iterator[Browsing]:
    """Browse; afterwards no secret of it is in a file, and the router's own pages have told no error."""
    browsing = Browsing(window, stage)
    yield browsing
    assert browsing.secrets
    assert not browsing.leaks()
    assert not browsing.errors


@pytest.fixture
def browsing(window: "BrowserContext", stage: Stage) -> Iterator[Browsing]:
    with watched(window, stage) as browsing:
        yield browsing


@pytest.fixture
def tabs(browsing: Browsing, stage: Stage, kind: str) -> Tabs:
    """A tab for each of two worktrees that have an app of this kind."""
    first, second = stage.apps(kind)
    return browsing.tab(first), browsing.tab(second)


def finish_crosswise(first: Tab, second: Tab) -> None:
    """Finish two sign-ins, the later one first; each app has its own person then."""
    second.answer("bob")
    second.shows("bob")
    first.answer("alice")
    first.shows("alice")
    second.still_shows("bob")
    first.still_shows("alice")


def sign_in_on_each_host(browsing: Browsing, app: App, *, start: str = "/") -> None:
    """Sign in on every kind of host that a worktree has at the same time; each has its own person then."""
    who = {
        "{}": "alice",
        "api.{}": "bob",
        "{}--api": "alice",
        "shop-{}": "bob",
        "acme.{}": "bob",
        "a.b.shop-{}": "alice",
    }
    tabs = {host: browsing.tab(app, host) for host in who}
    for tab in tabs.values():
        tab.begin(start)
    wait_until(lambda: f"shop-{app.label}" in browsing.stage.used()[:8], what="the alias among what is asked")
    for host, person in reversed(who.items()):
        tabs[host].answer(person)
        tabs[host].shows(person)
    for host, person in who.items():
        tabs[host].still_shows(person)


@LIBRARIES
def test_two_worktrees_sign_in_at_the_same_time(tabs: Tabs, start: str) -> None:
    for tab in tabs:
        tab.begin(start)
    finish_crosswise(*tabs)


@pytest.mark.parametrize("kind", DJANGO)
def test_apps_that_take_their_redirect_uri_from_the_host_sign_in_with_the_registered_one(tabs: Tabs) -> None:
    for tab in tabs:
        tab.begin()
    finish_crosswise(*tabs)


@pytest.mark.parametrize("kind", ["allauth", "openid-client-host"])
def test_they_sign_in_at_names_in_front_of_a_label_and_come_back_to_the_very_host(
    browsing: Browsing, stage: Stage, kind: str
) -> None:
    first, second = stage.apps(kind)
    places = {"alice": (first, "acme.{}"), "bob": (first, "a.b.shop-{}"), "carol": (first, "{}")}
    tabs = {who: browsing.tab(*place) for who, place in {**places, "nobody": (second, "acme.{}")}.items()}
    for tab in tabs.values():
        tab.begin()
    tabs.pop("nobody")
    for who, tab in reversed(tabs.items()):
        tab.answer(who)
        tab.shows(who)
    for who, tab in tabs.items():
        tab.still_shows(who)


@LIBRARIES
def test_a_refusal_comes_back_to_the_worktree_that_asked(tabs: Tabs, start: str) -> None:
    first, second = tabs
    for tab in tabs:
        tab.begin(start)
    second.answer("")
    second.refused()
    first.answer("alice")
    first.shows("alice")
    second.still_shows("nobody")


@pytest.mark.parametrize("kind", ["msal", "authlib"])
def test_worktrees_that_are_added_in_the_middle_disturb_nobody(tabs: Tabs, stage: Stage) -> None:
    before = stage.router.loads
    for tab in tabs:
        tab.begin()
        stage.router.routed(stage.router.add(fresh("third")))
    assert stage.router.loads >= before + 2
    finish_crosswise(*tabs)


def switched(stage: Stage, app: App) -> App:
    """Switch the worktree of an app to another branch; return the app as it is called then."""
    branch, path = fresh("switched"), stage.router.directory / f"shop.{app.label}"
    stage.router.git("switch", "--quiet", "-c", branch, cwd=path)
    stage.router.label(path, branch)
    return replace(app, label=branch)


@pytest.mark.parametrize("kind", ["msal", "authlib", "openid-client", "allauth"])
def test_a_switch_of_branch_in_the_middle_ends_no_sign_in(browsing: Browsing, stage: Stage, kind: str) -> None:
    app = stage.start(kind)
    tab = browsing.tab(app)
    tab.begin()
    switched(stage, app)
    tab.answer("alice")
    tab.shows("alice")
    tab.still_shows("alice")


@pytest.mark.parametrize("kind", ["authlib", *DJANGO])
def test_people_sign_in_again_after_a_switch_of_branch(browsing: Browsing, stage: Stage, kind: str) -> None:
    app = stage.start(kind)
    tab = browsing.tab(app)
    tab.begin()
    tab.answer("alice")
    tab.shows("alice")
    again = browsing.tab(switched(stage, app))
    again.still_shows("nobody")  # a host has its own cookies
    again.begin()
    tab.begin()  # on the host of before, too: its tab may be open still
    finish_crosswise(tab, again)


def test_a_killed_watcher_changes_nothing(window: "BrowserContext", running: Router, tmp_path: Path) -> None:
    with staged(running, tmp_path) as stage, watched(window, stage) as browsing:
        tabs = [browsing.tab(app) for kind in ("msal", "authlib") for app in stage.apps(kind)]
        for tab in tabs:
            tab.begin()
        kill(running.watcher_pid)
        finish_crosswise(*tabs[:2])
        finish_crosswise(*tabs[2:])


def test_a_sign_in_returns_to_the_very_host_that_it_began_on(
    window: "BrowserContext", running: Router, tmp_path: Path
) -> None:
    with staged(running, tmp_path) as stage, watched(window, stage) as browsing:  # aliases are asked after all others
        sign_in_on_each_host(browsing, stage.start("authlib", services=("PORT", "API_PORT")))


@pytest.mark.parametrize("kind", ["msal", "oidc-client-ts"])
def test_a_server_that_was_down_gets_the_answer_when_it_is_back(browsing: Browsing, stage: Stage, kind: str) -> None:
    app, port = App(fresh("down"), kind, stage.router.port), free_port()
    tab = browsing.tab(app)
    with stage.serve(app, port):
        stage.router.routed(stage.router.add(app.label, port=port))
        tab.begin()
    tab.answer("alice")
    tab.arrives("/auth/callback*")
    with stage.serve(app, port):
        tab.shows("alice")


@pytest.mark.parametrize("kind", ["msal"])
def test_a_popup_answers_the_page_that_opened_it(tabs: Tabs) -> None:
    first, second = tabs
    popups = {tab.home: tab.popup() for tab in tabs}
    for tab, who in ((second, "bob"), (first, "alice")):
        with popups[tab.home].page.expect_event("close"):
            popups[tab.home].answer(who)
        tab.shows(who)


def test_a_hidden_frame_answers_its_own_page(browser: "Browser", stage: Stage, tmp_path: Path) -> None:
    with lenient_window(browser, tmp_path) as window, watched(window, stage) as browsing:
        first, second = (browsing.tab(app) for app in stage.apps("msal"))
        first.begin()
        first.answer("alice")
        first.shows("alice")
        second.still_shows("nobody")
        for tab in (first, second):
            tab.page.click("#silent")
        for tab in (second, first):
            tab.shows("alice")


def lenient_window(browser: "Browser", directory: Path) -> "BrowserContext":
    """Return a window where frames get cookies: by default Chromium sends none of the provider's from there."""
    preferences = directory / "profile" / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(json.dumps({"profile": {"cookie_controls_mode": 0}}))
    return browser.browser_type.launch_persistent_context(
        directory / "profile", executable_path=binary(), args=list(ARGUMENTS), ignore_https_errors=True
    )


@pytest.mark.parametrize("kind", ["authlib-host"])
def test_an_app_that_keeps_the_redirect_uri_of_the_host_is_refused_on_its_own_host(tabs: Tabs) -> None:
    for tab in tabs:
        tab.begin()
        tab.answer("alice")
        tab.page.wait_for_selector("#error:has-text('invalid_grant')")
        assert tab.page.url.startswith(f"{tab.home}/auth/callback?code=")
        tab.still_shows("nobody")


# Sign-out


def sign_out(tab: Tab) -> None:
    """Sign out of the app and the provider; the app then shows nobody, on the very host of the tab."""
    with tab.page.expect_request(f"{tab.issuer}/session/end/confirm"):
        tab.page.click("#sign-out")
    tab.shows("nobody")
    assert "WT1." not in tab.page.url


@pytest.mark.parametrize("kind", ["openid-client-host", "openid-client", "oidc-client-ts"])
def test_a_sign_out_comes_home_and_leaves_the_other_worktree_signed_in(tabs: Tabs, kind: str) -> None:
    first, second = tabs
    for tab, who in ((first, "alice"), (second, "bob")):
        tab.begin()
        tab.answer(who)
        tab.shows(who)
    sign_out(second)
    first.still_shows("alice")
    sign_out(first)
    second.begin()
    second.answer("bob")
    second.shows("bob")


@pytest.mark.parametrize("kind", ["msal"])
def test_a_page_that_signs_out_with_a_state_comes_home(tabs: Tabs) -> None:
    tab, _ = tabs
    tab.begin()
    tab.answer("alice")
    tab.shows("alice")
    with tab.page.expect_request(f"{tab.home}/auth/callback?state=*"):  # that page leads on to the app at once
        tab.page.click("#sign-out")
    tab.shows("nobody")


@pytest.mark.parametrize("kind", ["oidc-client-ts"])
def test_a_sign_out_without_a_state_comes_home_to_whoever_was_used_last(tabs: Tabs, stage: Stage, kind: str) -> None:
    for tab, app in zip(tabs, stage.apps(kind), strict=True):
        tab.begin()
        tab.answer("alice")
        tab.shows("alice")
        tab.page.goto(f"{tab.home}/?stateless")
        wait_until(lambda label=app.label: stage.used()[:1] == [label], what=f"{app.label} to be the last one")  # type: ignore[misc]
        tab.page.click("#sign-out")
        tab.shows("nobody")


# The chooser


@pytest.mark.parametrize(
    ("kind", "start", "click"),
    [
        pytest.param("openid-client", "/", "#by-script", id="form"),
    ],
)
def test_the_chooser_hands_the_whole_answer_over(tabs: Tabs, stage: Stage, kind: str, start: str, click: str) -> None:
    tab, other = tabs
    tab.begin(start, click=click)
    tab.answer("alice")
    tab.page.wait_for_selector("#choose:visible")
    assert tab.page.url.startswith(f"http://localhost:{stage.router.port}/")
    tab.choose(stage.apps(kind)[0].label)
    tab.shows("alice")
    other.still_shows("nobody")


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_an_error_without_state_is_shown_as_text_and_handed_on(browsing: Browsing, stage: Stage, mode: str) -> None:
    app, _ = stage.apps("authlib")
    tab = browsing.tab(app)
    tab.page.goto(authorization(stage, response_mode=mode))
    tab.answer("")
    tab.page.wait_for_selector("#error:has-text('access_denied')")
    assert "<b>No</b> & never" in tab.page.inner_text("#error")
    assert not tab.page.locator("#error b").count()

    with tab.page.expect_request(f"{tab.home}/auth/callback*") as asked:
        tab.choose(app.label)
    tab.arrives("/auth/callback*")
    sent = asked.value.post_data if mode == "form_post" else tab.page.url
    assert "error=access_denied&error_description=%3Cb%3ENo%3C%2Fb%3E" in sent


@pytest.mark.parametrize("mode", ["query", "fragment"])
def test_in_a_frame_of_no_worktree_the_chooser_has_no_buttons(browsing: Browsing, stage: Stage, mode: str) -> None:
    app, port = stage.apps("msal")[0], free_port()
    page = browsing.tab(app).page
    address = authorization(stage, response_mode=mode, prompt="none", state="of-nobody")
    with stage.serve(app, port):
        page.goto(f"http://localhost:{port}/")
        page.evaluate("src => document.body.append(Object.assign(document.createElement('iframe'), { src }))", address)
        frame = page.frame_locator("iframe")
        frame.locator("#framed:visible").wait_for()
        assert not frame.locator("button").count()


def authorization(stage: Stage, **more: str) -> str:
    """Return an authorization request of no library, without a state unless it is given."""
    parameters = {"client_id": "page", "response_type": "code", "scope": "openid", **more}
    parameters |= {"code_challenge_method": "S256", "code_challenge": "a" * 43, "redirect_uri": stage.provider.redirect}
    return f"{stage.provider.issuer}/auth?{'&'.join(f'{name}={value}' for name, value in parameters.items())}"
