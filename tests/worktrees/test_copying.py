"""Files and directories copied for a new worktree: what they keep, and blocks that are shared where that can be."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.worktrees.copying import copy
from tests.needs import needs


def tree(place: Path) -> Path:
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "tool").write_text("#!/bin/sh\n")
    (place / "bin" / "tool").chmod(0o755)
    (place / "bin" / "link").symlink_to("tool")
    (place / "bin" / "gone").symlink_to("/nowhere")
    (place / "large").write_bytes(os.urandom(300_000))
    (place / "empty").touch()
    (place / "read only").write_text("x")
    (place / "read only").chmod(0o400)
    os.utime(place / "large", (1, 2))
    os.utime(place / "bin", (3, 4))
    return place


def seen(place: Path) -> dict[str, object]:
    """Return what a directory holds: modes, times, contents, and where links lead."""
    return {
        str(path.relative_to(place)): path.readlink()
        if path.is_symlink()
        else (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in sorted(place.rglob("*"))
    }


def test_a_directory_is_copied_with_modes_times_and_links(tmp_path: Path) -> None:
    source = tree(tmp_path / "source")
    counts: list[int] = []
    copied = copy(source, tmp_path / "target", progress=counts.append)
    assert seen(tmp_path / "target") == seen(source)
    assert (copied.files, copied.size) == (6, 300_011)
    assert str(copied).startswith("6 files, 300 KB")
    assert counts == []


def test_one_is_told_of_each_thousand_files(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for number in range(2500):
        (tmp_path / "source" / str(number)).touch()
    counts: list[int] = []
    copy(tmp_path / "source", tmp_path / "target", progress=counts.append)
    assert counts == [1000, 2000]


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    os.mkfifo(tmp_path / "source" / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "source" / "socket"))
        copy(tmp_path / "source", tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []


def test_what_is_gone_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        copy(tmp_path / "gone", tmp_path / "copy")
    assert str(caught.value.filename) == str(tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


def test_an_error_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_text("x")
    (tmp_path / "target").mkdir()
    with pytest.raises(FileExistsError) as failed:
        copy(tmp_path / "source" / "a", tmp_path / "source" / "a")
    assert failed.value.filename == str(tmp_path / "source" / "a")


@pytest.fixture
def btrfs(tmp_path: Path) -> Iterator[Path]:
    """A small Btrfs; the test is skipped where none can be mounted."""
    image, place = tmp_path / "image", tmp_path / "btrfs"
    with image.open("wb") as file:
        file.truncate(200 << 20)
    place.mkdir()
    subprocess.run(["mkfs.btrfs", "-q", image], check=True)
    mounted = subprocess.run(["mount", "-o", "loop", image, place], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no Btrfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@needs("mkfs.btrfs", root=True)
def test_blocks_are_shared_where_the_file_system_can(btrfs: Path) -> None:
    source = tree(btrfs / "source")
    (source / "huge").write_bytes(os.urandom(100 << 20))  # twice that would not fit
    copied = copy(source, btrfs / "target")
    assert seen(btrfs / "target") == seen(source)
    assert copied.shared
    assert "share their blocks" in str(copied)


@needs("mkfs.btrfs", root=True)
def test_between_two_file_systems_bytes_are_copied(btrfs: Path, tmp_path: Path) -> None:
    source = tree(tmp_path / "source")
    copied = copy(source, btrfs / "target")
    assert seen(btrfs / "target") == seen(source)
    assert not copied.shared
