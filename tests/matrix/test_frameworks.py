"""Every framework that `router run` knows, installed and started in two worktrees at once, whatever port it fixes.

`pytest -m matrix tests/matrix` prints a table: the last columns of those in docs/reference/frameworks.md.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browsers import chromium
from tests.e2e.frameworks import SLOW, add, command, look
from tests.e2e.routers import Router, wait_until
from tests.e2e.test_run import port, run
from tests.e2e.test_servers import of
from tests.matrix.packages import install, today
from tests.matrix.projects import PROJECTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.matrix
IN_CHROMIUM = [name for name, project in PROJECTS.items() if project.edited]
Row = Callable[[str, object], None]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("name", [name for name in PROJECTS if name not in IN_CHROMIUM])
def test_it_takes_its_worktrees_port(shared: Router, tmp_path: Path, name: str, record_property: Row) -> None:
    project = PROJECTS[name]
    version, installed = install(project.kind, project.packages, tmp_path)
    paths = [add(shared, project, installed) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for path in paths:
            stack.enter_context(run(shared, path, "--", *command(project), **installed.environ))
        for path in paths:
            expected = port(shared, path)
            wait_until(
                lambda p=path, n=expected: of(shared, p).get("up") and of(shared, p)["port"] == n,  # type: ignore[misc]
                limit=SLOW, what=f"{name} on {expected}: {shared.directory}/servers.log",
            )  # fmt: skip
    record_property("row", f"| {name} | {version}, {today()} |")


@pytest.mark.parametrize("name", IN_CHROMIUM)
def test_its_pages_are_their_worktrees_in_chromium(
    shared: Router, browser: "Browser", tmp_path: Path, name: str, record_property: Row
) -> None:
    project = PROJECTS[name]
    version, installed = install(project.kind, project.packages, tmp_path)
    seen = look(browser, shared, project, installed)
    past = f", {seen.direct} of them past the router" if seen.direct else ""
    sockets = f"{seen.lived} of {seen.sockets}{past}" if seen.sockets else "has none"
    cells = (name, f"{version}, {today()}", "own", "own", project.update, sockets, ", ".join(seen.programs))
    record_property("row", f"| {' | '.join(cells)} |")
