"""Which file of a worktree was saved last."""

import os
import time
from pathlib import Path

import pytest

from router.errors import RouterError
from router.model import Worktree
from router.sleep.saved import Saved, last_saved
from tests.observe import shops

FUTURE = 4_000_000_000


def tree(shop: Path, name: str) -> Worktree:
    return shops.found(shop)[name]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    made = shops.make(tmp_path / "shop")
    (made / ".gitignore").write_text("dist/\n*.log\n")
    (made / "app.py").write_text("1")
    shops.run(made, "add", ".")
    shops.run(made, "commit", "-q", "-m", "app")
    return made


def saved(path: Path, at: float) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("2")
    os.utime(path, (at, at))


def test_a_tracked_and_a_new_file_count_and_an_ignored_one_does_not(shop: Path) -> None:
    added = shops.added(shop, "x")
    saved(added / "app.py", FUTURE)
    assert last_saved(tree(shop, "x")) == Saved("app.py", FUTURE)
    saved(added / "ü new.py", FUTURE + 1)
    assert last_saved(tree(shop, "x")) == Saved("ü new.py", FUTURE + 1)
    saved(added / "dist/app.js", FUTURE + 2)
    saved(added / "dev.log", FUTURE + 2)
    saved(shop / "app.py", FUTURE + 2)  # another worktree's
    assert last_saved(tree(shop, "x")) == Saved("ü new.py", FUTURE + 1)
    assert last_saved(tree(shop, "shop")) == Saved("app.py", FUTURE + 2)


def test_a_commit_counts_though_no_file_changes(shop: Path) -> None:
    added = shops.added(shop, "x")
    before = time.time()
    for each in (".gitignore", "app.py"):
        os.utime(added / each, (1, 1))
    shops.run(added, "commit", "-q", "--allow-empty", "-m", "more")
    found = last_saved(tree(shop, "x"))
    assert found
    assert found.name == "a commit or checkout"
    assert found.at >= before - 1


def test_git_that_does_not_tell_is_an_error(shop: Path) -> None:
    shops.added(shop, "x")
    found = tree(shop, "x")
    (shop / ".git/worktrees/x/index").write_bytes(b"torn")
    with pytest.raises(RouterError, match=r"git .* failed"):
        last_saved(found)
