"""Client libraries at their current versions: three worktrees sign in at once with each, in Chromium; slow.

`pytest -m matrix tests/matrix/test_libraries.py` prints the table of docs/reference/libraries.md.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browsers import chromium
from tests.e2e.libraries import refuse, sign_in, sign_in_silently, three
from tests.e2e.routers import Router
from tests.e2e.signin.apps import App, Stage, node, staged
from tests.e2e.test_signin import lenient_window, watched
from tests.matrix.libraries import LIBRARIES, WAYS, Window
from tests.matrix.packages import install, today
from tests.matrix.test_frameworks import Row

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = pytest.mark.matrix


@dataclass(frozen=True)
class Running:
    """The installed version of a library, and three worktrees with its app."""

    version: str
    apps: list[App]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    node()
    with chromium() as browser:
        yield browser


@pytest.fixture
def window(browser: "Browser", tmp_path: Path) -> Iterator["BrowserContext"]:
    """A window of a browser that has never been anywhere, where hidden frames get cookies."""
    with lenient_window(browser, tmp_path) as window:
        yield window


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A router with the callback paths that need to be configured, and a provider that knows every redirect URI."""
    paths = sorted({library.callback for library in LIBRARIES.values()})
    with Router(tmp_path_factory.mktemp("router")) as router:
        router.env["ROUTER_CALLBACK_PATHS"] = json.dumps(
            ["/auth/callback", "/auth/callback/*", "/api/auth/callback/*", "/callback"]
        )
        router.up()
        with staged(router, tmp_path_factory.mktemp("stage"), paths) as stage:
            yield stage


@pytest.fixture(scope="module")
def running(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Running]:
    """Install a library and start three worktrees with its app."""
    library = LIBRARIES[request.param]
    version, installed = install(library.kind, library.packages, tmp_path_factory.mktemp("packages"))
    with three(stage, request.param, library, installed) as apps:
        yield Running(version, apps)


@pytest.mark.parametrize(
    ("running", "title"),
    [pytest.param(name, title, id=title) for title, (name, _) in WAYS.items()],
    indirect=["running"],
    scope="module",
)
def test_three_worktrees_sign_in_at_once(
    window: "BrowserContext", stage: Stage, running: Running, title: str, record_property: Row
) -> None:
    _, way = WAYS[title]
    with watched(window, stage) as browsing:
        if way.window is Window.FRAME:
            sign_in_silently(browsing, running.apps, way)
        else:
            sign_in(browsing, running.apps, way)
            refuse(browsing, running.apps[0], way)
    record_property("row", f"| {title} | {running.version}, {today()} | {way.needs} | {way.home} |")
