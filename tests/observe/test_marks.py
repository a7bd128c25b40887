"""Marks: what tells, by few questions, that one of many files has changed, has come, or is gone."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from router.observe.marks import Mark, compared, mark

LATER = time.time_ns() + 3600 * 10**9  # a moment at which all that these tests write has been there for long
FILES = (".env", ".env.local", ".claude/launch.json", ".config/mise/config.toml", "apps/", "link")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A worktree with one env file, and a link that leads nowhere."""
    root = tmp_path / "worktree"
    root.mkdir()
    (root / ".env").write_text("PORT=3000")
    (root / "link").symlink_to(tmp_path / "target")
    return root


def marked(root: Path) -> Mark:
    return mark((str(root), *(f"{root}/{name}" for name in FILES)), now=LATER)


def asked(before: Mark, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paths about which a comparison asks the system."""
    paths: list[str] = []
    real = os.stat
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda path: (paths.append(path), real(path))[1])
        assert compared(before, now=LATER) is before
    return paths


def test_files_that_are_absent_are_not_asked_about(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = marked(root)
    assert before.absent == tuple(f"{root}/{name}" for name in FILES[1:5])
    assert asked(before, monkeypatch) == [str(root), f"{root}/.env", f"{root}/link", f"{root}/"]


def write(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()


def replaced(root: Path) -> None:
    """Put a copy in a directory's place, with the times of what was there."""
    times = {each: each.lstat() for each in (root / ".env", root)}
    root.rename(root.parent / "aside")
    root.mkdir()
    (root / ".env").write_text("PORT=3000")
    (root / "link").symlink_to(root.parent / "target")
    for path, was in times.items():
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is written": lambda root: (root / ".env").write_text("PORT=3001"),
    "its permissions": lambda root: (root / ".env").chmod(0o600),
    "a file goes": lambda root: (root / ".env").unlink(),
    "a file comes": lambda root: (root / ".env.local").touch(),
    "a link that leads nowhere comes": lambda root: (root / ".env.local").symlink_to("nowhere"),
    "a directory comes": lambda root: (root / "apps").mkdir(),
    "a link's target comes": lambda root: (root.parent / "target").touch(),
    "a file comes in a new directory": lambda root: write(root / ".claude/launch.json"),
    "a file comes deep below": lambda root: write(root / ".config/mise/config.toml"),
    "the directory goes": lambda root: root.rename(root.parent / "aside"),
    "another takes its place": replaced,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_shows(root: Path, change: Callable[[Path], object]) -> None:
    before = marked(root)
    tick(root)
    change(root)
    assert compared(before, now=LATER) is None


def test_what_is_nobodys_business_is_no_change_and_files_that_come_afterwards_show(root: Path) -> None:
    before = marked(root)
    for name, file in ((".claude", "launch.json"), ("src", None), (".config", None), (".config/mise", "config.toml")):
        tick(root)
        (root / name).mkdir()
        (root / "README").write_text(name)
        after = compared(before, now=LATER)
        assert after is not None
        if file:
            tick(root)
            (root / name / file).touch()
            assert compared(after, now=LATER) is None
            (root / name / file).unlink()
        before = after


def test_a_directory_that_has_just_changed_is_not_trusted(root: Path) -> None:
    """Within one step of the file system's clock an entry may come that changes no time."""
    files = [f"{root}/{name}" for name in FILES]
    before = mark(files, now=soon(root))
    assert not before.settled
    was = root.stat()
    while root.stat().st_ctime_ns == was.st_ctime_ns:  # until an entry comes with the next step
        (root / "other").touch()
        (root / "other").unlink()
    young = mark(files, now=soon(root))
    assert not young.settled
    (root / ".env.local").touch()
    assert compared(young) is None


def test_the_root_of_the_file_system_is_a_directory_like_others() -> None:
    assert mark(["/no/such/file"], now=LATER).directories[-1][0] == "/"
    assert mark(["\0", "relative"], now=LATER).asked[0] == ("\0", None)


def soon(root: Path) -> int:
    """Return a moment soon after a directory has changed, however long ago that is by now."""
    return root.stat().st_ctime_ns + 10**9


def tick(root: Path) -> None:
    """Wait for the next step of the file system's clock."""
    probe = root.parent / "probe"
    probe.touch()
    began = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == began:
        probe.touch()
