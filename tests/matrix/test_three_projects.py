"""A Django, a Next and a React project that know nothing of the router, each in three worktrees, sign in all at once.

Each project has one redirect URI registered, for all its worktrees, and the provider knows no other.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browsers import chromium
from tests.e2e.frameworks import SLOW
from tests.e2e.libraries import PEOPLE, begin, three
from tests.e2e.routers import Router
from tests.e2e.signin.apps import App, Stage, node, staged
from tests.e2e.signin.tabs import Browsing, Tab
from tests.e2e.test_signin import switched, watched
from tests.matrix.libraries import LIBRARIES, WAYS, Way
from tests.matrix.packages import install

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.matrix

PROJECTS = ("django-allauth", "Auth.js 5, Next, server action", "MSAL React 5")


@dataclass(frozen=True)
class Person:
    """Somebody who signs in to the app of a worktree, in a tab of its own."""

    name: str
    app: App
    tab: Tab
    way: Way


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    node()
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A router that is told of Auth.js' path, and a provider that knows one redirect URI of each project."""
    paths = {LIBRARIES[WAYS[title][0]].callback for title in PROJECTS} - {"/auth/callback"}
    with Router(tmp_path_factory.mktemp("router")) as router:
        router.env["ROUTER_CALLBACK_PATHS"] = json.dumps(["/auth/callback", "/api/auth/callback/*"])
        router.up()
        with staged(router, tmp_path_factory.mktemp("stage"), sorted(paths)) as stage:
            yield stage


@pytest.fixture(scope="module")
def projects(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[App]]]:
    """Three worktrees of each project, by its way of signing in."""
    with contextlib.ExitStack() as stack:
        yield {title: stack.enter_context(_started(stage, WAYS[title][0], tmp_path_factory)) for title in PROJECTS}


@contextlib.contextmanager
def _started(stage: Stage, name: str, places: pytest.TempPathFactory) -> Iterator[list[App]]:
    library = LIBRARIES[name]
    _, installed = install(library.kind, library.packages, places.mktemp("packages"))
    with three(stage, name, library, installed) as apps:
        yield apps


def test_all_nine_sign_in_at_once_sign_out_and_sign_in_again_after_a_switch_of_branch(
    browser: "Browser", stage: Stage, projects: dict[str, list[App]]
) -> None:
    with browser.new_context(ignore_https_errors=True) as window, watched(window, stage) as browsing:
        people = [
            Person(PEOPLE[(place + turn) % 3], apps[place], browsing.tab(apps[place]), WAYS[title][1])
            for place in range(3)
            for turn, (title, apps) in enumerate(projects.items())
        ]
        sign_in(people)
        for each in people:
            each.tab.still_shows(each.name)
            sign_out(each)
        moved = [_moved(browsing, stage, each) for each in people[3:6]]
        sign_in([*people[:3], *moved, *people[6:]])


def sign_in(people: list[Person]) -> None:
    """Have all begin, and answer from the last to the first; each has its own person then, and keeps it."""
    for each in people:
        begin(each.tab, each.way)
    for each in reversed(people):
        each.tab.answer(each.name)
        each.tab.shows(each.name)
    for each in people:
        each.tab.still_shows(each.name)


def sign_out(person: Person) -> None:
    """Sign out of an app; it shows nobody then, whoever is signed in elsewhere."""
    person.tab.page.click("#sign-out")
    person.tab.shows("nobody")
    person.tab.still_shows("nobody")


def _moved(browsing: Browsing, stage: Stage, person: Person) -> Person:
    """Switch a person's worktree to another branch; return who signs in on its new host, in another tab."""
    app = switched(stage, person.app)
    tab = browsing.tab(app)
    tab.page.goto(tab.home, timeout=SLOW * 1000)
    tab.still_shows("nobody")
    return Person(person.name, app, tab, person.way)
