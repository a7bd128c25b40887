"""Signatures of files: what tells that one has changed."""

import os
from pathlib import Path

import pytest

from router.observe.watched import signature


def test_the_same_files_have_the_same_signature(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    files = [str(tmp_path / "a"), str(tmp_path / "nothing")]
    assert signature(files) == signature(files)


@pytest.mark.parametrize("change", ["write", "replace", "touch", "remove"])
def test_every_change_of_a_file_shows(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a"
    path.write_text("a")
    before = signature([str(path)])
    if change == "write":
        path.write_text("aa")
    elif change == "replace":
        (tmp_path / "b").write_text("a")
        os.utime(tmp_path / "b", ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
        (tmp_path / "b").replace(path)
    elif change == "touch":
        os.utime(path, ns=(1, 1))
    else:
        path.unlink()
    assert signature([str(path)]) != before


def test_a_directory_counts_by_itself_and_not_by_what_is_in_it(tmp_path: Path) -> None:
    before = signature([str(tmp_path)])
    (tmp_path / "a").write_text("a")
    assert signature([str(tmp_path)]) == before


def test_with_a_slash_a_directory_counts_by_its_entries(tmp_path: Path) -> None:
    before = signature([f"{tmp_path}/"])
    (tmp_path / "a").write_text("a")
    os.utime(tmp_path, ns=(2, 2))
    assert signature([f"{tmp_path}/"]) != before


def test_a_directory_that_was_created_again_is_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = signature([str(tmp_path / "a")])
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a").mkdir()
    assert signature([str(tmp_path / "a")]) != before


def test_a_path_that_cannot_be_asked_is_nothing(tmp_path: Path) -> None:
    assert signature([f"{tmp_path}/{'a' * 300}", "\0", f"{__file__}/below"]) == (None, None, None)
