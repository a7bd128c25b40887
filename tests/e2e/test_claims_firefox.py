"""A sign-in whose state names nobody finds the worktree that began it, in Firefox as in Chromium."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.firefox import LIMIT, Firefox, FirefoxTab, firefox
from tests.e2e.routers import Router, wait_until
from tests.e2e.signin.apps import App, Stage, node, staged

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.node]


@dataclass
class Visit:
    """A tab of Firefox with the app of a worktree; `home` is its address, `issuer` the provider's."""

    tab: FirefoxTab
    home: str
    issuer: str

    def open(self) -> None:
        """Open the app, and wait until it shows somebody: before, a script that has loaded may hear no click."""
        self.tab.goto(f"{self.home}/?stateless")
        wait_until(lambda: self.tab.text("#who"), limit=LIMIT, what=f"the app at {self.home}")

    def begin(self) -> None:
        """Open the app and click; the provider then asks who signs in."""
        self.open()
        self.tab.click("#sign-in")
        self.arrives(self.issuer)

    def popup(self) -> "Visit":
        """Open the app and begin in a popup; return that."""
        self.open()
        before = set(self.tab.firefox.tabs())
        self.tab.click("#popup")
        wait_until(lambda: set(self.tab.firefox.tabs()) - before, limit=LIMIT, what="the popup")
        [context] = set(self.tab.firefox.tabs()) - before
        opened = Visit(FirefoxTab(self.tab.firefox, context), self.home, self.issuer)
        opened.arrives(self.issuer)
        return opened

    def arrives(self, there: str) -> None:
        """Wait until the tab shows an address."""
        wait_until(lambda: self.tab.url.startswith(f"{there}/"), limit=LIMIT, what=there)

    def answer(self, who: str) -> None:
        """Tell the provider who signs in."""
        self.tab.click(f"button[value='{who}']")

    def shows(self, who: str) -> None:
        """Wait until the app shows who is signed in, on the very host of this tab."""
        wait_until(lambda: self.tab.url.startswith(f"{self.home}/") and self.tab.text("#who") == who, limit=LIMIT,
                   what=f"{who} at {self.home}")  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    node()
    with firefox(tmp_path_factory.mktemp("firefox")) as started:
        yield started


@pytest.fixture(scope="module")
def stage(browser: Firefox, shared: Router, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(shared, tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def visit(browser: Firefox, stage: Stage, app: App, host: str = "{}") -> Visit:
    """Open a tab for an app, on its own host or another form of it."""
    return Visit(browser.tab(), app.home(host), stage.provider.issuer)


@pytest.mark.parametrize("kind", ["msal", "oidc-client-ts"])
def test_states_made_in_the_browser_come_home_crosswise(browser: Firefox, stage: Stage, kind: str) -> None:
    first, second = stage.apps(kind)
    visits = {"alice": visit(browser, stage, first), "bob": visit(browser, stage, second),
              "carol": visit(browser, stage, first, "acme.{}")}  # fmt: skip
    for each in visits.values():
        each.begin()
    for who, each in reversed(visits.items()):
        each.answer(who)
        each.shows(who)


def test_a_popup_answers_the_page_that_opened_it_and_a_hidden_frame_its_own(browser: Firefox, stage: Stage) -> None:
    visits = {who: visit(browser, stage, app) for who, app in zip(("alice", "bob"), stage.apps("msal"), strict=True)}
    popups = {who: each.popup() for who, each in visits.items()}
    for who, each in reversed(visits.items()):
        popups[who].answer(who)
        each.shows(who)
        wait_until(lambda popup=popups[who]: popup.tab.context not in browser.tabs(), what="the end of the popup")  # type: ignore[misc]
    for each in visits.values():
        fresh = Visit(browser.tab(), each.home, each.issuer)  # its session storage is its own
        fresh.open()
        fresh.tab.click("#silent")
        fresh.shows("alice")  # who answered last
