"""A repository with a worktree for each test; what was started for it is ended after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from router.settings import load
from router.store import Store
from tests.e2e.routers import fresh
from tests.servers.shops import Shop, git


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A repository with a worktree on a branch that no other test has."""
    path, tree = tmp_path.resolve() / "shop", tmp_path.resolve() / "shop.fix"
    path.mkdir()
    git(path, "init", "-q")
    git(path, "commit", "-q", "--allow-empty", "-m", "first")
    git(path, "worktree", "add", "-q", "-b", fresh("fix"), tree)
    store = Store(tmp_path / "state")
    store.prepare()
    made = Shop(path, tree, load(state_dir=tmp_path / "state"), store)
    yield made
    made.end()
