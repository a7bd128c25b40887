"""Frameworks as `router run` starts them, two worktrees each, in a real Chromium; the others are in `tests/matrix`."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browsers import chromium, missing
from tests.e2e.frameworks import QUIET, Installed, look, opened, own_web, up_services
from tests.e2e.routers import Router, fresh, wait_until
from tests.e2e.test_run import FIXED, port, run
from tests.e2e.test_servers import HERE
from tests.matrix.projects import PROJECTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
HERE_INSTALLED = Installed(HERE, Path(sys.executable).parent)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def node() -> None:
    """Skip the test without Node or what is installed by npm."""
    if not (shutil.which("npm") and (HERE / "node_modules" / "next").exists()):
        missing("Next (apt-get install nodejs npm, npm ci in tests/e2e)")


@pytest.mark.node
@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("name", ["Vite", "Next", "Express"])
def test_two_worktrees_of_a_framework_of_node(browser: "Browser", shared: Router, name: str) -> None:
    look(browser, shared, PROJECTS[name], HERE_INSTALLED)


@pytest.mark.parametrize("name", ["FastAPI", "Django"])
def test_two_worktrees_of_a_framework_of_python(browser: "Browser", shared: Router, name: str) -> None:
    look(browser, shared, PROJECTS[name], HERE_INSTALLED)


@pytest.mark.node
@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("options", ["", "--inspect=0"], ids=["plain", "with-an-inspector"])
def test_two_worktrees_of_what_npm_create_vite_makes(browser: "Browser", shared: Router, options: str) -> None:
    """Its configuration fixes a port that only one server can have; an inspector is no service."""
    paths = {name: shared.add(name) for name in (fresh("made"), fresh("made"))}
    quiet = {**QUIET, **({"NODE_OPTIONS": options} if options else {})}
    with contextlib.ExitStack() as stack:
        for path in paths.values():
            _made_by_create_vite(shared, path)
        pids = {
            path: stack.enter_context(run(shared, path, "--", "npm", "run", "dev", **quiet)) for path in paths.values()
        }
        assert len({port(shared, path) for path in pids}) == 2
        assert {own_web(shared, path, pid) for path, pid in pids.items()} == {"vite"}
        tabs = [stack.enter_context(opened(browser, shared, name, path)) for name, path in paths.items()]
        for tab in tabs:
            tab.connected()
            tab.page.evaluate("window.marked = true")
            with (tab.path / "src/style.css").open("a") as style:
                style.write("#app h1 { color: rgb(1, 2, 3) !important }")
            color = "getComputedStyle(document.querySelector('h1')).color"
            wait_until(lambda at=tab, asked=color: at.page.evaluate(asked) == "rgb(1, 2, 3)", what="the new color")
            assert tab.page.evaluate("window.marked"), "the page was loaded again"
            wait_until(lambda at=tab: up_services(shared, at.path) == {"web"}, what=f"only web: {shared.at(tab.path)}")


def _made_by_create_vite(router: Router, path: Path) -> None:
    """Make a project with Vite's own generator; its page is called after the worktree, and its port is fixed."""
    made = path / "made"
    create = [HERE / "node_modules/.bin/create-vite", "made", "--template", "vanilla", "--no-interactive"]
    subprocess.run(create, cwd=path, env=router.env, stdin=subprocess.DEVNULL, check=True, capture_output=True)
    shutil.copytree(made, path, dirs_exist_ok=True)
    shutil.rmtree(made)
    (path / "vite.config.js").write_text(FIXED)
    (path / "node_modules").symlink_to(HERE / "node_modules")
    main = path / "src/main.js"
    main.write_text(main.read_text().replace("Get started", path.name.removeprefix("shop.")))
