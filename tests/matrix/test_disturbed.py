"""Sign-ins of each kind while everything around them changes between start and answer; slow.

A kind is how the answer comes home: by the tag, in a query or a form; under another name; by the name in the state; by
the search, in a tab, a popup or a hidden frame; by the router's cookie.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.e2e.browsers import chromium
from tests.e2e.libraries import PEOPLE
from tests.e2e.routers import Router, fresh, wait_until
from tests.e2e.signin.apps import Stage, node, staged
from tests.e2e.signin.tabs import Browsing, Tab
from tests.e2e.test_signin import lenient_window, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.matrix

COUNT = 50


@dataclasses.dataclass(frozen=True)
class Kind:
    """An app of the stage, the page to open and the element to click there; a `popup` is what that opens."""

    app: str
    start: str = "/"
    click: str = "#sign-in"
    popup: bool = False


KINDS = {
    "tag": Kind("authlib"),
    "tag, form_post": Kind("openid-client"),
    "tag with a path": Kind("allauth"),
    "tag with a path, form_post": Kind("openid-client-host"),
    "name, fragment": Kind("msal"),
    "name, query": Kind("msal", "/?mode=query"),
    "search, fragment": Kind("msal", "/?stateless"),
    "search, query": Kind("oidc-client-ts", "/?stateless"),
    "search, popup": Kind("msal", "/?stateless", "#popup", popup=True),
    "cookie, form_post": Kind("openid-client", click="#json"),
}


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    node()
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def stage(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A router of its own, as it is stopped and its Caddy killed, with apps and a provider."""
    with Router(tmp_path_factory.mktemp("router")) as router:
        router.up()
        with staged(router, tmp_path_factory.mktemp("stage")) as stage:
            yield stage


@pytest.fixture
def browsing(browser: "Browser", stage: Stage) -> Iterator[Browsing]:
    with browser.new_context(ignore_https_errors=True) as window, watched(window, stage) as browsing:
        yield browsing


def fifty_worktrees_come_and_go(router: Router) -> None:
    """Add worktrees, wait until all are routed, remove them, and wait until none is."""
    added: dict[str, Path] = {}
    for _ in range(COUNT):
        label = fresh("passing")
        added[label] = router.add(label)
    wait_until(lambda: added.keys() <= router.worktrees().keys(), limit=300, what="fifty worktrees")
    for path in added.values():
        router.git("worktree", "remove", "--force", path)
    wait_until(lambda: not added.keys() & router.worktrees().keys(), limit=300, what="none of them")


def the_router_goes_down_and_up(router: Router) -> None:
    """Stop the router and start it again: neither Caddy nor the watcher remembers anything."""
    before = set(router.worktrees())
    assert router.down().code == 0
    router.up()
    wait_until(lambda: before <= router.worktrees().keys(), what="every worktree again")


def caddy_is_killed(router: Router) -> None:
    """Kill Caddy and wait for the next one."""
    pid = router.caddy_pid
    psutil.Process(pid).kill()
    wait_until(lambda: router.caddy_pid != pid and router.seen()["caddy"]["running"], what="another Caddy")


DISTURBANCES = (fifty_worktrees_come_and_go, the_router_goes_down_and_up, caddy_is_killed)


@pytest.mark.parametrize("disturb", DISTURBANCES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_answer_comes_home_whatever_happens_meanwhile(
    browsing: Browsing, stage: Stage, kind: Kind, disturb: Callable[[Router], None]
) -> None:
    tabs = {who: browsing.tab(app) for who, app in zip(PEOPLE[:2], stage.apps(kind.app), strict=True)}
    asked = {who: begun(tab, kind) for who, tab in tabs.items()}
    disturb(stage.router)
    for who, tab in reversed(tabs.items()):
        with asked[who].page.expect_event("close") if kind.popup else contextlib.nullcontext():
            asked[who].answer(who)
        tab.shows(who)
    for who, tab in tabs.items():
        if not kind.popup:
            tab.still_shows(who)


def begun(tab: Tab, kind: Kind) -> Tab:
    """Begin a sign-in of a kind; return the tab in which the provider asks."""
    if kind.popup:
        return tab.popup(kind.start)
    tab.begin(kind.start, click=kind.click)
    return tab


@pytest.mark.parametrize("disturb", DISTURBANCES, ids=lambda each: each.__name__)
def test_a_hidden_frame_has_its_answer_whatever_happened_before(
    browser: "Browser", stage: Stage, tmp_path: Path, disturb: Callable[[Router], None]
) -> None:
    with lenient_window(browser, tmp_path) as window, watched(window, stage) as browsing:
        first, second = (browsing.tab(app) for app in stage.apps("msal"))
        first.begin("/?stateless")
        first.answer("alice")
        first.shows("alice")
        second.page.goto(f"{second.home}/?stateless")
        disturb(stage.router)
        second.page.click("#silent")
        second.shows("alice")
