"""Whole projects, each worktree with its own database: a migration in one, and the tests of two green at once."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.data.servers import QUOTED, PostgresServer, postgres
from tests.e2e.browsers import missing
from tests.e2e.routers import Router, fresh, wait_until
from tests.e2e.shops import SLOW, database, states, with_database, without_templates

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent
NODE = HERE / "node_modules"
DEBIAN = ("ruby-railties", "ruby-activerecord", "ruby-pg")


@dataclass(frozen=True)
class Project:
    """A project below `projects/`: its files, those of a branch that adds a column, how it migrates and tests."""

    name: str
    migrate: Sequence[str]
    test: Sequence[str]

    def write(self, path: Path, variant: str = "") -> None:
        """Write its files into a checkout."""
        shutil.copytree(HERE / "projects" / f"{self.name}{variant}", path, dirs_exist_ok=True)


DJANGO = Project("django", [sys.executable, "manage.py", "migrate"], [sys.executable, "manage.py", "test", "--noinput"])
KNEX = Project(
    "knex", ["node", f"{NODE}/knex/bin/cli.js", "migrate:latest", "--knexfile=knexfile.cjs"],
    ["node", "--test", "shop.test.cjs"],
)  # fmt: skip
RAILS = Project("rails", ["ruby", "bin/rails", "db:migrate"], ["ruby", "bin/rails", "test"])


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15") as server:
        yield server


@pytest.mark.parametrize(
    "project", [DJANGO, pytest.param(KNEX, marks=pytest.mark.node), RAILS], ids=lambda project: project.name
)
def test_a_migration_in_one_worktree_is_seen_nowhere_else(
    project: Project, server: PostgresServer, router: Router, tmp_path: Path
) -> None:
    before = server.databases()
    main = _begun(project, server, router)
    router.up()
    one, two = (_added(router, name) for name in ("one", "two"))
    names = {path: database(router, path) for path in (one, two)}
    project.write(one, "_price")
    _run(router, project.migrate, one)
    assert [_columns(server, each) for each in (main, names[two])] == [["id", "name"]] * 2
    _tests_at_once(router, project, {one: ["id", "name", "price"], two: ["id", "name"]}, tmp_path / "meeting")
    assert _columns(server, names[one]) == ["id", "name", "price"]
    assert server.psql(main, "SELECT name FROM products_product") == ["a"]

    for path in (one, two):
        router.git("worktree", "remove", "--force", path)
    wait_until(
        lambda: without_templates(server) - before == {main},
        limit=SLOW,
        what="more is left than main's and its template",
    )


def _begun(project: Project, server: PostgresServer, router: Router) -> str:
    """Commit the project in the main checkout, migrate its database and put a row into it; return its name."""
    if project is KNEX and not (shutil.which("node") and (NODE / "knex").exists()):
        missing("knex (apt-get install nodejs npm, npm ci in tests/e2e)")
    if project is RAILS and not all(Path("/usr/share/doc", each).exists() for each in DEBIAN):
        missing(f"Rails (apt-get install {' '.join(DEBIAN)})")
    url = f"postgres://ann:{QUOTED}@127.0.0.1:{server.port}/NAME"
    main = with_database(router, server, url=url)
    project.write(router.repository)
    if project is KNEX:
        (router.directory / "node_modules").symlink_to(NODE)  # Node looks there, too
    router.git("add", "--all")
    router.git("commit", "--quiet", "--message=a project")
    done = subprocess.run(project.migrate, cwd=router.repository, capture_output=True, text=True, check=False,
                          env={**router.env, "DATABASE_URL": url.replace("NAME", main)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    server.psql(main, "INSERT INTO products_product (name) VALUES ('a')", user="ann")
    return main


def _added(router: Router, name: str) -> Path:
    path = router.add(fresh(name))
    wait_until(lambda: states(router, path) == {"db": "ready"}, limit=SLOW, what=f"{router.at(path)}")
    return path


def _run(router: Router, command: Sequence[str], path: Path) -> None:
    said = router.run("run", "--", *command, cwd=path)
    assert said.code == 0, said.err


def _columns(server: PostgresServer, name: str) -> list[str]:
    listed = "SELECT column_name FROM information_schema.columns WHERE table_name = 'products_product' ORDER BY 1"
    return server.psql(name, listed)


def _tests_at_once(router: Router, project: Project, columns: dict[Path, list[str]], meeting: Path) -> None:
    """Run the tests of each worktree; each waits in the middle of them until the other is there, too."""
    meeting.mkdir()
    runs = [
        router.start("run", "--", *project.test, cwd=path,
                     env={"MEETING": str(meeting), "EXPECTED_COLUMNS": " ".join(expected)})
        for path, expected in columns.items()
    ]  # fmt: skip
    for run in runs:
        assert run.process.wait(SLOW) == 0, "\n".join((run.errors, *run.lines))
    assert len([*meeting.iterdir()]) == len(columns)
