"""Whole copies of a repository beside it, while folders come and go, and where they cannot be read."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from router.model import Worktree
from router.observe import copies
from router.observe.copies import MOST, Copies


def look(main: Path, *before: Worktree, pattern: str = "../shop-*", known: tuple[Worktree, ...] = ()) -> Copies:
    return copies.copies(main, pattern, common=main / ".git", worktrees=known, before=before)


def names(found: Copies) -> list[str]:
    return [Path(worktree.path).name for worktree in found.worktrees]


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "work" / "shop").mkdir(parents=True)
    return tmp_path / "work" / "shop"


@contextmanager
def busy(directory: Path) -> Iterator[None]:
    """Make folders and remove them, as fast as can be, until the block ends."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            for number in range(5):
                (directory / f"shop-{number}").mkdir()
            for number in range(5):
                (directory / f"shop-{number}").rmdir()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_folders_that_match_are_copies_and_other_things_are_none(main: Path) -> None:
    for name in ("shop-1", "shop-2", "blog-1"):
        (main.parent / name).mkdir()
    (main.parent / "shop-file").write_text("")
    (main.parent / "shop-link").symlink_to("/")
    (main.parent / "shop-broken").symlink_to("nowhere")
    os.mkfifo(main.parent / "shop-fifo")
    found = look(main)
    assert names(found) == ["shop-1", "shop-2"]
    assert [worktree.id.admin for worktree in found.worktrees] == ["copy:shop-1", "copy:shop-2"]
    assert not found.problems


def test_a_worktree_of_gits_is_no_copy_whatever_its_path_is_written_like(main: Path) -> None:
    (main.parent / "shop-1").mkdir()
    (main.parent / "link").symlink_to("shop-1")
    copy = look(main).worktrees[0]
    assert names(look(main, known=(replace(copy, path=str(main.parent / "link")),))) == []


def test_folders_may_come_and_go_meanwhile(main: Path) -> None:
    (main.parent / "shop-stays").mkdir()
    with busy(main.parent):
        for _ in range(300):
            found = look(main)
            assert "shop-stays" in names(found)
            assert not found.problems


def test_where_the_directory_cannot_be_read_the_copies_stay(main: Path) -> None:
    (main.parent / "shop-1").mkdir()
    before = look(main).worktrees
    aside = main.parent.rename(main.parent.parent / "aside")
    main.parent.symlink_to("work")  # ELOOP: as good as a disk that fails, and root meets it too
    found = look(main, *before)
    assert found.worktrees == before
    assert [problem.kind for problem in found.problems] == ["unreadable-file"]
    main.parent.unlink()
    aside.rename(main.parent)
    assert look(main, *before) == Copies(before)


def test_without_the_directory_there_are_no_copies(main: Path) -> None:
    (main.parent / "shop-1").mkdir()
    before = look(main).worktrees
    shutil.rmtree(main.parent)
    assert look(main, *before) == Copies(())


def test_no_more_are_looked_at_than_the_bound(main: Path) -> None:
    for number in range(MOST + 5):
        (main.parent / f"shop-{number:04}").mkdir()
    found = look(main)
    assert names(found) == [f"shop-{number:04}" for number in range(MOST)]
    [problem] = found.problems
    assert problem.kind == "too-many"
    assert f"{MOST}" in problem.message
    assert f"{MOST + 5}" in problem.message


def test_no_more_entries_are_read_than_the_bound(main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_ENTRIES", 20)  # making twenty thousand takes seconds
    for number in range(30):
        (main.parent / f"other-{number}").touch()
    [problem] = look(main).problems
    assert (problem.kind, "more than 20 entries" in problem.message) == ("too-many", True)
