"""SQLite files: copied whole while others write them, told from others, removed."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from router.data.connection import read
from router.data.kind import Order
from router.data.ledger import Ledger
from router.data.making import Made, Work, drop, make
from router.data.sqlite import Sqlite
from tests.data.shops import failed, wanted
from tests.disks import fill, small_disk
from tests.needs import needs

_WRITER = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
database.execute(f"PRAGMA journal_mode={sys.argv[2]}")
number = 0
while True:
    number += 1
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO one VALUES (?, ?)", (number, 'x' * 2000))
    database.execute("INSERT INTO two VALUES (?)", (number,))
    database.execute("COMMIT")
    if number == 20:
        print("writing", flush=True)
    time.sleep(0.002)
"""


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return made_in(tmp_path)


def made_in(place: Path) -> Work:
    """Make a main checkout's database, and a place for a worktree's."""
    for name in ("main", "tree"):
        (place / name).mkdir()
    with contextlib.closing(sqlite3.connect(place / "main/dev.db")) as database:
        database.executescript("CREATE TABLE one (n, t); CREATE TABLE two (n); INSERT INTO one VALUES (0, 'a')")
    connection = read("sqlite:///dev.db", directory=place / "main")
    name = str(place / "tree/dev.db")
    order = Order(work=place / "work", patience=20)
    return Work(wanted(name, kind="sqlite", template="yes"), Sqlite(), connection, Ledger(place / "state"), order)


def record_of(work: Work) -> Made:
    outcome = make(work)
    assert isinstance(outcome, Made), outcome
    return outcome


def rows(path: str | Path, table: str = "one") -> list[int]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [number for (number,) in database.execute(f"SELECT n FROM {table} ORDER BY n")]


@contextlib.contextmanager
def writer(path: str, mode: str) -> Iterator[None]:
    command = [sys.executable, "-c", _WRITER, path, mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "writing\n"
            yield
            assert process.poll() is None
        finally:
            process.send_signal(signal.SIGKILL)


def names(work: Work) -> list[str]:
    return sorted(path.name for path in Path(work.wanted.name).parent.iterdir())


def test_a_worktree_has_a_copy_of_its_own(work: Work) -> None:
    made = record_of(work)
    assert rows(made.record.name) == [0]
    with contextlib.closing(sqlite3.connect(made.record.name)) as database:
        database.execute("DROP TABLE one")
    assert rows(work.connection.database) == [0]
    assert record_of(work) == made
    assert names(work) == ["dev.db"]
    assert work.kind.url(work.connection, made.record.name) == f"sqlite:///{work.wanted.name}"
    assert work.kind.describe(work.connection, made.record).state == "ready"


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_copy_beside_a_writer_is_whole(work: Work, mode: str) -> None:
    with writer(work.connection.database, mode):
        made = record_of(work)
    assert len(rows(made.record.name)) >= 21
    assert rows(made.record.name)[1:] == rows(made.record.name, "two")
    assert names(work) == ["dev.db"]


@needs("mkfs.btrfs", "mount", root=True)
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_copy_that_shares_its_blocks_is_whole_too(tmp_path: Path, mode: str) -> None:
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(256 << 20)
    subprocess.run(["mkfs.btrfs", "-q", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted by a loop device")
    try:
        work = made_in(place)
        with writer(work.connection.database, mode):
            made = record_of(work)
        assert len(rows(made.record.name)) >= 21
        assert rows(made.record.name)[1:] == rows(made.record.name, "two")
        assert names(work) == ["dev.db"]
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_writer_that_never_ends_is_not_waited_for(work: Work) -> None:
    impatient = replace(work, order=replace(work.order, patience=0.5))
    with contextlib.closing(sqlite3.connect(work.connection.database, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        assert failed(make(impatient)).cause == "busy"
        assert names(work) == []
        database.execute("ROLLBACK")
    record_of(work)


def test_a_file_that_is_there_already_is_left(work: Work) -> None:
    Path(work.wanted.name).write_text("mine")
    assert failed(make(work)).cause == "foreign"
    [intent] = work.ledger.records()
    assert drop(work.ledger, work.kind, work.connection, intent) is None
    assert Path(work.wanted.name).read_text() == "mine"


def test_it_is_removed_with_what_is_beside_it(work: Work) -> None:
    record = record_of(work).record
    for end in ("-wal", "-shm", "-journal"):
        Path(f"{record.name}{end}").touch()
    assert drop(work.ledger, work.kind, work.connection, record) is None
    assert names(work) == []
    assert rows(work.connection.database) == [0]
    assert work.ledger.records() == ()


def test_one_that_was_replaced_is_left(work: Work) -> None:
    record = record_of(work).record
    Path(record.name).rename(f"{record.name}.kept")
    Path(record.name).write_text("another")
    assert failed(drop(work.ledger, work.kind, work.connection, record)).cause == "foreign"
    assert names(work) == ["dev.db", "dev.db.kept"]


def test_one_that_is_open_is_left_and_who_has_it_is_said(work: Work) -> None:
    record = record_of(work).record
    with writer(record.name, "wal"):
        failure = failed(drop(work.ledger, work.kind, work.connection, record))
        assert work.kind.describe(work.connection, record).sessions
    assert (failure.cause, "session" in failure.message) == ("busy", True)
    assert drop(work.ledger, work.kind, work.connection, record) is None


def test_what_is_missing_or_too_big_or_no_database_is_said(work: Work) -> None:
    big = replace(work, order=replace(work.order, largest=100))
    assert failed(make(big)).cause == "too-big"
    Path(work.connection.database).write_bytes(b"no database" * 1000)
    assert failed(make(work)).cause == "failed"
    Path(work.connection.database).unlink()
    assert failed(make(work)).cause == "down"
    assert names(work) == []


@needs("mount", root=True)
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    work = made_in(tmp_path)
    with contextlib.closing(sqlite3.connect(work.connection.database)) as database:
        database.execute("INSERT INTO one VALUES (1, zeroblob(500000))")
        database.commit()
    with small_disk(tmp_path / "disk") as place:
        full = replace(work, wanted=replace(work.wanted, name=str(place / "dev.db")))
        ballast = fill(place)
        assert failed(make(full)).cause == "full"
        assert [*place.iterdir()] == [ballast]


@pytest.mark.parametrize("step", range(3))
def test_a_maker_that_is_killed_is_followed_up(work: Work, step: int) -> None:
    if (pid := os.fork()) == 0:
        ledger = _Killed(work.ledger.file.parent, step)
        make(replace(work, ledger=ledger))
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    if step == 2:
        drop(work.ledger, work.kind, work.connection, work.ledger.records()[0])
        assert names(work) == []
    assert rows(record_of(work).record.name) == [0]
    assert names(work) == ["dev.db"]


class _Killed(Ledger):
    """A ledger whose process is killed before its first, second or third change is written."""

    def __init__(self, directory: Path, step: int) -> None:
        super().__init__(directory)
        self._left = step

    def _write(self, document: object) -> None:
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        super()._write(document)  # type: ignore[arg-type]
