"""A worktree's own database: made as soon as the worktree is seen, dropped when it is gone; real git, real servers."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from router.data import fresh as fresh_databases
from router.data.ledger import Ledger
from tests.data.servers import PASSWORD, PostgresServer, postgres
from tests.data.test_clients import LIBRARIES, POSTGRES
from tests.e2e.routers import Json, Router, Seen, fresh, wait_until
from tests.e2e.shops import SLOW, database, problems, states, with_database
from tests.processes.scenes import gone, started

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


def test_tests_and_single_commands_have_databases_of_their_own(shop: Router, server: PostgresServer) -> None:
    path = shop.add(fresh("x"))
    shows = 'printf "%s %s" "$DATABASE_NAME" "${DATABASE_URL##*/}"'
    name = database(shop, path)
    tests = shop.run("run", "--test", "--", "sh", "-c", shows, cwd=path)
    assert tests.out.split() == [f"{name}_test", f"{name}_test?application_name=shop"], tests.err
    assert server.psql(f"{name}_test", "SELECT name FROM products") == ["a"]
    once = shop.run("run", "--fresh", "--", "sh", "-c", f"{shows}; exit 7", cwd=path)
    called = once.out.split()[0]
    assert (once.code, called.startswith(f"{name}_"), called in server.databases()) == (7, True, False)
    shop.git("worktree", "remove", "--force", path)
    wait_until(lambda: f"{name}_test" not in server.databases(), limit=SLOW, what="that for tests is not dropped")


def test_what_a_killed_command_left_is_found_by_its_lock(shop: Router, server: PostgresServer) -> None:
    path = shop.add(fresh("x"))
    name = database(shop, path)
    waits = [sys.executable, "-c", "import os; print(os.environ['DATABASE_NAME'], flush=True); input()"]
    command = [sys.executable, "-m", "router", "run", "--fresh", "--", *waits]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=path, env=shop.env, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        called = process.stdout.readline().strip()
        assert called.startswith(f"{name}_")
        assert called in server.databases()
        process.kill()
    ledger = Ledger(shop.state)
    left = [each for each in ledger.records() if each.name == called]
    assert fresh_databases.held(shop.state, left) == frozenset()
    for each in left:
        ledger.change(replace(each, since=each.since - 3600))
    assert shop.run("prune", "--yes").code == 0
    assert called not in server.databases()


def test_a_branch_that_is_back_has_its_database_back(shop: Router, server: PostgresServer) -> None:
    (shop.repository / "router.toml").write_text('[resources.db]\nfrom = "DATABASE_URL"\n')
    assert shop.run("allow").code == 0
    branch = fresh("x")
    path = shop.add(branch)
    wait_until(lambda: states(shop, path) == {"db": "ready"}, limit=SLOW, what="its database is not made")
    name = database(shop, path)
    server.psql(name, "INSERT INTO products VALUES ('mine')", user="ann")
    shop.git("worktree", "remove", "--force", path)
    shop.gone(branch)
    shop.git("worktree", "add", "--quiet", path, branch)
    wait_until(lambda: states(shop, path) == {"db": "ready"}, limit=SLOW, what="its database is not back")
    assert database(shop, path) == name
    assert server.psql(name, "SELECT name FROM products ORDER BY 1") == ["a", "mine"]


def test_the_last_clients_of_a_gone_worktree_are_ended_and_somebody_elses_is_named(
    shop: Router, server: PostgresServer, tmp_path: Path
) -> None:
    path, elsewhere = shop.add(fresh("x")), tmp_path / "elsewhere"
    elsewhere.mkdir()
    wait_until(lambda: states(shop, path) == {"db": "ready"}, limit=SLOW, what="its database is not made")
    name = database(shop, path)
    code = LIBRARIES + POSTGRES.format(port=server.port, name=name, secret=PASSWORD)
    with started() as real:
        mine, foreign = real.idle(path, code=code), real.idle(elsewhere, code=code)
        shop.git("worktree", "remove", "--force", path)
        [problem] = _look_until(shop, lambda: _failed(shop), what="it is not said that it is in use")
        assert problem["message"].startswith(f"busy: db of {path}, which is gone: {name} is in use by ")
        assert f"(pid {foreign}, session " in problem["message"]
        assert f"pid {mine}" not in problem["message"]
        assert (gone(mine), gone(foreign), name in server.databases()) == (True, False, True)
    _look_until(shop, lambda: name not in server.databases(), what="its database is not dropped")
    wait_until(lambda: not _failed(shop), limit=SLOW, what="the problem stays")


def test_what_cannot_be_dropped_is_shown_with_what_to_do(shop: Router, server: PostgresServer) -> None:
    path = shop.add(fresh("x"))
    wait_until(lambda: states(shop, path) == {"db": "ready"}, limit=SLOW, what="its database is not made")
    name = database(shop, path)
    server.psql("postgres", f"CREATE DATABASE {name}_other")
    swap = f"ALTER DATABASE {name} RENAME TO {name}_first; ALTER DATABASE {name}_other RENAME TO {name}"
    server.psql("postgres", swap)  # at once: a watcher that looks in between would make it again
    server.psql("postgres", f"DROP DATABASE {name}_first")
    shop.git("worktree", "remove", "--force", path)
    [problem] = wait_until(lambda: _failed(shop), limit=SLOW, what="no problem is shown")
    assert problem["message"].startswith(f"foreign: db of {path}, which is gone: the database {name} is not the one")
    assert "rename or remove it yourself" in problem["hint"]
    listed = shop.run("resources")
    row = next(line for line in listed.out.splitlines() if name in line)
    assert f"{path} (gone)" in row
    assert "foreign" in row
    assert f"{name}: foreign: the database {name} is not the one" in listed.err
    row = next(line for line in shop.run("prune").out.splitlines() if name in line)
    assert row.startswith("keep  postgres")
    assert ": foreign: " in row
    said = shop.run("prune", "--yes")
    assert (said.code, f"{name} is not dropped, foreign" in said.err, name in server.databases()) == (1, True, True)
    server.psql("postgres", f"ALTER DATABASE {name} RENAME TO {name}_mine")
    _look_until(shop, lambda: not _failed(shop), what="the problem stays")
    assert name not in shop.run("resources").out
    assert f"{name}_mine" in server.databases()


def test_a_server_that_is_down_keeps_what_it_has_and_says_so_where_it_is_asked(router: Router) -> None:
    with postgres("15") as own:
        with_database(router, own)
        router.up()
        branch = fresh("x")
        path = router.add(branch)
        wait_until(lambda: states(router, path) == {"db": "ready"}, limit=SLOW, what="its database is not made")
        name = database(router, path)
        own.stop()
        router.git("worktree", "remove", "--force", path)
        router.gone(branch)
        row = next(line for line in router.run("prune").out.splitlines() if name in line)
        assert row.startswith("keep  postgres")
        assert "down: PostgreSQL at " in row
        said = router.run("prune", "--yes")
        assert (said.code, f"{name} is not dropped, down: " in said.err) == (1, True)
        assert f"{name}: down: PostgreSQL at " in router.run("resources").err
        assert not _failed(router)  # it passes by itself
        own.start()
        _look_until(router, lambda: name not in own.databases(), what="its database is not dropped")


def test_a_template_that_nobody_copies_any_more_is_listed_and_dropped_when_asked(
    shop: Router, server: PostgresServer
) -> None:
    path = shop.add(fresh("x"))
    wait_until(lambda: states(shop, path) == {"db": "ready"}, limit=SLOW, what="its database is not made")
    [template] = _templates(shop)
    assert shop.run("prune").err == "no resource has outlived its worktree\n"
    (shop.repository / "router.toml").write_text("")
    listed = shop.run("prune")
    assert f"drop  postgres  {template}  router.toml names no resource db for this template\n" == listed.out
    assert template in server.databases()
    said = shop.run("prune", "--yes")
    assert (said.code, said.err) == (0, f"dropped {template}\n")
    assert template not in server.databases()
    assert database(shop, path) in server.databases()


def test_the_template_of_a_deleted_repository_goes_when_its_url_is_given(
    router: Router, server: PostgresServer
) -> None:
    with_database(router, server)
    router.up()
    path = router.add(fresh("x"))
    wait_until(lambda: states(router, path) == {"db": "ready"}, limit=SLOW, what="its database is not made")
    [template], name = _templates(router), database(router, path)
    url = (router.repository / ".env").read_text().partition("=")[2].strip()
    shutil.rmtree(router.repository)
    shutil.rmtree(path)
    listed = router.run("prune", cwd=router.directory)
    assert f"keep  postgres  {template}  the repository of this template is not there" in listed.out
    assert "give it in DATABASE_URL of this command's environment" in listed.out
    said = router.run("prune", "--yes", cwd=router.directory)
    assert (said.code, template in server.databases()) == (1, True)
    router.env["DATABASE_URL"] = url
    said = router.run("prune", "--yes", cwd=router.directory)
    assert (said.code, said.err) == (0, f"dropped {template}\n")
    assert template not in server.databases()
    assert name in server.databases()  # its disk may only be away


def _failed(router: Router) -> list[Json]:
    return [each for each in router.seen()["problems"] if each["kind"] == "resource-failed"]


def _look_until(router: Router, condition: Callable[[], Seen], *, what: str) -> Seen:
    """Have the watcher look again and again, which it does by itself every half minute, until something is so."""

    def so() -> Seen:
        os.kill(router.watcher_pid, signal.SIGUSR1)
        return condition()

    return wait_until(so, limit=SLOW, what=what)


def _templates(router: Router) -> list[str]:
    return [each.name for each in Ledger(router.state).records() if each.is_template]


def test_the_starting_page_tells_of_what_is_not_there(shop: Router) -> None:
    assert shop.run("allow", "--revoke").code == 0
    branch = fresh("x")
    shop.routed(shop.add(branch))
    host = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
    told = wait_until(
        lambda: [
            each
            for each in shop.get(branch, "/.router/service.json", headers=host).json()["resources"]
            if each["state"] == "failed"
        ],
        limit=SLOW,
        what="nothing is told",
    )
    assert [(each["name"], "not-allowed" in each["problem"]) for each in told] == [("db", True)]


def test_with_test_there_is_a_database_for_tests_from_the_start(shop: Router, server: PostgresServer) -> None:
    (shop.repository / "router.toml").write_text('[resources.db]\nfrom = "DATABASE_URL"\ntest = true\n')
    assert shop.run("allow").code == 0
    path = shop.add(fresh("x"))
    said = shop.run("provision", cwd=path)
    name = database(shop, path)
    assert said.out == f"db: {name} is ready\ndb: {name}_test is ready\n"
    values = json.loads(shop.run("env", "--format", "json", cwd=path).out)
    assert f"/{name}_test?" in values["TEST_DATABASE_URL"]
    assert server.psql(f"{name}_test", "SELECT name FROM products") == ["a"]


def test_another_server_at_the_same_address_is_not_touched(shop: Router, server: PostgresServer) -> None:
    path = shop.add(fresh("x"))
    wait_until(lambda: states(shop, path) == {"db": "ready"}, limit=SLOW, what="its database is not made")
    name = database(shop, path)  # whoever made it has written into the record which server that was
    (record,) = (shop.state / "allowed").iterdir()
    document = json.loads(record.read_text())
    record.write_text(json.dumps({**document, "servers": {"resources.db": "7000000000000000000"}}))
    for command in (("provision",), ("reset", "db"), ("run", "--test", "--", "true")):
        said = shop.run(*command, cwd=path)
        assert (said.code, "another server than the one that was allowed" in said.err) == (1, True), command
    assert server.psql(name, "SELECT name FROM products") == ["a"]
    assert f"{name}_test" not in server.databases()


def test_a_url_that_leads_to_another_machine_by_now_is_not_asked(shop: Router, server: PostgresServer) -> None:
    path = shop.add(fresh("x"))
    assert shop.run("provision", cwd=path).code == 0
    env = shop.repository / ".env"
    env.write_text(env.read_text().replace("127.0.0.1", "192.0.2.1"))
    listed = json.loads(shop.run("resources", "--json").out)["resources"]
    assert {each["state"] for each in listed} == {"elsewhere"}
