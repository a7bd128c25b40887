"""A router for each test, or one for a file whose tests only read or add to it."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.e2e.routers import Router, Upstream, fresh
from tests.e2e.turns import browsing


@pytest.fixture(autouse=True)
def turn(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a test with a browser wait for those whose containers change the network."""
    alone = request.node.get_closest_marker("browser") and not request.node.get_closest_marker("docker")
    with browsing() if alone else nullcontext():
        yield


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    """A repository of its own, with nothing started."""
    with Router(tmp_path) as router:
        yield router


@pytest.fixture
def running(router: Router) -> Router:
    """The same with `router up` in the foreground."""
    router.up()
    return router


@pytest.fixture
def app(router: Router) -> Iterator[str]:
    """The label of a worktree with a server that answers `app`; the router has not been started."""
    with Upstream("app") as upstream:
        branch = fresh("app")
        router.add(branch, port=upstream.port)
        yield branch


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """A running router for the tests of one file: each adds worktrees of its own and leaves the others alone."""
    with Router(tmp_path_factory.mktemp("shared")) as router:
        router.up()
        yield router
