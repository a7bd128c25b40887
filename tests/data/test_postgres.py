"""PostgreSQL, with real servers: databases are made, found, told from others and dropped."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from router.data.connection import read
from router.data.ledger import Ledger
from router.data.making import Made, Work, drop, make, refresh
from router.model import WorktreeId
from tests.data.servers import PostgresServer
from tests.data.shops import Shop, failed, shop
from tests.e2e.routers import wait_until


@pytest.fixture
def app(server: PostgresServer, tmp_path: Path) -> Shop:
    return shop(server, tmp_path)


def test_a_worktree_has_a_copy_of_its_own(app: Shop) -> None:
    made = app.made()
    assert made.record.ready
    assert app.rows(f"{app.name}_x") == ["a", "b", "c"]
    app.server.psql(f"{app.name}_x", "DROP TABLE products", user="ann")
    assert app.rows(app.name) == ["a", "b", "c"]
    assert app.databases() == {"", "_template", "_x"}
    assert app.work.kind.url(app.work.connection, made.record.name) == app.server.url(f"{app.name}_x")


def test_what_is_made_is_found_made(app: Shop) -> None:
    first, again = app.made(), app.made()
    assert first.record == again.record
    assert app.work.kind.describe(app.work.connection, first.record).state == "ready"


def test_an_empty_one_has_nothing_in_it(app: Shop) -> None:
    app.made("empty", template="")
    assert app.server.psql(f"{app.name}_empty", "SELECT count(*) FROM pg_class WHERE relname = 'products'") == ["0"]
    assert app.databases() == {"", "_empty"}


def test_it_is_dropped_and_nothing_else(app: Shop) -> None:
    record = app.made().record
    app.made("y")
    assert drop(app.work.ledger, app.work.kind, app.work.connection, record) is None
    assert app.databases() == {"", "_template", "_y"}
    assert record not in app.work.ledger.records()
    assert drop(app.work.ledger, app.work.kind, app.work.connection, record) is None


def test_a_template_is_refreshed_when_main_has_changed(app: Shop) -> None:
    first = app.made("one")
    app.server.psql(app.name, "INSERT INTO products VALUES ('d')", user="ann")
    second = app.made("two")
    assert app.rows(f"{app.name}_two") == ["a", "b", "c", "d"]
    assert app.rows(f"{app.name}_one") == ["a", "b", "c"]
    assert first.template is not None
    assert second.template is not None
    assert first.template.oid != second.template.oid
    assert app.made("three").template == second.template
    assert app.databases() == {"", "_template", "_one", "_two", "_three"}


def test_main_is_copied_while_somebody_uses_it_and_lives_on(app: Shop) -> None:
    with app.server.session(app.name):
        made = app.made()
    assert made.template is not None
    assert app.rows(f"{app.name}_x") == ["a", "b", "c"]
    assert app.databases() == {"", "_template", "_x"}


def test_a_template_is_as_old_as_it_may_be_while_main_is_in_use(app: Shop) -> None:
    app.made("one")
    app.server.psql(app.name, "INSERT INTO products VALUES ('d')", user="ann")
    with app.server.session(app.name):
        young = app.made("two")
        assert (app.rows(f"{app.name}_two"), young.refresh_due) == (["a", "b", "c"], False)
        old = app.made("three", refresh=0.0)
        assert old.refresh_due
        refreshed = refresh(app.work)
        assert not failed_or_none(refreshed)
        app.made("four")
    assert app.rows(f"{app.name}_four") == ["a", "b", "c", "d"]
    assert app.databases() == {"", "_template", "_one", "_two", "_three", "_four"}


def failed_or_none(outcome: object) -> str:
    return getattr(outcome, "message", "")


def test_a_database_without_the_usual_one_beside_it_is_made_too(app: Shop) -> None:
    app.server.psql("template1", "ALTER DATABASE postgres RENAME TO elsewhere")
    try:
        made = app.made()
    finally:
        app.server.psql("template1", "ALTER DATABASE elsewhere RENAME TO postgres")
    assert made.record.name in app.server.databases()


def test_nobody_is_connected_to_a_template(app: Shop) -> None:
    app.made()
    said = app.server.psql("postgres", f"SELECT datallowconn FROM pg_database WHERE datname = '{app.name}_template'")
    assert said == ["f"]


def test_settings_of_the_database_come_along(app: Shop) -> None:
    app.server.psql(app.name, f"ALTER DATABASE {app.name} SET search_path = '$user', public, extra")
    app.server.psql(app.name, f"ALTER DATABASE {app.name} SET lock_timeout = '7s'")
    app.server.psql(app.name, f"ALTER DATABASE {app.name} SET log_statement = 'all'")  # a superuser's
    app.made()
    shown = app.server.psql(f"{app.name}_x", "SHOW search_path; SHOW lock_timeout; SHOW log_statement")
    assert shown == ['"$user", public, extra', "7s", "none"]


def test_one_that_is_in_use_is_not_dropped_and_its_user_named(app: Shop) -> None:
    record = app.made().record
    with app.server.session(record.name):
        failure = failed(drop(app.work.ledger, app.work.kind, app.work.connection, record))
        described = app.work.kind.describe(app.work.connection, record)
    assert failure.cause == "busy"
    assert "devserver (session " in failure.message
    assert [each.application for each in described.sessions] == ["devserver"]
    assert record in app.work.ledger.records()


def test_an_impostor_under_an_old_name_is_left(app: Shop) -> None:
    record = app.made().record
    app.server.psql("postgres", f"DROP DATABASE {record.name}")
    app.server.psql("postgres", f"CREATE DATABASE {record.name} OWNER ann")
    app.server.psql("postgres", f"COMMENT ON DATABASE {record.name} IS '{record.mark}'")  # as pg_restore -C writes it
    assert failed(drop(app.work.ledger, app.work.kind, app.work.connection, record)).cause == "foreign"
    assert not app.work.kind.is_ours(app.work.connection, record)
    assert app.work.kind.describe(app.work.connection, record).state == "foreign"
    assert failed(make(app.work)).cause == "foreign"
    assert app.databases() == {"", "_template", "_x"}


def test_one_that_was_renamed_is_left(app: Shop) -> None:
    record = app.made().record
    app.server.psql("postgres", f"ALTER DATABASE {record.name} RENAME TO {app.name}_kept")
    assert drop(app.work.ledger, app.work.kind, app.work.connection, record) is None
    assert app.databases() == {"", "_template", "_kept"}


def test_one_that_was_there_before_is_left(app: Shop) -> None:
    app.server.psql("postgres", f"CREATE DATABASE {app.name}_x OWNER ann")
    failure = failed(make(app.work))
    assert (failure.cause, f"{app.name}_x" in failure.message) == ("foreign", True)
    [intent] = [each for each in app.work.ledger.records() if not each.is_template]
    assert drop(app.work.ledger, app.work.kind, app.work.connection, intent) is None
    assert app.databases() == {"", "_template", "_x"}


def test_a_template_of_somebody_else_is_left(app: Shop) -> None:
    app.server.psql("postgres", f"CREATE DATABASE {app.name}_template OWNER ann")
    assert failed(make(app.work)).cause == "foreign"
    assert app.databases() == {"", "_template"}


def test_the_main_checkouts_own_is_never_made_nor_dropped(app: Shop) -> None:
    record = app.made().record
    itself = replace(app.work, wanted=replace(app.work.wanted, name=app.name))
    assert failed(make(itself)).cause == "foreign"
    as_main = read(app.server.url(record.name), directory=Path("/"))
    assert failed(drop(app.work.ledger, app.work.kind, as_main, record)).cause == "foreign"
    assert app.databases() == {"", "_template", "_x"}


def test_another_ledgers_database_is_not_ours(app: Shop, tmp_path: Path) -> None:
    app.made()
    other = replace(app.work, ledger=Ledger(tmp_path / "other"))
    assert failed(make(other)).cause == "foreign"


@pytest.mark.parametrize(
    ("changes", "cause", "said"),
    [
        ({"user": "bob"}, "denied", "ALTER DATABASE|CREATEDB"),
        ({"password": "wrong"}, "wrong-credentials", "correct the user and password"),
        ({"user": "nobody"}, "wrong-credentials", "correct the user and password"),
    ],
)
def test_what_a_user_may_not_do_is_said_with_the_next_step(
    app: Shop, changes: dict[str, str], cause: str, said: str
) -> None:
    connection = read(app.server.url(app.name, **changes), directory=Path("/"))
    failure = failed(make(replace(app.work, connection=connection)))
    assert failure.cause == cause
    assert any(each in failure.hint for each in said.split("|"))
    assert "s3cr3t" not in failure.message + failure.hint
    assert app.databases() == {""}


def test_a_server_that_is_down_or_elsewhere_is_said(app: Shop, tmp_path: Path) -> None:
    gone = read("postgres://ann:s3cr3t@127.0.0.1:9/shop", directory=tmp_path)
    failure = failed(make(replace(app.work, connection=gone)))
    assert (failure.cause, "127.0.0.1:9" in failure.message) == ("down", True)
    away = read("postgres://ann:s3cr3t@db.example.com/shop", directory=tmp_path)
    assert failed(make(replace(app.work, connection=away))).cause == "elsewhere"


def test_what_is_too_big_is_not_copied(app: Shop) -> None:
    failure = failed(make(replace(app.work, order=replace(app.work.order, largest=1_000_000))))
    assert failure.cause == "too-big"
    assert app.databases() == {""}


def test_without_the_servers_own_programs_one_in_use_is_not_copied(app: Shop, tmp_path: Path) -> None:
    bare = replace(app.work, order=replace(app.work.order, tools=(tmp_path,)))
    with app.server.session(app.name):
        assert failed(make(bare)).cause == "tool-missing"
        assert app.databases() == {""}
    app.made()
    assert app.databases() == {"", "_template", "_x"}


@pytest.mark.parametrize("name", ["", "x" * 64, "é" * 32, "a\0b"])
def test_a_name_that_another_would_be_taken_for_is_refused(app: Shop, name: str) -> None:
    assert failed(make(replace(app.work, wanted=replace(app.work.wanted, name=name)))).cause == "failed"
    assert app.databases() == {"", "_template"}


def test_any_other_name_is_taken_as_it_is(app: Shop) -> None:
    name = f'{app.name}_"; DROP DATABASE {app.name}; -- é\\'
    work = replace(app.work, wanted=replace(app.work.wanted, name=name, path="/it's \\ here"))
    assert not failed_or_none(make(work))
    assert name in app.server.databases()


def test_what_a_worktree_that_is_there_has_is_no_other_s(app: Shop, tmp_path: Path) -> None:
    work = app.named("x")
    first = make(replace(work, wanted=replace(work.wanted, path=str(tmp_path))))
    other = replace(work.wanted, worktree=WorktreeId("/r/.git", "again", 3), path="/r.again")
    assert isinstance(first, Made)
    third = replace(other, worktree=WorktreeId("/r/.git", "third", 4))
    refused = make(replace(work, wanted=third))
    assert failed(refused).cause == "foreign"
    taken = make(replace(work, wanted=replace(other, path=str(tmp_path))))
    assert isinstance(taken, Made)
    assert (taken.record.oid, taken.record.worktree) == (first.record.oid, other.worktree)


@pytest.mark.parametrize("half", [False, True], ids=["refused", "half-made"])
def test_what_was_refused_while_another_worktree_was_there_is_taken_over_when_that_is_gone(
    app: Shop, tmp_path: Path, half: bool
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    first = made(app.named("x", path=str(there)))
    again = app.named("x", worktree=WorktreeId("/r/.git", "again", 3), path="/r.again")
    assert failed(make(again)).cause == "foreign"
    [intent] = [each for each in again.ledger.records() if each.worktree.admin == "again"]
    if half:
        app.server.psql("postgres", f"CREATE DATABASE {intent.half_made} OWNER ann")
    there.rmdir()
    taken = made(again)
    assert (taken.record.oid, taken.record.worktree) == (first.record.oid, intent.worktree)
    assert app.databases() == {"", "_template", "_x"}
    assert intent.half_made not in app.server.databases()
    assert [each for each in again.ledger.records() if not each.is_template] == [taken.record]


def made(work: Work) -> Made:
    outcome = make(work)
    assert isinstance(outcome, Made), outcome
    return outcome


@pytest.mark.parametrize("in_use", [False, True], ids=["quiet", "in-use"])
def test_a_database_and_its_template_are_made_in_one_session(app: Shop, in_use: bool) -> None:
    before = _sessions(app)
    with app.server.session(app.name) if in_use else contextlib.nullcontext():
        app.made()
        app.made("y")
    assert _sessions(app) - before == 2


def _sessions(app: Shop) -> int:
    """Return how many sessions have been opened, and have ended, in the database from which the router works."""
    ended = "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'postgres'"
    wait_until(lambda: app.server.psql("template1", ended) == ["t"], what="the sessions end")
    return int(app.server.psql("template1", "SELECT sessions FROM pg_stat_database WHERE datname = 'postgres'")[0])
