"""`router allow`, in a real repository."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Workplace
from tests.e2e.routers import Said

SETTINGS = '[setup]\nrun = ["npm ci"]\n[resources.db]\nfrom = "DATABASE_URL"\n'
LINES = [
    "resources.db: make a copy of shop for each worktree: postgres on localhost:5432, by DATABASE_URL; "
    "dropped 3600 s after the worktree is gone",
    "setup.run.0: run npm ci",
]
Command = Callable[..., Said]


@pytest.fixture(autouse=True)
def asks(workplace: Workplace) -> None:
    """Have the repository ask for a database and a command."""
    (workplace.repository / "router.toml").write_text(SETTINGS)
    (workplace.repository / ".env").write_text("DATABASE_URL=postgres://me:hunter2@localhost/shop\n")


def records(workplace: Workplace) -> list[Path]:
    folder = workplace.state / "allowed"
    return list(folder.iterdir()) if folder.exists() else []


def test_show_prints_everything_and_stores_nothing(workplace: Workplace, command: Command) -> None:
    said = command("allow", "--show")
    assert (said.code, said.out.splitlines()) == (0, LINES)
    assert said.err == f"for {workplace.repository} this is not allowed yet; `router allow` allows it\n"
    assert records(workplace) == []


def test_it_prints_what_it_allows_and_stores_it_without_a_password(workplace: Workplace, command: Command) -> None:
    said = command("allow")
    assert (said.code, said.out.splitlines()) == (0, LINES)
    assert said.err == f"allowed for {workplace.repository}; `router allow --revoke` takes it back\n"
    [record] = records(workplace)
    assert "hunter2" not in record.read_text() + said.out + said.err
    assert command("allow", "--show").err == f"allowed for {workplace.repository}\n"


def test_what_has_changed_is_shown(workplace: Workplace, command: Command) -> None:
    command("allow")
    (workplace.repository / "router.toml").write_text(SETTINGS.replace("npm ci", "npm install"))
    said = command("allow", "--show")
    assert said.err.splitlines() == [
        "+ setup.run.0: run npm install",
        "- setup.run.0: run npm ci",
        f"for {workplace.repository} this has changed since it was allowed; `router allow` allows it",
    ]
    command("allow")
    assert command("allow", "--show").err == f"allowed for {workplace.repository}\n"


def test_it_can_be_taken_back(workplace: Workplace, command: Command) -> None:
    command("allow")
    assert command("allow", "--revoke").err == f"nothing is allowed for {workplace.repository} any more\n"
    assert records(workplace) == []
    assert command("allow", "--revoke").err == f"nothing was allowed for {workplace.repository}\n"
    assert command("allow", "--revoke", "--show").code == 2


def test_as_json_it_says_what_is_asked_for_what_is_new_and_whether_it_is_allowed(
    workplace: Workplace, command: Command
) -> None:
    place = str(workplace.repository)
    statements = [dict(zip(("key", "text"), line.split(": ", 1), strict=True)) for line in LINES]
    asked = {"schema": 1, "repository": place, "statements": statements, "removed": [], "moved": False, "refused": []}
    shown = command("allow", "--show", "--json")
    assert (shown.code, shown.err) == (0, "")
    assert json.loads(shown.out) == {**asked, "allowed": False, "added": statements}
    assert json.loads(command("allow", "--json").out) == {**asked, "allowed": True, "added": statements}
    assert json.loads(command("allow", "--show", "--json").out) == {**asked, "allowed": True, "added": []}
    (workplace.repository / "router.toml").write_text(SETTINGS.replace("npm ci", "npm install"))
    changed = json.loads(command("allow", "--show", "--json").out)
    assert ([each["text"] for each in changed["added"]], changed["removed"]) == (["run npm install"], statements[1:])
    revoked = {"schema": 1, "repository": place, "allowed": False, "revoked": True}
    assert json.loads(command("allow", "--revoke", "--json").out) == revoked
    assert json.loads(command("allow", "--revoke", "--show", "--json").err)["code"] == "usage"


def test_the_main_checkouts_file_counts_wherever_it_is_asked(
    workplace: Workplace, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = workplace.repository.parent / "x"
    subprocess.run(["git", "worktree", "add", "-q", "-b", "x", tree], cwd=workplace.repository, check=True)
    (tree / "router.toml").write_text('[setup]\nrun = ["evil"]\n')
    monkeypatch.chdir(tree)
    assert command("allow").out.splitlines() == LINES


def test_what_cannot_be_allowed_is_said_and_the_rest_is_allowed(workplace: Workplace, command: Command) -> None:
    (workplace.repository / ".env").write_text("DATABASE_URL=postgres://db.internal/shop\n")
    said = command("allow")
    assert (said.code, said.out.splitlines()) == (1, LINES[1:])
    first, hint, last = said.err.splitlines()
    assert first == "resources.db is not allowed: DATABASE_URL leads to db.internal, which is not this machine"
    assert hint.startswith('  → where that is meant, write data_hosts = ["db.internal"] into ')
    assert last.startswith("allowed for ")
    as_json = command("allow", "--json")
    [refused] = json.loads(as_json.out)["refused"]
    assert (as_json.code, refused["key"], refused["message"] in first) == (1, "resources.db", True)


def test_a_server_of_a_compose_file_is_named_beside_the_routers_own(workplace: Workplace, command: Command) -> None:
    root = workplace.repository
    (root / ".env").unlink()
    (root / "compose.yaml").write_text(
        "services:\n  store:\n    image: postgres:17\n  mail:\n    image: axllent/mailpit\n"
    )
    (root / "router.toml").write_text('[resources.db]\nkind = "postgres"\n[resources.cache]\nkind = "redis"\n')
    said = command("allow")
    assert said.code == 0
    assert [line for line in said.err.splitlines() if "compose.yaml" in line] == [
        "compose.yaml:3: the service store is a server too: where that is meant, name it with `from`"
    ]


def test_a_repository_that_asks_for_nothing_needs_nothing(workplace: Workplace, command: Command) -> None:
    (workplace.repository / "router.toml").unlink()
    said = command("allow")
    assert (said.code, said.out) == (0, "")
    assert said.err == f"router.toml of {workplace.repository} has nothing that has to be allowed\n"


def test_a_router_toml_that_says_something_wrong_is_reported(workplace: Workplace, command: Command) -> None:
    (workplace.repository / "router.toml").write_text('[resources.db]\nkeep = "long"\n')
    said = command("allow")
    assert said.code == 1
    assert "router.toml: resources.db.keep: a duration is like" in said.err
