"""`provision`, `reset`, `prune` as commands with `--json`, with a database that is a file."""

import json
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Said, Workplace

Command = Callable[..., Said]


@pytest.fixture
def linked(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a linked worktree of a repository whose database is a file, with one table."""
    root = workplace.repository
    (root / "router.toml").write_text('[resources.db]\nfrom = "DATABASE_URL"\n')
    (root / ".env").write_text(f"DATABASE_URL=sqlite:///{root}/shop.db\n")
    with sqlite3.connect(root / "shop.db") as connection:
        connection.execute("CREATE TABLE products (name TEXT)")
    connection.close()
    tree = root.parent / "shop.x"
    subprocess.run(["git", "worktree", "add", "-q", "-b", "x", tree], cwd=root, check=True)
    monkeypatch.chdir(tree)
    return tree


def answered(said: Said) -> dict[str, Any]:
    """Return what a command printed for programs."""
    found: dict[str, Any] = json.loads(said.out)
    assert found.pop("schema") == 1
    return found


def test_what_is_not_allowed_is_not_ready_and_says_why(command: Command, linked: Path) -> None:
    said = command("provision", "--json")
    [entry] = answered(said)["resources"]
    assert (said.code, entry["resource"], entry["ready"], entry["cause"]) == (1, "db", False, "not-allowed")
    assert "router allow" in entry["hint"]


def test_what_is_made_made_afresh_and_dropped_is_told_as_json(
    command: Command, linked: Path, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("allow").code == 0
    made = command("provision", "--json")
    [entry] = answered(made)["resources"]
    name = entry["name"]
    assert (made.code, entry) == (0, {"resource": "db", "kind": "sqlite", "name": name, "ready": True})
    again = command("reset", "db", "--json")
    assert (again.code, answered(again)) == (0, {"resources": [entry]})
    assert answered(command("prune", "--json")) == {"resources": []}

    monkeypatch.chdir(workplace.repository)
    subprocess.run(["git", "worktree", "remove", "--force", linked], cwd=workplace.repository, check=True)
    known = {"worktree": str(linked), "resource": "db", "use": "own", "kind": "sqlite", "name": name}
    [due] = answered(command("prune", "--json"))["resources"]
    assert due == {**known, "drop": True, "why": due["why"]}
    dropped = command("prune", "--yes", "--json")
    assert (dropped.code, answered(dropped)) == (0, {"resources": [{**known, "dropped": True}]})


def test_where_there_is_nothing_the_list_is_empty(command: Command, workplace: Workplace) -> None:
    for words in (("provision", "--json"), ("prune", "--json"), ("prune", "--yes", "--json")):
        said = command(*words)
        assert (said.code, answered(said), said.err) == (0, {"resources": []}, "")


def test_a_resource_that_is_not_there_is_an_error_as_json(command: Command, linked: Path) -> None:
    said = command("reset", "nope", "--json")
    assert (said.code, said.out, json.loads(said.err)["code"]) == (2, "", "usage")
