"""A worktree's own database: made as soon as the worktree is seen, dropped when it is gone; real git, real servers."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.servers import PostgresServer, postgres
from tests.e2e.routers import Router, wait_until

pytestmark = pytest.mark.e2e
SLOW = 60.0  # seconds for what a server does


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15") as server:
        yield server


@pytest.fixture
def shop(server: PostgresServer, tmp_path: Path) -> Iterator[Router]:
    """A running router for a repository whose database has a row."""
    with Router(tmp_path) as router:
        name = f"shop_{os.urandom(4).hex()}"
        server.psql("postgres", f"CREATE DATABASE {name} OWNER ann")
        server.psql(name, "CREATE TABLE products (name text); INSERT INTO products VALUES ('a')", user="ann")
        (router.repository / ".env").write_text(f"DATABASE_URL={server.url(name)}\n")
        (router.repository / ".gitignore").write_text(".env\n.env.local\n")
        (router.repository / "router.toml").write_text('[resources.db]\nfrom = "DATABASE_URL"\nkeep = "1s"\n')
        router.up()
        yield router


def states(router: Router, path: Path) -> dict[str, str]:
    tree = next((each for each in router.status()["worktrees"] if each["path"] == str(path)), {})
    return {each["name"]: each["state"] for each in tree.get("resources", [])}


def database(router: Router, path: Path) -> str:
    return str(json.loads(router.run("env", "--format", "json", cwd=path).out)["DATABASE_NAME"])


def test_a_worktree_has_its_own_database_for_as_long_as_it_is_there(shop: Router, server: PostgresServer) -> None:
    path = shop.add("x")
    wait_until(lambda: states(shop, path) == {"db": "ready"}, limit=SLOW, what="its database is not made")
    name = database(shop, path)
    assert server.psql(name, "SELECT name FROM products") == ["a"]
    server.psql("postgres", f"CREATE DATABASE {name}2")
    shop.git("worktree", "remove", "--force", path)
    wait_until(lambda: name not in server.databases(), limit=SLOW, what="its database is not dropped")
    assert f"{name}2" in server.databases()
