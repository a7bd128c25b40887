"""Inside a linked worktree a command acts on that one alone; real git."""

from pathlib import Path
from typing import Any

import pytest

from router.errors import OtherWorktreeError
from router.processes import guard
from tests.processes.scenes import git


def tree(name: str, *, main: bool = False) -> dict[str, Any]:
    return {"name": name, "repository": "shop", "branch": f"feature/{name}", "main": main}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with a linked worktree `x` beside it."""
    made = tmp_path / "shop"
    git(tmp_path, "init", "--quiet", str(made))
    git(made, "commit", "--quiet", "--allow-empty", "-m", "first")
    git(made, "worktree", "add", "-q", "-b", "x", str(tmp_path / "shop.x"))
    return made


def test_a_linked_worktree_is_its_own(tmp_path: Path) -> None:
    guard.check(tree("x"), own=tree("x"), cwd=tmp_path, other=False)


def test_another_one_is_refused_and_said_whose_it_is(tmp_path: Path) -> None:
    with pytest.raises(OtherWorktreeError) as caught:
        guard.check(tree("y"), own=tree("x"), cwd=tmp_path, other=False)
    assert caught.value.message == "y is another worktree (shop, branch feature/y); this is x: nothing was changed"
    with pytest.raises(OtherWorktreeError, match=r"^port 5173 is y's \(shop, branch feature/y\); this is x"):
        guard.check(tree("y"), own=tree("x"), cwd=tmp_path, other=False, what="port 5173")
    assert "--other" in caught.value.hint


def test_with_the_users_word_for_it_another_one_is_fine(tmp_path: Path) -> None:
    guard.check(tree("y"), own=tree("x"), cwd=tmp_path, other=True)


def test_from_the_main_checkout_and_from_outside_each_may_be_named(shop: Path, tmp_path: Path) -> None:
    guard.check(tree("y"), own=tree("main", main=True), cwd=shop, other=False)
    guard.check(tree("y"), own=None, cwd=tmp_path, other=False)
    guard.check(tree("y"), own=None, cwd=shop, other=False)


def test_a_linked_worktree_that_the_router_does_not_know_is_one_all_the_same(shop: Path) -> None:
    with pytest.raises(OtherWorktreeError, match="this is another worktree"):
        guard.check(tree("y"), own=None, cwd=shop.parent / "shop.x", other=False)
