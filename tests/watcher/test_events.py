"""Which events are worth a look."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.events import FileModifiedEvent, FileMovedEvent

from router.watcher.events import MOST, Wake, Watch
from tests.e2e.routers import wait_until
from tests.hangs import hung_disk


@pytest.fixture
def woken() -> Iterator[tuple[Watch, threading.Event]]:
    event = threading.Event()
    watch = Watch(event.set)
    watch.start()
    yield watch, event
    watch.close()


def follow(watch: Watch, *directories: Path) -> None:
    wait_until(lambda: watch.follow(map(str, directories)), what="they are not followed")


@pytest.mark.parametrize("name", ["HEAD", "gitdir", "locked", ".env.local", "worktrees", "router.toml"])
def test_an_event_of_what_matters_wakes(name: str) -> None:
    event = threading.Event()
    Watch(event.set).dispatch(FileModifiedEvent(f"/r/.git/{name}"))
    assert event.is_set()


@pytest.mark.parametrize(
    "name",
    ["index", "index.lock", "HEAD.lock", "ORIG_HEAD", "COMMIT_EDITMSG", "FETCH_HEAD", "packed-refs", ".env~", "a.swp"],
)
def test_an_event_of_commits_fetches_and_editors_wakes_nobody(name: str) -> None:
    event = threading.Event()
    Watch(event.set).dispatch(FileModifiedEvent(f"/r/.git/{name}"))
    assert not event.is_set()


def test_a_lock_that_becomes_head_wakes() -> None:
    event = threading.Event()
    Watch(event.set).dispatch(FileMovedEvent("/r/.git/HEAD.lock", "/r/.git/HEAD"))
    assert event.is_set()


def test_a_change_in_a_followed_directory_wakes(tmp_path: Path, woken: tuple[Watch, threading.Event]) -> None:
    watch, event = woken
    follow(watch, tmp_path, tmp_path / "nothing")
    (tmp_path / "HEAD").write_text("x")
    assert event.wait(20)


def test_reading_in_a_followed_directory_wakes_nobody(tmp_path: Path, woken: tuple[Watch, threading.Event]) -> None:
    watch, event = woken
    (tmp_path / "HEAD").write_text("x")
    follow(watch, tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["x"]
    assert not event.wait(0.2)


def test_a_directory_that_is_followed_no_more_wakes_nobody(
    tmp_path: Path, woken: tuple[Watch, threading.Event]
) -> None:
    watch, event = woken
    follow(watch, tmp_path)
    follow(watch)
    (tmp_path / "HEAD").write_text("x")
    assert not event.wait(0.2)


def test_a_directory_that_was_created_again_is_followed_again(
    tmp_path: Path, woken: tuple[Watch, threading.Event]
) -> None:
    watch, event = woken
    place = tmp_path / "worktrees"
    place.mkdir()
    follow(watch, place)
    place.rename(tmp_path / "away")
    place.mkdir()
    follow(watch, place)
    time.sleep(0.1)
    event.clear()
    (place / "x").mkdir()
    assert event.wait(20)


def test_what_is_beyond_the_limit_is_left_to_the_signatures(tmp_path: Path) -> None:
    followed = Watch(lambda: None)
    followed.start()
    for number in range(MOST + 2):
        (tmp_path / str(number)).mkdir()
    follow(followed, *(tmp_path / str(number) for number in range(MOST + 2)))
    assert len(followed._followed) == MOST
    followed.close()


def test_a_disk_that_hangs_is_followed_later_and_holds_up_nobody(tmp_path: Path) -> None:
    woken, far = threading.Event(), tmp_path / "far"
    watch = Watch(woken.set)
    watch.start()
    far.mkdir()
    with hung_disk(far):
        assert not watch.follow([str(far)])
        assert not watch.follow([str(tmp_path)])
    assert woken.wait(60), "nobody is told that it goes on"
    follow(watch, tmp_path)
    woken.clear()
    (tmp_path / "HEAD").write_text("x")
    assert woken.wait(60)
    watch.close()


def test_a_watch_ends_while_a_disk_hangs(tmp_path: Path) -> None:
    watch = Watch(lambda: None)
    watch.start()
    with hung_disk(tmp_path):
        assert not watch.follow([str(tmp_path)])
        watch.close()


# Waking


def test_who_is_woken_before_waiting_does_not_wait() -> None:
    wake = Wake()
    wake.set()
    wake.set()
    assert wake.wait(5)
    assert not wake.wait(0)
    wake.close()


def test_a_thousand_calls_are_one() -> None:
    wake = Wake()
    for _ in range(100_000):
        wake.set()
    assert wake.wait(0)
    assert not wake.wait(0)
    wake.close()
