"""Files: every byte comes back, nothing makes a reader wait, and a failed write leaves what was there."""

import errno
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from router import files
from router.errors import FileError
from tests.disks import fill, small_disk


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Reading


def test_a_file_comes_back_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 200_000)
    assert files.read_bounded(path, limit=200_000) == b"x" * 200_000
    with pytest.raises(FileError, match="cannot be read: it is larger than 195 KiB") as caught:
        files.read_bounded(path, limit=199_999)
    assert caught.value.reason == "it is larger than 195 KiB"
    assert caught.value.hint == "make it smaller"


@pytest.mark.parametrize(("limit", "named"), [(5, "5 bytes"), (1 << 16, "64 KiB"), (16 << 20, "16 MiB")])
def test_a_sparse_file_of_a_terabyte_is_refused_by_its_size(tmp_path: Path, limit: int, named: str) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FileError, match=f"larger than {named}$"):
        files.read_bounded(path, limit=limit)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_file_that_is_longer_than_it_says_is_bounded_too() -> None:
    assert b"Linux" in (files.read_bounded(Path("/proc/version"), limit=4096) or b"")
    with pytest.raises(FileError, match="larger than 10 bytes"):
        files.read_bounded(Path("/proc/version"), limit=10)


@pytest.mark.parametrize("parent", ["", "file/"])
def test_a_file_that_is_not_there_is_none(tmp_path: Path, parent: str) -> None:
    (tmp_path / "file").write_text("")
    assert files.read_bounded(tmp_path / f"{parent}none", limit=10) is None
    assert files.text(tmp_path / f"{parent}none") is None


@pytest.mark.parametrize("kind", ["fifo", "directory", "socket", "device", "link to a fifo"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(path))
    elif kind == "device":
        path = Path("/dev/tty")
    else:
        os.mkfifo(tmp_path / "fifo")
        path.symlink_to("fifo")
    with pytest.raises(FileError, match="it is not a regular file"):
        files.read_bounded(path, limit=100)


def test_a_fifo_that_comes_in_a_file_s_place_never_makes_a_reader_wait(tmp_path: Path) -> None:
    path, file, fifo = tmp_path / "x", tmp_path / "file", tmp_path / "fifo"
    file.write_bytes(b"text")
    os.mkfifo(fifo)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for target in (file, fifo):
                link = tmp_path / "link"
                link.symlink_to(target)
                link.replace(path)

    path.symlink_to(file)
    thread = threading.Thread(target=swap, daemon=True)
    thread.start()
    try:
        read, refused, deadline = 0, 0, time.monotonic() + 60
        while read + refused < 3000 or not (read and refused):  # a busy machine lets one of the two run for long
            assert time.monotonic() < deadline
            try:
                assert files.read_bounded(path, limit=100) == b"text"
                read += 1
            except FileError:
                refused += 1
    finally:
        stop.set()
        thread.join()


def test_a_link_is_followed_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"x")
    link = tmp_path / "link"
    link.symlink_to("target")
    assert files.read_bounded(link, limit=1) == b"x"
    with pytest.raises(FileError, match="it is a link"):
        files.read_bounded(link, limit=1, follow_links=False)


def test_a_loop_of_links_and_an_impossible_name_are_said(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    for path in (tmp_path / "a", tmp_path / "a\0b", tmp_path / ("x" * 300)):
        with pytest.raises(FileError, match="cannot be read: "):
            files.read_bounded(path, limit=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_a_file_that_may_not_be_read_is_said_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("x")
    path.chmod(0)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        parent.chmod(parent.stat().st_mode | 0o011)
    script = (
        "import os, sys; from pathlib import Path; from router import files; from router.errors import FileError\n"
        "os.setuid(12345)\n"
        "try: files.read_bounded(Path(sys.argv[1]), limit=9)\n"
        "except FileError as exc: print(exc.reason, '|', exc.hint)"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert done.stdout == "Permission denied | fix its permissions, or those of its directory\n", done.stderr


# Texts of the user's


def test_every_byte_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a\r\nb\xff\x00\n")
    text = files.text(path)
    assert text is not None
    files.write(path, text)
    assert path.read_bytes() == b"a\r\nb\xff\x00\n"
    assert names(tmp_path) == ["f"]


def test_the_mode_stays_and_a_new_file_gets_its_own(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("")
    old.chmod(0o640)
    before = os.umask(0o077)
    try:
        files.write(old, "x")
        files.write(new, "x", mode=0o666)
    finally:
        os.umask(before)
    assert (mode(old), mode(new)) == (0o640, 0o666)


@pytest.mark.parametrize("made", ["link", "dangling", "directory", "fifo"])
def test_only_regular_files_are_read_and_written(tmp_path: Path, made: str) -> None:
    target, path = tmp_path / "target", tmp_path / "path"
    target.write_text("another worktree's")
    if made == "directory":
        path.mkdir()
    elif made == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(target if made == "link" else tmp_path / "gone")
    with pytest.raises(FileError, match=r"cannot be written: it is (a link|not a regular file)") as caught:
        files.write(path, "x")
    assert caught.value.hint == "put a regular file in its place"
    with pytest.raises(FileError, match=r"cannot be read: it is (a link|not a regular file)"):
        files.text(path)
    assert target.read_text() == "another worktree's"
    assert names(tmp_path) == ["path", "target"]


# Replacing


def test_a_file_is_replaced_whatever_it_was(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("stays")
    link.symlink_to(target)
    files.replace(link, "new\udcff")
    assert (link.is_symlink(), link.read_bytes(), mode(link)) == (False, b"new\xff", 0o600)
    assert target.read_text() == "stays"


@pytest.mark.parametrize("durable", [True, False])
def test_only_what_must_survive_a_power_loss_is_forced_to_the_disk(
    tmp_path: Path, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []  # sizes: nothing is left in Python's own buffer
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    files.replace(tmp_path / "x", "text", durable=durable)
    assert synced == [4] * durable


def test_a_directory_that_takes_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be written: No such file or directory"):
        files.write(tmp_path / "gone" / "f", "x")


def test_a_text_that_no_file_holds_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(FileError, match=r"cannot be written: .*surrogates"):
        files.replace(path, "\ud800")
    assert (path.read_text(), names(tmp_path)) == ("old", ["x"])


@pytest.mark.parametrize("durable", [True, False])
def test_a_full_disk_leaves_the_old_file_and_is_said(tmp_path: Path, durable: bool) -> None:
    with small_disk(tmp_path / "disk") as disk:
        path = disk / "x"
        path.write_text("old")
        ballast = fill(disk)
        with pytest.raises(FileError, match="x cannot be written: No space left on device") as caught:
            files.replace(path, "new" * 5000, durable=durable)
        assert caught.value.hint == "free some space and try again"
        assert (path.read_text(), names(disk)) == ("old", ["ballast", "x"])
        ballast.unlink()
        files.replace(path, "new" * 5000, durable=durable)
        assert path.read_text() == "new" * 5000


def test_a_full_disk_keeps_a_user_s_file_too(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        path = disk / ".env.local"
        path.write_text("SECRET=1\n")
        fill(disk)
        with pytest.raises(FileError) as caught:
            files.write(path, "SECRET=1\n" + "A=1\n" * 2000)
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == errno.ENOSPC
        assert (path.read_text(), names(disk)) == ("SECRET=1\n", [".env.local", "ballast"])


@pytest.mark.parametrize("kind", ["file", "tree", "link", "nothing"])
def test_what_an_interrupted_block_made_beside_is_removed(tmp_path: Path, kind: str) -> None:
    def fail() -> None:
        with files.beside(tmp_path / "x") as temporary:
            assert temporary.parent == tmp_path
            if kind == "tree":
                (temporary / "deep").mkdir(parents=True)
            elif kind == "link":
                temporary.symlink_to(tmp_path.parent)
            elif kind == "file":
                temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert names(tmp_path) == []
    assert tmp_path.parent.is_dir()


def test_a_long_name_can_be_written_beside(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    files.replace(path, "new")
    assert path.read_text() == "new"


def test_two_threads_may_replace_one_file(tmp_path: Path) -> None:
    texts = ["a" * 100_000, "b" * 100_000]

    def many(text: str) -> None:
        for _ in range(50):
            files.replace(tmp_path / "x", text)
            assert (tmp_path / "x").read_text() in texts

    threads = [threading.Thread(target=many, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(tmp_path) == ["x"]


# Private directories


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_missing_parents_are_private_too_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files.make_private_directory(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert [mode(tmp_path / path) for path in ("a", "a/b", "a/b/c")] == [0o700] * 3


def test_directories_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o755)
    files.make_private_directory(tmp_path / "a" / "b")
    files.make_private_directory(tmp_path / "a")
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o755, 0o700)


def test_a_private_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    for path, reason in (("file", "File exists"), ("file/x", "Not a directory"), ("dangling/x/y", "File exists")):
        with pytest.raises(FileError, match=f"cannot be created: {reason}"):
            files.make_private_directory(tmp_path / path)
