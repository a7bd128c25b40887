"""An app with a client library in three worktrees, each started by `router run`, and signed in to crosswise."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.frameworks import SLOW, Installed, link_modules, running
from tests.e2e.routers import fresh, wait_until
from tests.e2e.signin.apps import App, Stage
from tests.e2e.signin.tabs import Browsing, Tab
from tests.e2e.test_servers import of
from tests.matrix.libraries import Home, Library, Way, Window

if TYPE_CHECKING:
    from playwright.sync_api import Page

PEOPLE = ("alice", "bob", "carol")


@contextlib.contextmanager
def three(stage: Stage, name: str, library: Library, installed: Installed) -> Iterator[list[App]]:
    """Start the app of a library in three worktrees until the block ends."""
    apps = [App(fresh("app"), name, stage.router.port) for _ in PEOPLE]
    environ = {**installed.environ, **stage.provider.environment}
    with contextlib.ExitStack() as stack:
        paths = [_add(stage, app, library, installed) for app in apps]
        for path in paths:
            told = {**environ, **library.told(stage.router.port)}
            stack.enter_context(running(stage.router, path, library.command, told))
        for path in paths:
            wait_until(lambda at=path: of(stage.router, at).get("up"), limit=SLOW,
                       what=f"{name} in {path.name}: {stage.router.directory}/servers.log")  # fmt: skip
        yield apps


def _add(stage: Stage, app: App, library: Library, installed: Installed) -> Path:
    """Add a worktree with the files of an app and what is installed for it."""
    path = stage.router.add(app.label)
    if library.app.is_dir():
        shutil.copytree(library.app, path, dirs_exist_ok=True)
    else:
        shutil.copy(library.app, path)
    if installed.modules:
        package = {"private": True, "type": "module", "scripts": {"dev": library.script}}
        names = {each[0] + each[1:].partition("@")[0]: "*" for each in library.packages}
        (path / "package.json").write_text(json.dumps({**package, "dependencies": names}))
        link_modules(installed.modules, path)
    return path


def sign_in(browsing: Browsing, apps: list[App], way: Way) -> None:
    """Begin in three worktrees at once and finish in the other order: each has its own person then, and keeps it."""
    tabs = [browsing.tab(app) for app in apps]
    asked = [begin(tab, way) for tab in tabs]
    for app, tab, page, who in reversed(list(zip(apps, tabs, asked, PEOPLE, strict=True))):
        _answer(page, app, way, who)
        tab.shows(who)
    for tab, who in zip(tabs, PEOPLE, strict=True):
        tab.still_shows(who)


def sign_in_silently(browsing: Browsing, apps: list[App], way: Way) -> None:
    """Sign in to one worktree; in a hidden frame the others have the same person without being asked."""
    first, *others = [browsing.tab(app) for app in apps]
    _answer(begin(first, Way(way.home, start=way.start)), apps[0], way, PEOPLE[0])
    first.shows(PEOPLE[0])
    for tab in others:
        tab.page.goto(tab.home + way.start)
        tab.shows("nobody")
        tab.page.click(way.clicks[0])
    for tab in reversed(others):
        tab.shows(PEOPLE[0])


def refuse(browsing: Browsing, app: App, way: Way) -> None:
    """Refuse at the provider, with nobody signed in: the answer comes to the worktree that began."""
    browsing.context.clear_cookies()
    tab = browsing.tab(app)
    _answer(begin(tab, way), app, way, "")
    if way.window is Window.POPUP:
        tab.refused()
    else:
        tab.page.wait_for_url(f"{tab.home}/**")


def begin(tab: Tab, way: Way) -> Tab:
    """Open the app and click until the provider asks who signs in; return the tab where it does."""
    tab.page.goto(tab.home + way.start, timeout=SLOW * 1000)
    for element in way.clicks[:-1]:
        tab.page.click(element)
    page = _clicked(tab.page, way)
    page.wait_for_url(f"{tab.issuer}/interaction/*")
    return Tab(page, tab.home, tab.issuer)


def _clicked(page: "Page", way: Way) -> "Page":
    """Click the last of a way's elements, where it has one; return the page that leads to the provider."""
    if way.window is Window.POPUP:
        with page.expect_popup() as opened:
            page.click(way.clicks[-1])
        return opened.value
    if way.clicks:
        page.click(way.clicks[-1])
    return page


def _answer(tab: Tab, app: App, way: Way, who: str) -> None:
    """Say at the provider who signs in, and on the chooser whose that is, where the way leads there."""
    tab.answer(who)
    if way.home is Home.CHOOSER:
        tab.choose(app.label)
