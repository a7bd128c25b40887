"""Files of the user's: every byte comes back, links are refused, modes stay."""

from pathlib import Path

import pytest

from router import files
from router.errors import FileError


def test_every_byte_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a\r\nb\xff\x00\n")
    text = files.text(path)
    assert text is not None
    files.write(path, text)
    assert path.read_bytes() == b"a\r\nb\xff\x00\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_there_has_no_text(tmp_path: Path) -> None:
    assert files.text(tmp_path / "none") is None


def test_the_mode_stays_and_a_new_file_gets_its_own(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("")
    old.chmod(0o640)
    files.write(old, "x")
    files.write(new, "x", mode=0o600)
    assert (old.stat().st_mode & 0o777, new.stat().st_mode & 0o777) == (0o640, 0o600)


@pytest.mark.parametrize("made", ["link", "dangling", "directory"])
def test_only_files_are_read_and_written(tmp_path: Path, made: str) -> None:
    target, path = tmp_path / "target", tmp_path / "path"
    target.write_text("another worktree's")
    if made == "directory":
        path.mkdir()
    else:
        path.symlink_to(target if made == "link" else tmp_path / "gone")
    with pytest.raises(FileError):
        files.write(path, "x")
    with pytest.raises(FileError):
        files.text(path)
    assert target.read_text() == "another worktree's"


def test_a_directory_that_takes_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be written"):
        files.write(tmp_path / "gone" / "f", "x")
