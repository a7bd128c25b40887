"""What is kept of worktrees that sleep or are pinned."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from router.model import WorktreeId
from router.sleep import kept
from router.sleep.kept import Note
from router.store import Store

ONE, TWO = WorktreeId("/r/.git", "one", 1), WorktreeId("/r/.git", "two", 2)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "state")
    made.prepare()
    return made


def test_a_note_is_kept_until_it_is_forgotten(store: Store) -> None:
    assert kept.notes(store) == ()
    note = Note(ONE, "/r.one", ("web", "api"), 1000.5, 640_000_000, "nobody used it")
    kept.write(store, note)
    kept.write(store, replace(note, worktree=TWO, path="/r.a"))
    assert [each.path for each in kept.notes(store)] == ["/r.a", "/r.one"]
    kept.write(store, replace(note, done=True))
    assert kept.note(store, ONE) == replace(note, done=True)
    kept.forget(store, ONE)
    kept.forget(store, ONE)
    assert kept.note(store, ONE) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"worktree": 3}', "[" * 100_000, "\0"])
def test_what_cannot_be_read_is_no_note(store: Store, text: str) -> None:
    kept.write(store, Note(ONE, "/r.one", ("web",), 1.0, 1, ""))
    [file] = (store.directory / "sleep").iterdir()
    file.write_text(text)
    assert kept.notes(store) == ()


def test_a_pin_stays_until_it_is_taken_off(store: Store) -> None:
    assert not kept.is_pinned(store, ONE)
    kept.pin(store, ONE)
    kept.pin(store, ONE)
    assert kept.is_pinned(Store(store.directory), ONE)
    assert not kept.is_pinned(store, replace(ONE, created=2))  # a later worktree of the same name
    assert kept.unpin(store, ONE)
    assert not kept.unpin(store, ONE)
    assert not kept.is_pinned(store, ONE)


def test_a_command_is_noted_by_when_it_began(store: Store) -> None:
    assert kept.last_run(store, ONE) is None
    before = time.time()
    kept.ran(store, ONE)
    first = kept.last_run(store, ONE)
    assert first
    assert before - 1 <= first <= time.time() + 1
    for file in (store.directory / "sleep").iterdir():
        os.utime(file, (1, 1))
    kept.ran(store, ONE)
    assert (kept.last_run(store, ONE) or 0) > 1


def test_what_is_kept_is_for_its_owner_alone_and_goes_with_the_worktree(store: Store) -> None:
    kept.write(store, Note(ONE, "/r.one", ("web",), 1.0, 1, ""))
    kept.pin(store, ONE)
    kept.ran(store, ONE)
    folder = store.directory / "sleep"
    assert {file.stat().st_mode & 0o077 for file in (folder, *folder.iterdir())} == {0}
    kept.forget_everything(store, ONE)
    assert list(folder.iterdir()) == []
