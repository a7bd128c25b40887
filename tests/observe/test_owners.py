"""Two worktrees with one real directory: its true owner keeps it, and the other names it."""

import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from router.model import Repository
from router.observe import survey
from router.observe.surveys import Surveys
from tests.observe.shops import added, admin, found, make, run


def owners(shop: Path) -> dict[str, str | None]:
    """Return whom each worktree's directory belongs to, by its administrative name."""
    return {worktree.id.admin: worktree.same_as for worktree in _look(shop).worktrees}


def _look(shop: Path) -> Repository:
    with closing(Surveys()) as surveys:
        return surveys.look([f"{shop}/.git"]).repositories[0]


def linked(path: Path, target: Path) -> None:
    """Replace a worktree's directory by a link to another one."""
    shutil.rmtree(path)
    path.symlink_to(target)


def test_every_worktree_owns_a_directory_of_its_own(shop: Path) -> None:
    for branch in ("a", "b"):
        added(shop, branch)
    assert set(owners(shop).values()) == {None}


@pytest.mark.parametrize(("older", "link"), [("a", "b"), ("b", "a")])
def test_a_directory_that_is_a_link_to_anothers_is_that_ones(shop: Path, older: str, link: str) -> None:
    paths = {branch: added(shop, branch) for branch in ("a", "b")}
    linked(paths[link], paths[older])
    assert owners(shop) == {"": None, older: None, link: str(paths[older])}
    assert survey.roots([_look(shop)]) == tuple(sorted((str(shop), str(paths[older])), key=lambda p: p != str(shop)))


def test_a_directory_that_is_a_link_to_the_main_checkout_is_that_ones(shop: Path) -> None:
    linked(added(shop, "a"), shop)
    assert owners(shop) == {"": None, "a": str(shop)}


@pytest.mark.parametrize(("right", "wrong"), [("a", "b"), ("b", "a")])
def test_a_gitdir_that_names_anothers_path_gives_nothing_away(shop: Path, right: str, wrong: str) -> None:
    paths = {branch: added(shop, branch) for branch in ("a", "b")}
    (admin(shop, wrong) / "gitdir").write_text(f"{paths[right]}/.git\n")
    assert owners(shop) == {"": None, right: None, wrong: str(paths[right])}
    branches = {worktree.id.admin: worktree.branch for worktree in _look(shop).worktrees}
    assert branches == {"": "main", "a": "a", "b": "b"}


def test_a_gitdir_that_names_a_worktree_of_another_repository_gives_nothing_away(shop: Path) -> None:
    blog = make(shop.parent / "blog")
    theirs = added(blog, "x", "blog-x")
    added(shop, "a")
    (admin(shop, "a") / "gitdir").write_text(f"{theirs}/.git\n")
    assert owners(shop) == {"": None, "a": str(theirs)}
    assert owners(blog) == {"": None, "blog-x": None}


def test_a_gitdir_that_names_the_main_checkout_of_another_repository_gives_nothing_away(shop: Path) -> None:
    blog = make(shop.parent / "blog")
    added(shop, "a")
    (admin(shop, "a") / "gitdir").write_text(f"{blog}/.git\n")
    assert owners(shop) == {"": None, "a": str(blog)}


def test_where_a_directory_leads_back_to_none_of_several_the_oldest_owns_it(shop: Path) -> None:
    paths = {branch: added(shop, branch) for branch in ("a", "b")}
    os.utime(admin(shop, "b") / "commondir", (1_700_000_000, 1_700_000_000))
    (admin(shop, "a") / "gitdir").write_text(f"{paths['b']}/.git\n")
    (paths["b"] / ".git").write_text("gitdir: /nowhere\n")
    assert owners(shop) == {"": None, "b": None, "a": str(paths["b"])}


def test_a_link_on_the_way_to_a_worktree_is_no_other_worktree(shop: Path) -> None:
    (shop.parent / "link").symlink_to(shop.parent)
    run(shop, "worktree", "add", "-q", "-b", "a", str(shop.parent / "link" / "a"))
    assert owners(shop) == {"": None, "a": None}


@pytest.mark.parametrize("content", [b"", b"\0\0", b"gitdir: ", b"gitdir: relative/nowhere\n", b"\xff" * 100])
def test_a_git_file_that_makes_no_sense_leads_nowhere(shop: Path, content: bytes) -> None:
    (added(shop, "a") / ".git").write_bytes(content)
    assert owners(shop) == {"": None, "a": None}


def test_a_moved_worktree_owns_where_it_went(shop: Path) -> None:
    path = added(shop, "a")
    run(shop, "worktree", "move", str(path), str(shop.parent / "there"))
    assert found(shop)["there"].same_as is None
    assert owners(shop) == {"": None, "a": None}
