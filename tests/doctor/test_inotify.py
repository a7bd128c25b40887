"""Linux's limits on watching files."""

import os
import sys
from pathlib import Path

import pytest

from router.doctor import inotify

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


def process(proc: Path, pid: int, **descriptors: int) -> None:
    """Make a process in a made-up /proc; of its descriptors those called inotify have so many watches."""
    (proc / f"{pid}/fd").mkdir(parents=True)
    (proc / f"{pid}/fdinfo").mkdir()
    for number, (kind, watches) in enumerate(descriptors.items()):
        (proc / f"{pid}/fd/{number}").symlink_to("anon_inode:inotify" if kind.startswith("inotify") else "/dev/null")
        (proc / f"{pid}/fdinfo/{number}").write_text("pos:\t0\n" + "inotify wd:1 ino:2\n" * watches)


def test_the_limits_of_this_machine_are_told() -> None:
    found = {limit.name: limit for limit in inotify.limits()}
    assert found.keys() == {"max_user_instances", "max_user_watches"}
    assert all(limit.value > 0 and limit.used is not None for limit in found.values())


def test_instances_and_watches_of_own_processes_are_counted(tmp_path: Path) -> None:
    process(tmp_path, 7, inotify_a=3, other=9, inotify_b=1)
    process(tmp_path, 8, other=5)
    (tmp_path / "9").mkdir()  # a process that has just ended
    (tmp_path / "self").mkdir()
    assert inotify.use(tmp_path) == (2, 4)
    assert inotify.use(tmp_path / "none") == (None, None)


def test_one_more_directory_can_be_watched_and_nothing_is_left_open() -> None:
    before = watches()
    assert inotify.used_up() is None
    assert watches() <= before  # threads of earlier tests may close theirs


def watches() -> int:
    """Return how many descriptors of this process watch files; other threads open and close files meanwhile."""
    targets = map(os.path.realpath, Path("/proc/self/fd").iterdir())
    return sum(target.endswith("inotify") for target in targets)
