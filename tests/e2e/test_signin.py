"""Signing in with one redirect URI: a real provider, real client libraries, a real browser, the real `router`."""

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.e2e.browsers import ARGUMENTS, binary, chromium
from tests.e2e.routers import Router, fresh, wait_until
from tests.e2e.signin.parts import App, Browsing, Stage, Tab, node, provider

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.node]

# How an app signs in: its library, and the page that begins it
LIBRARIES = pytest.mark.parametrize(
    ("kind", "start"),
    [
        pytest.param("msal", "/", id="MSAL.js"),
        pytest.param("msal", "/?mode=query", id="MSAL.js-query"),
        pytest.param("oidc-client-ts", "/", id="oidc-client-ts"),
        pytest.param("authlib", "/", id="Authlib"),
        pytest.param("openid-client", "/", id="openid-client-form"),
    ],
)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    node()
    with chromium() as started:
        yield started


@contextlib.contextmanager
def staged(router: Router, directory: Path) -> Iterator[Stage]:
    """A provider for a running router, and whatever apps the tests ask for."""
    with contextlib.ExitStack() as running:
        yield Stage(router, running.enter_context(provider(directory, router_port=router.port)), running)


@pytest.fixture(scope="module")
def shared_stage(browser: "Browser", shared: Router, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(shared, tmp_path_factory.mktemp("provider")) as stage:
        yield stage


@pytest.fixture
def stage(shared_stage: Stage) -> Stage:
    return shared_stage


@contextlib.contextmanager
def noted(context: "BrowserContext", stage: Stage) -> Iterator[Browsing]:
    """Use a browser; afterwards none of its secrets is in a file, and the router's pages had no error."""
    seen = Browsing(context, stage)
    yield seen
    assert not seen.errors
    assert seen.secrets
    assert not seen.leaks()


@pytest.fixture
def context(browser: "Browser") -> Iterator["BrowserContext"]:
    """A window of a browser that never was here."""
    with browser.new_context(ignore_https_errors=True) as context:
        yield context


@pytest.fixture
def browsing(context: "BrowserContext", stage: Stage) -> Iterator[Browsing]:
    with noted(context, stage) as seen:
        yield seen


@pytest.fixture
def tabs(browsing: Browsing, stage: Stage, kind: str) -> tuple[Tab, Tab]:
    """A tab for each of two worktrees that have an app of this kind."""
    first, second = stage.apps(kind)
    return browsing.tab(first), browsing.tab(second)


def cross(first: Tab, second: Tab) -> None:
    """Finish two sign-ins in the other order than they began; each app has its own person then."""
    second.answer("bob")
    second.shows("bob")
    first.answer("alice")
    first.shows("alice")
    second.still_shows("bob")
    first.still_shows("alice")


@LIBRARIES
def test_two_worktrees_sign_in_at_the_same_time(tabs: tuple[Tab, Tab], start: str) -> None:
    for tab in tabs:
        tab.begin(start)
    cross(*tabs)


@LIBRARIES
def test_a_refusal_comes_back_to_the_worktree_that_asked(tabs: tuple[Tab, Tab], start: str) -> None:
    first, second = tabs
    first.begin(start)
    second.begin(start)
    second.answer("")
    second.refused()
    first.answer("alice")
    first.shows("alice")
    second.still_shows("nobody")


@pytest.mark.parametrize("kind", ["msal", "authlib"])
def test_a_worktree_that_is_added_in_the_middle_disturbs_nobody(tabs: tuple[Tab, Tab], stage: Stage) -> None:
    before = stage.router.loads
    for tab in tabs:
        tab.begin()
        stage.router.routed(stage.router.add(fresh("third")))
    wait_until(lambda: stage.router.loads >= before + 2, what="two loads")
    cross(*tabs)


def test_a_killed_watcher_changes_nothing(context: "BrowserContext", running: Router, tmp_path: Path) -> None:
    with staged(running, tmp_path) as stage, noted(context, stage) as browsing:
        tabs = [browsing.tab(app) for kind in ("msal", "authlib") for app in stage.apps(kind)]
        for tab in tabs:
            tab.begin()
        watcher = psutil.Process(running.watcher_pid)
        watcher.send_signal(signal.SIGKILL)
        wait_until(lambda: watcher.status() == psutil.STATUS_ZOMBIE)
        cross(*tabs[:2])
        cross(*tabs[2:])


@pytest.mark.parametrize("host", ["api.{}", "{}--api", "shop-{}"])
@pytest.mark.parametrize("kind", ["authlib"])
def test_a_sign_in_returns_to_the_very_host_that_it_began_on(
    browsing: Browsing, stage: Stage, kind: str, host: str
) -> None:
    app, _ = stage.apps(kind)
    tabs = browsing.tab(app, host), browsing.tab(app)
    for tab in tabs:
        tab.begin()
    cross(*tabs)


@pytest.mark.parametrize("kind", ["msal"])
def test_a_popup_answers_the_page_that_opened_it(tabs: tuple[Tab, Tab]) -> None:
    first, second = tabs
    popups = [open_popup(tab) for tab in tabs]
    for tab, popup, who in ((second, popups[1], "bob"), (first, popups[0], "alice")):
        with popup.page.expect_event("close"):
            popup.answer(who)
        tab.shows(who)


def open_popup(tab: Tab) -> Tab:
    """Begin a sign-in in a popup, and return that."""
    tab.page.goto(tab.home)
    with tab.page.expect_popup() as opened:
        tab.page.click("#popup")
    opened.value.wait_for_url(f"{tab.issuer}/interaction/*")
    return Tab(opened.value, tab.home, tab.issuer)


def test_a_hidden_frame_answers_its_own_page(browser: "Browser", stage: Stage, tmp_path: Path) -> None:
    with lenient_window(browser, tmp_path) as context, noted(context, stage) as browsing:
        first, second = (browsing.tab(app) for app in stage.apps("msal"))
        first.begin()
        first.answer("alice")
        first.shows("alice")
        second.page.goto(second.home)
        second.shows("nobody")
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


# The chooser


@pytest.mark.parametrize(
    ("kind", "start", "click"),
    [
        pytest.param("oidc-client-ts", "/?stateless", "#sign-in", id="query"),
        pytest.param("msal", "/?stateless", "#sign-in", id="fragment"),
        pytest.param("openid-client", "/", "#by-script", id="form"),
    ],
)
def test_the_chooser_hands_the_whole_answer_over(tabs: tuple[Tab, Tab], stage: Stage, start: str, click: str) -> None:
    tab, other = tabs
    tab.begin(start, click=click)
    tab.answer("alice")
    tab.page.wait_for_selector("#choose:visible")
    assert tab.page.url.startswith(f"http://localhost:{stage.router.port}/")
    tab.choose(label_of(tab))
    tab.shows("alice")
    other.still_shows("nobody")


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_an_error_without_state_is_shown_as_text_and_handed_on(browsing: Browsing, stage: Stage, mode: str) -> None:
    app, _ = stage.apps("authlib")
    tab = browsing.tab(app)
    tab.page.goto(authorization(stage, mode))
    tab.answer("")
    tab.page.wait_for_selector("#error:has-text('access_denied')")
    assert "<b>No</b> & never" in tab.page.inner_text("#error")
    assert not tab.page.locator("#error b").count()
    with tab.page.expect_request(f"{tab.home}/auth/callback*") as asked:
        tab.choose(app.label)
    tab.page.wait_for_url(f"{tab.home}/auth/callback*")
    sent = asked.value.post_data if mode == "form_post" else tab.page.url
    assert "error=access_denied" in sent
    assert "error_description=%3Cb%3ENo%3C%2Fb%3E" in sent


def test_in_a_frame_the_chooser_has_no_buttons(browsing: Browsing, stage: Stage) -> None:
    app, _ = stage.apps("authlib")
    page = browsing.tab(app).page
    page.goto(app.home())
    for mode in ("query", "fragment"):
        address = f"{authorization(stage, mode)}&prompt=none&state=of-nobody"
        page.evaluate(
            "url => document.body.append(Object.assign(document.createElement('iframe'), { src: url }))", address
        )
        frame = page.frame_locator("iframe").last
        frame.locator("#framed:visible").wait_for()
        assert not frame.locator("button").count()


def authorization(stage: Stage, mode: str) -> str:
    """Return an authorization request of no library, without a state."""
    parameters = ["client_id=page", "response_type=code", "scope=openid", f"response_mode={mode}"]
    challenge = ["code_challenge_method=S256", f"code_challenge={'a' * 43}", f"redirect_uri={stage.provider.redirect}"]
    return f"{stage.provider.issuer}/auth?{'&'.join([*parameters, *challenge])}"


def label_of(tab: Tab) -> str:
    """Return the label of a tab's worktree."""
    return tab.home.removeprefix("http://").partition(".")[0]
