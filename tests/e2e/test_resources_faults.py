"""A server that is down, another one, full or closed: each says why, is tried again, and stops nothing else."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.servers import PostgresServer, account, directory, postgres, programs
from tests.disks import fill, small_disk
from tests.e2e.routers import Json, Router, free_port, fresh, wait_until
from tests.e2e.shops import SLOW, database, problems, states, with_database, without_templates
from tests.needs import needs

pytestmark = pytest.mark.e2e


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """Give a server of this test alone."""
    with postgres("15") as server:
        yield server


def fails(router: Router, path: Path, cause: str) -> Json:
    """Wait until a worktree's database cannot be made for this cause, and return the problem; it is routed."""

    def found() -> list[Json]:
        return [each for each in problems(router, path) if each["message"].split(":")[0] == cause]

    problem = wait_until(found, limit=SLOW, what=f"not {cause}")[0]
    assert problem["kind"] == "resource-failed"
    assert problem["hint"]
    assert states(router, path)["db"] == "failed"
    assert router.get(router.routed(path)["name"]).status_code in (502, 503, 504)  # no server, but its page
    return problem


def ready(router: Router, path: Path) -> str:
    """Wait until a worktree's database is ready, and return its name."""
    wait_until(lambda: states(router, path) == {"db": "ready"}, limit=SLOW, what="it is not made")
    return database(router, path)


def test_a_server_may_be_down_while_worktrees_come_and_go(server: PostgresServer, router: Router) -> None:
    main = with_database(router, server)
    router.up()
    before = router.add(fresh("before"))
    ready(router, before)
    server.stop()
    meanwhile, short = router.add(fresh("meanwhile")), router.add(fresh("short"))
    for path in (meanwhile, short):
        assert f"127.0.0.1:{server.port}" in fails(router, path, "down")["message"]
    for path in (before, short):
        router.git("worktree", "remove", "--force", path)
    server.start()
    made = ready(router, meanwhile)
    assert server.psql(made, "SELECT name FROM products") == ["a"]
    wait_until(lambda: without_templates(server) == {main, made}, limit=SLOW, what="what went meanwhile is not dropped")


def test_a_server_that_hangs_is_down_and_holds_up_no_other_worktree(server: PostgresServer, router: Router) -> None:
    with_database(router, server)
    router.up()
    with server.hanging():
        path = router.add(fresh("hangs"))
        assert "start it" in fails(router, path, "down")["hint"]
    ready(router, path)


def test_a_server_with_other_data_is_another_one(server: PostgresServer, router: Router) -> None:
    main = with_database(router, server)
    router.up()
    before = router.add(fresh("before"))
    name = ready(router, before)
    server.stop()
    server.initialise()
    server.start()
    for each in (main, name):
        server.psql("postgres", f"CREATE DATABASE {each} OWNER ann")
    after = router.add(fresh("after"))
    assert "router allow" in fails(router, after, "foreign")["hint"]
    assert server.databases() == {main, name}
    assert router.run("allow").code == 0
    ready(router, after)
    assert name in fails(router, before, "foreign")["message"]  # somebody made it by hand
    for path in (before, after):
        router.git("worktree", "remove", "--force", path)
    wait_until(lambda: without_templates(server) == {main, name}, limit=SLOW, what="it is not dropped")


def test_a_wrong_password_is_said_without_it_and_the_right_one_is_taken_at_once(
    server: PostgresServer, router: Router
) -> None:
    with_database(router, server, url=server.url("NAME", password="wr0ng"))
    router.up()
    path = router.add(fresh("x"))
    problem = fails(router, path, "wrong-credentials")
    assert "wr0ng" not in str(problem)
    assert "env file" in problem["hint"]
    file = router.repository / ".env"
    file.write_text(re.sub("://.*@", "://ann:s3cr3t%2F%40%3A@", file.read_text()))
    ready(router, path)


def test_each_hint_of_a_missing_right_is_a_statement_that_gives_it(server: PostgresServer, router: Router) -> None:
    with_database(router, server, url=server.url("NAME", user="bob"))
    router.up()
    path = router.add(fresh("x"))
    given: list[str] = []

    def grant() -> bool:
        for problem in problems(router, path):
            assert problem["message"].startswith("denied: ")
            statement = problem["hint"].partition("run: ")[2]
            if statement not in given:
                given.append(statement)
                server.psql("postgres", statement)
        return states(router, path) == {"db": "ready"}

    wait_until(grant, limit=SLOW, what=f"{given}")
    assert [each.split()[:2] for each in given] == [["ALTER", "ROLE"], ["ALTER", "DATABASE"]]


def test_one_bad_resource_stops_no_other(server: PostgresServer, router: Router) -> None:
    with_database(router, server)
    address = f"postgres://ann@127.0.0.1:{free_port()}/reports"
    with (router.repository / ".env").open("a") as file:
        file.write(f"REPORTS_URL={address}\nQUEUE_URL=nothing\n")
    with (router.repository / "router.toml").open("a") as file:
        file.write('[resources.reports]\nfrom = "REPORTS_URL"\n[resources.queue]\nfrom = "QUEUE_URL"\n')
    assert router.run("allow").code == 1  # the queue's address cannot be read
    router.up()
    path = router.add(fresh("x"))
    expected = {"db": "ready", "reports": "failed", "queue": "failed"}
    wait_until(lambda: states(router, path) == expected, limit=SLOW, what=f"{router.at(path)}")
    messages = {each["message"].split(": ")[1]: each["message"] for each in problems(router, path)}
    assert messages["reports"].startswith("down: ")
    assert messages["queue"].startswith("failed: ")


@needs("mount", root=True)
def test_a_full_disk_is_said_and_once_there_is_room_the_database_is_made(router: Router) -> None:
    with directory() as base, small_disk(base / "disk", size="400m") as place:
        account().own(place)
        server = PostgresServer(place, programs("15", place))
        server.initialise()
        server.start()
        try:
            main = with_database(router, server)
            rows = "SELECT repeat(md5(i::text), 60) FROM generate_series(1, 25000) i"
            server.psql(main, f"INSERT INTO products {rows}")
            server.psql(main, "CHECKPOINT")
            ballast = fill(place)
            os.truncate(ballast, ballast.stat().st_size - (20 << 20))
            router.up()
            path = router.add(fresh("x"))
            assert "make room" in fails(router, path, "full")["hint"]
            assert server.databases() == {main}
            ballast.unlink()
            assert server.psql(ready(router, path), "SELECT count(*) FROM products") == ["25001"]
        finally:
            server.stop(for_good=True)
