"""A repository whose main checkout has a database on a real server, and what the router says of its worktrees' own."""

import json
import os
from pathlib import Path

from tests.data.servers import PostgresServer
from tests.e2e.routers import Json, Router

SLOW = 180.0  # seconds for what a server does: one on an idle machine


def with_database(router: Router, server: PostgresServer, *, url: str = "", keep: str = "1s") -> str:
    """Give the main checkout a database with a row, and allow that worktrees have copies of it; return its name.

    `url` is the URL of its env file, with NAME where the database's name stands.
    """
    name = f"shop_{os.urandom(4).hex()}"
    server.psql("postgres", f"CREATE DATABASE {name} OWNER ann")
    server.psql(name, "CREATE TABLE products (name text); INSERT INTO products VALUES ('a')", user="ann")
    address = url.replace("NAME", name) or server.url(name)
    (router.repository / ".env").write_text(f"DATABASE_URL={address}\n")
    (router.repository / ".gitignore").write_text(".env\n.env.local\n")
    (router.repository / "router.toml").write_text(f'[resources.db]\nfrom = "DATABASE_URL"\nkeep = "{keep}"\n')
    said = router.run("allow")
    assert said.code == 0, said.err
    return name


def states(router: Router, path: Path) -> dict[str, str]:
    """Return the state of each resource of the worktree at a path, by its name in `router.toml`."""
    return {each["name"]: each["state"] for each in _worktree(router, path).get("resources", [])}


def problems(router: Router, path: Path) -> list[Json]:
    """Return what is wrong with the resources of the worktree at a path."""
    found = _worktree(router, path).get("problems", [])
    return [each for each in found if each["kind"] in ("not-allowed", "resource-failed")]


def database(router: Router, path: Path) -> str:
    """Return the name of a worktree's database, as its programs are told it."""
    return str(json.loads(router.run("env", "--format", "json", cwd=path).out)["DATABASE_NAME"])


def without_templates(server: PostgresServer) -> set[str]:
    """Return the names of all databases on a server but the templates."""
    return {each for each in server.databases() if "_template_" not in each}


def _worktree(router: Router, path: Path) -> Json:
    return router.at(path) or {}
