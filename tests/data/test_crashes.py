"""Whatever ends a maker or a server in between, the next maker leaves one whole database and nothing half made."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.data.connection import Connection
from router.data.kind import Order
from router.data.ledger import Ledger, Record
from router.data.making import Failure, Made, Work, drop, make
from router.data.postgres.kind import Postgres
from router.values import dataclass, replace
from tests.data import killed
from tests.data.servers import PostgresServer, account, directory, postgres, programs
from tests.data.shops import Shop, failed, shop
from tests.disks import fill, small_disk
from tests.needs import needs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def app(server: PostgresServer, tmp_path: Path) -> Shop:
    return shop(server, tmp_path / "state")


@pytest.mark.parametrize("in_use", [False, True], ids=["quiet", "in-use"])
def test_a_maker_that_is_killed_at_any_step_is_followed_up(app: Shop, tmp_path: Path, in_use: bool) -> None:
    first = 1 + in_use + 2 * app.server.programs.is_relative_to("/usr")  # each time other steps
    url = app.server.url(app.name)
    command = _command(app, tmp_path, first)
    with app.server.session(app.name if in_use else "postgres"):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        steps = done.stdout.split()
        assert len(steps) > 5
        for step in steps:
            work = killed.work(tmp_path / step, url, app.name, app.server.programs)
            outcome = make(work)
            assert isinstance(outcome, Made), (step, outcome)
            assert app.rows(outcome.record.name) == ["a", "b", "c"]
    halves = {record.half_made for step in steps for record in _work(app, tmp_path, step).ledger.records()}
    assert app.server.databases() & halves == set()
    assert app.databases() == {"", *(f"_{step}{end}" for step in steps for end in ("", "_template"))}
    assert not [*tmp_path.rglob("work/*")]


def _command(app: Shop, tmp_path: Path, first: int) -> list[str]:
    arguments = [str(tmp_path), app.server.url(app.name), app.name, str(app.server.programs), f"{first}"]
    return [sys.executable, "-m", "tests.data.killed", *arguments]


def _work(app: Shop, tmp_path: Path, step: str) -> Work:
    return killed.work(tmp_path / step, app.server.url(app.name), app.name, app.server.programs)


def test_a_maker_that_is_killed_at_any_step_is_cleared_away(postgres15: PostgresServer, tmp_path: Path) -> None:
    app = shop(postgres15, tmp_path / "state")
    done = subprocess.run(_command(app, tmp_path, 8), cwd=ROOT, capture_output=True, text=True, check=True)
    halves = set()
    for step in done.stdout.split():
        work = _work(app, tmp_path, step)
        for record in work.ledger.records():
            halves.add(record.half_made)
            assert drop(work.ledger, work.kind, work.connection, record) is None
        assert work.ledger.records() == ()
    assert app.databases() == {""}
    assert app.server.databases() & halves == set()


def test_four_makers_at_once_make_one_database(app: Shop) -> None:
    outcomes: list[Made | Failure] = []
    makers = [threading.Thread(target=lambda: outcomes.append(make(app.work))) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert {outcome.record.oid for outcome in outcomes if isinstance(outcome, Made)} == {
        app.server.psql("postgres", f"SELECT oid FROM pg_database WHERE datname = '{app.name}_x'")[0]
    }
    assert not [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert app.databases() == {"", "_template", "_x"}


@dataclass(frozen=True)
class Overtaken(Postgres):
    """A kind whose resource is dropped by somebody else between the maker's intent and its first statement."""

    ledger: Ledger | None = None

    def make(self, connection: Connection, record: Record, order: Order) -> str:
        """Have the intent be dropped, once the template is there, and make it all the same."""
        if not record.is_template:
            assert self.ledger
            assert drop(self.ledger, Postgres(), connection, record) is None
        return super().make(connection, record, order)


def test_what_is_dropped_before_it_is_made_is_not_left(app: Shop) -> None:
    failure = failed(make(replace(app.work, kind=Overtaken(ledger=app.work.ledger))))
    assert (failure.cause, failure.hint) == ("busy", "it is tried again")
    assert app.databases() == {"", "_template"}
    assert make(app.work)
    assert app.databases() == {"", "_template", "_x"}


def test_five_worktrees_at_once_have_one_template(app: Shop) -> None:
    outcomes: list[Made | Failure] = []
    makers = [threading.Thread(target=lambda n=n: outcomes.append(make(app.named(f"{n}")))) for n in range(5)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert not [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert app.databases() == {"", "_template", *(f"_{n}" for n in range(5))}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Shop]:
    """Give a shop in a server of this test alone."""
    with postgres("15") as server:
        yield shop(server, tmp_path)


def test_a_server_that_was_restarted_is_the_same(own: Shop) -> None:
    record = own.made().record
    own.server.stop()
    assert failed(drop(own.work.ledger, own.work.kind, own.work.connection, record)).cause == "down"
    own.server.start()
    assert own.made().record == record
    assert drop(own.work.ledger, own.work.kind, own.work.connection, record) is None
    assert own.databases() == {"", "_template"}


def test_a_server_whose_data_was_replaced_is_another_one(own: Shop, tmp_path: Path) -> None:
    record = own.made().record
    own.server.stop()
    own.server.initialise()
    own.server.start()
    own.server.psql("postgres", f"CREATE DATABASE {record.name} OWNER ann")
    assert failed(drop(own.work.ledger, own.work.kind, own.work.connection, record)).cause == "foreign"
    assert own.work.kind.describe(own.work.connection, record).state == "foreign"
    assert own.server.databases() == {record.name}


@needs("mount", root=True)
def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path) -> None:
    with directory() as base, small_disk(base / "disk", size="300m") as place:
        account().own(place)
        server = PostgresServer(place, programs("15", place))
        server.initialise()
        server.start()
        try:
            app = shop(server, tmp_path)
            server.psql(
                app.name, "INSERT INTO products SELECT repeat(md5(i::text), 60) FROM generate_series(1, 25000) i"
            )
            server.psql(app.name, "CHECKPOINT")
            ballast = fill(place)
            os.truncate(ballast, ballast.stat().st_size - (20 << 20))
            failure = failed(make(app.work))
            assert (failure.cause, "No space left" in failure.message) == ("full", True)
            assert app.databases() == {""}
            ballast.unlink()
            assert server.psql(app.made().record.name, "SELECT count(*) FROM products") == ["25003"]
        finally:
            server.stop(for_good=True)
