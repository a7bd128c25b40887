"""A worktree's own database: made as soon as the worktree is seen, dropped when it is gone; real git, real servers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.servers import PostgresServer, postgres
from tests.e2e.routers import Router, fresh, wait_until
from tests.e2e.shops import SLOW, database, problems, states, with_database

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15") as server:
        yield server


@pytest.fixture
def shop(server: PostgresServer, tmp_path: Path) -> Iterator[Router]:
    """A running router for a repository whose database has a row."""
    with Router(tmp_path) as router:
        with_database(router, server)
        router.up()
        yield router


def test_a_worktree_has_its_own_database_for_as_long_as_it_is_there(shop: Router, server: PostgresServer) -> None:
    path = shop.add(fresh("x"))
    wait_until(lambda: states(shop, path) == {"db": "ready"}, limit=SLOW, what="its database is not made")
    name = database(shop, path)
    assert server.psql(name, "SELECT name FROM products") == ["a"]
    server.psql("postgres", f"CREATE DATABASE {name}2")
    shop.git("worktree", "remove", "--force", path)
    wait_until(lambda: name not in server.databases(), limit=SLOW, what="its database is not dropped")
    assert f"{name}2" in server.databases()


def test_nothing_is_made_before_it_is_allowed_or_after_it_changed(shop: Router, server: PostgresServer) -> None:
    assert shop.run("allow", "--revoke").code == 0
    before = server.databases()
    path = shop.add(fresh("x"))
    problem = wait_until(lambda: problems(shop, path), limit=SLOW, what="nothing is said")[0]
    assert problem["kind"] == "not-allowed"
    assert "router allow" in problem["hint"]
    said = shop.run("provision", cwd=path)
    assert (said.code, "not-allowed" in said.err) == (1, True)
    assert server.databases() == before
    assert shop.run("allow").code == 0
    wait_until(lambda: states(shop, path) == {"db": "ready"}, limit=SLOW, what="its database is not made")


def test_a_database_can_be_made_afresh_listed_and_dropped_by_hand(shop: Router, server: PostgresServer) -> None:
    path = shop.add(fresh("x"))
    assert shop.run("provision", cwd=path).code == 0
    name = database(shop, path)
    server.psql(name, "DROP TABLE products", user="ann")
    with server.session(name):
        busy = shop.run("reset", "db", cwd=path)
        assert (busy.code, "busy" in busy.err, "devserver" in busy.err) == (1, True, True)
    assert shop.run("reset", "db", cwd=path).code == 0
    assert server.psql(name, "SELECT name FROM products") == ["a"]
    listed = json.loads(shop.run("resources", "--json").out)["resources"]
    assert {(each["name"], each["state"]) for each in listed if each["use"] == "own"} == {(name, "ready")}
    assert shop.run("prune").err == "no resource has outlived its worktree\n"
    shop.down()
    shop.git("worktree", "remove", "--force", path)
    assert name in shop.run("prune").out
    assert shop.run("prune", "--yes").code == 0
    assert name not in server.databases()


def test_a_hook_waits_for_the_database_and_runs_what_needs_it(shop: Router, server: PostgresServer) -> None:
    psql = f"{server.programs}/psql"
    script = 'psql "${DATABASE_URL/+psycopg/}" -c "INSERT INTO products VALUES (\'b\')"'
    (shop.repository / "migrate.sh").write_text(f"#!/bin/bash\n{script.replace('psql ', f'{psql} ', 1)}\n")
    (shop.repository / "migrate.sh").chmod(0o755)
    shop.git("add", "migrate.sh")
    shop.git("commit", "--quiet", "--message=migrate")
    with (shop.repository / "router.toml").open("a") as file:
        file.write('[setup]\nrun = ["./migrate.sh"]\n')
    assert shop.run("allow").code == 0
    path = shop.add(fresh("x"))
    said = shop.run("hook", "post-create", cwd=path)
    assert said.code == 0, said.err
    assert "db is ready" in said.err
    assert server.psql(database(shop, path), "SELECT name FROM products ORDER BY 1") == ["a", "b"]
