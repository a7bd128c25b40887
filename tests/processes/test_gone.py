"""Which remembered worktrees are gone, as real git has them: never one that is locked, moved, or not to be asked."""

import os
import shutil
from pathlib import Path

import pytest

from router.model import WorktreeId
from router.processes.gone import gone
from router.remembered import GoneWorktree, Memory, RememberedWorktree
from tests.processes.scenes import git

NOW = 1000.0


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with one commit."""
    made = tmp_path / "shop"
    git(tmp_path, "init", "--quiet", str(made))
    git(made, "commit", "--quiet", "--allow-empty", "-m", "first")
    return made


def added(shop: Path, name: str, path: Path | None = None) -> RememberedWorktree:
    """Add a worktree; return what is remembered of it."""
    place = path or shop.parent / f"shop.{name}"
    git(shop, "worktree", "add", "-q", "-b", name, str(place))
    admin = shop / ".git/worktrees" / place.name
    identity = WorktreeId(str(shop / ".git"), place.name, (admin / "commondir").stat().st_mtime_ns)
    return RememberedWorktree(identity, name, name, name, repository="shop", path=str(place), aliases=(place.name,))


def names(memory: Memory) -> list[str]:
    return [each.names[0] for each in gone(memory, now=NOW)]


def test_a_worktree_that_is_there_is_not_gone(shop: Path) -> None:
    assert gone(Memory(worktrees=(added(shop, "x"),)), now=NOW) == ()


@pytest.mark.parametrize(
    "remove", ["worktree remove --force", "rm", "rm and prune", "rm of git's directory, as a killed removal leaves it"]
)
def test_a_worktree_is_gone_however_it_went(shop: Path, remove: str) -> None:
    kept = added(shop, "x")
    if remove.startswith("rm"):
        shutil.rmtree(kept.path)
    if remove == "rm and prune":
        git(shop, "worktree", "prune", "--expire=now")
    if remove.startswith("rm of"):
        shutil.rmtree(shop / ".git/worktrees/shop.x")
    if remove == "worktree remove --force":
        git(shop, "worktree", "remove", "--force", kept.path)
    [found] = gone(Memory(worktrees=(kept,)), now=NOW)
    assert found == GoneWorktree(kept.id, kept.path, "shop", "x", ("x", "shop.x"), NOW)


def test_a_locked_worktree_may_be_on_a_disk_that_is_away(shop: Path) -> None:
    kept = added(shop, "x")
    git(shop, "worktree", "lock", kept.path)
    shutil.rmtree(kept.path)
    assert names(Memory(worktrees=(kept,))) == []


def test_a_worktree_whose_repository_cannot_be_reached_is_not_gone(shop: Path) -> None:
    kept = added(shop, "x")
    shutil.rmtree(kept.path)
    shop.rename(shop.with_name("away"))
    assert names(Memory(worktrees=(kept,))) == []


def test_who_deleted_the_repository_deleted_what_was_in_it(shop: Path) -> None:
    inside = added(shop, "x", shop / ".claude/worktrees/x")
    main = RememberedWorktree(WorktreeId(str(shop / ".git"), "", 0), "main", "main", "main", path=str(shop))
    assert names(Memory(worktrees=(main, inside))) == []
    shutil.rmtree(shop)
    assert names(Memory(worktrees=(main, inside))) == ["main", "x"]


def test_a_later_worktree_of_the_same_name_is_another_one(shop: Path) -> None:
    kept = added(shop, "x")
    git(shop, "worktree", "remove", "--force", kept.path)
    again = added(shop, "y", Path(kept.path))
    assert kept.id.admin == again.id.admin
    assert names(Memory(worktrees=(kept, again))) == ["x"]


def test_what_git_said_is_gone_stays_so_when_the_repository_is_away(shop: Path) -> None:
    kept = added(shop, "x")
    lost = GoneWorktree(kept.id, kept.path, "shop", "x", ("x",), 5.0)
    assert gone(Memory(gone=(lost,)), now=NOW) == ()  # it is there, whatever was written down
    git(shop, "worktree", "remove", "--force", kept.path)
    shop.rename(shop.with_name("away"))
    assert gone(Memory(gone=(lost,)), now=NOW) == (lost,)


def test_a_folder_copy_is_told_from_its_successor_by_its_inode(shop: Path) -> None:
    copy = shop.parent / "shop-copy"
    shutil.copytree(shop, copy)
    identity = WorktreeId(str(shop / ".git"), "copy:shop-copy", copy.stat().st_ino)
    kept = RememberedWorktree(identity, "copy", None, "copy", path=str(copy))
    assert names(Memory(worktrees=(kept,))) == []
    copy.rename(copy.with_name("old"))
    copy.mkdir()
    assert names(Memory(worktrees=(kept,))) == ["copy"]


def test_what_0_1_0_remembered_without_a_path_says_nothing(shop: Path) -> None:
    kept = added(shop, "x")
    git(shop, "worktree", "remove", "--force", kept.path)
    old = GoneWorktree(kept.id, "", "shop", "x", ("x",), 5.0)
    assert gone(Memory(gone=(old,)), now=NOW) == ()
    assert os.path.lexists(kept.path) is False


def test_a_disk_that_does_not_answer_makes_nothing_gone(shop: Path) -> None:
    kept = added(shop, "x")
    git(shop, "worktree", "remove", "--force", kept.path)
    assert gone(Memory(worktrees=(kept,)), now=NOW, patience=0.0) == ()
    assert names(Memory(worktrees=(kept,))) == ["x"]
