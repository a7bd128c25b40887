"""MariaDB, with a real server: databases are made with their grants, found, told from others and dropped."""

import os
import secrets
import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from router.data.connection import read
from router.data.kind import Order
from router.data.ledger import Ledger
from router.data.making import Made, Work, drop, make
from router.data.mysql.kind import Mysql
from router.data.mysql.server import Server
from tests.data.servers import PASSWORD, MariadbServer
from tests.data.shops import failed, wanted


@dataclass(frozen=True)
class Shop:
    server: MariadbServer
    name: str
    work: Work

    def made(self) -> Made:
        outcome = make(self.work)
        assert isinstance(outcome, Made), outcome
        return outcome

    def databases(self) -> set[str]:
        found = self.server.databases()
        return {name.removeprefix(self.name) for name in found if name.startswith(self.name)}


@pytest.fixture
def app(mariadb_server: MariadbServer, tmp_path: Path) -> Shop:
    name = f"shop{secrets.token_hex(4)}"
    server = mariadb_server
    server.sql(f"CREATE DATABASE {name} CHARACTER SET latin1;"
               f"GRANT ALL ON `{name}`.* TO ann@localhost;"
               f"GRANT ALL ON `{name}\\_%`.* TO ann@localhost;"
               f"GRANT SELECT ON `{name}`.* TO bob@localhost")  # fmt: skip
    connection = read(server.url(name), directory=tmp_path)
    work = Work(wanted(f"{name}_x", kind="mysql"), Mysql(), connection, Ledger(tmp_path), Order(patience=30))
    return Shop(server, name, work)


def test_a_worktree_has_an_empty_database_of_its_own(app: Shop) -> None:
    made = app.made()
    assert app.databases() == {"", "_x"}
    name = made.record.name
    app.server.sql("CREATE TABLE t (n int); INSERT INTO t VALUES (1)", user="ann", password=PASSWORD, database=name)
    assert app.server.sql(f"SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA"
                          f" WHERE SCHEMA_NAME = '{name}'") == ["latin1"]  # fmt: skip
    assert app.server.sql(f"SHOW TABLES FROM {name}") == ["t"]
    assert app.made() == made
    assert app.work.kind.url(app.work.connection, made.record.name) == app.server.url(name)
    described = app.work.kind.describe(app.work.connection, made.record)
    assert (described.state, bool(described.size)) == ("ready", True)


def test_a_grant_lets_into_the_database_and_no_similar_one(app: Shop) -> None:
    as_root = replace(
        app.work, connection=read(app.server.url(app.name, user="root", password=""), directory=Path("/"))
    )
    record = make(as_root)
    assert isinstance(record, Made)
    app.server.sql(f"CREATE DATABASE {app.name}ax")
    app.server.sql(f"CREATE TABLE {app.name}_x.t (n int); CREATE TABLE {app.name}ax.t (n int)")
    app.server.sql(f"SELECT * FROM {app.name}_x.t", user="bob", password="b")
    with pytest.raises(AssertionError, match="denied"):
        app.server.sql(f"SELECT * FROM {app.name}ax.t", user="bob", password="b")
    assert drop(as_root.ledger, as_root.kind, as_root.connection, record.record) is None
    assert f"{app.name}_x" not in "".join(app.server.sql("SHOW GRANTS FOR bob@localhost")).replace("\\", "")


def test_it_is_dropped_and_nothing_else(app: Shop) -> None:
    record = app.made().record
    app.server.sql(f"CREATE DATABASE {app.name}_y")
    assert drop(app.work.ledger, app.work.kind, app.work.connection, record) is None
    assert app.databases() == {"", "_y"}
    assert app.work.ledger.records() == ()


def test_one_that_is_in_use_is_not_dropped(app: Shop) -> None:
    record = app.made().record
    command = ["mariadb", "--no-defaults", f"--socket={app.server.socket}", "--user=ann", f"--password={PASSWORD}",
               "-N", "-B", "-n", record.name]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write("SELECT 'here';\n")
        client.stdin.flush()
        assert client.stdout.readline() == "here\n"
        failure = failed(drop(app.work.ledger, app.work.kind, app.work.connection, record))
        assert (failure.cause, "ann (session" in failure.message) == ("busy", True)
        assert app.work.kind.describe(app.work.connection, record).sessions
        client.stdin.close()
    assert app.databases() == {"", "_x"}


@pytest.mark.parametrize("content", ["", "CREATE TABLE t (n int)"], ids=["empty", "full"])
def test_one_that_was_made_by_hand_is_left(app: Shop, content: str) -> None:
    app.server.sql(f"CREATE DATABASE {app.name}_x")
    if content:
        app.server.sql(content, database=f"{app.name}_x")
    assert failed(make(app.work)).cause == "foreign"
    [intent] = app.work.ledger.records()
    assert drop(app.work.ledger, app.work.kind, app.work.connection, intent) is None
    assert app.databases() == {"", "_x"}


def test_one_that_was_made_anew_is_left(app: Shop) -> None:
    record = app.made().record
    app.server.sql(f"DROP DATABASE {record.name}; CREATE DATABASE {record.name}")
    assert failed(drop(app.work.ledger, app.work.kind, app.work.connection, record)).cause == "foreign"
    assert app.work.kind.describe(app.work.connection, record).state == "foreign"
    assert app.databases() == {"", "_x"}


@pytest.mark.parametrize("step", range(1, 11))
def test_a_maker_that_is_killed_at_any_step_is_followed_up(app: Shop, tmp_path: Path, step: int) -> None:
    if (pid := os.fork()) == 0:
        _kill_after(step)
        make(app.work)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    if step % 2:
        record = app.made().record
        assert app.databases() == {"", "_x"}
    else:
        record = (*app.work.ledger.records(), app.made().record)[0]
    assert drop(app.work.ledger, app.work.kind, app.work.connection, record) is None
    assert app.databases() == {""}


def _kill_after(step: int) -> None:
    original, count = Server.rows, 0

    def rows(self: Server, statement: str, *values: object) -> list[tuple[object, ...]]:
        nonlocal count
        count += 1
        try:
            return original(self, statement, *values)
        finally:
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)

    Server.rows = rows  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("user", "password", "cause", "said"),
    [("ann", "wrong", "wrong-credentials", "correct the user"), ("bob", "b", "denied", "GRANT ALL ON")],
)
def test_what_a_user_may_not_do_is_said_with_the_next_step(
    app: Shop, user: str, password: str, cause: str, said: str
) -> None:
    connection = read(app.server.url(app.name, user=user, password=password), directory=Path("/"))
    failure = failed(make(replace(app.work, connection=connection)))
    assert (failure.cause, said in failure.hint) == (cause, True)
    assert app.databases() == {""}


def test_a_server_that_is_down_is_said(app: Shop) -> None:
    connection = read("mysql://ann:s3cr3t@127.0.0.1:9/shop", directory=Path("/"))
    failure = failed(make(replace(app.work, connection=connection)))
    assert failure.cause == "down"
    assert "s3cr3t" not in failure.message + failure.hint
