"""`router env` and `router run`: how they print, write and check, and how they become a command."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Workplace
from tests.e2e.routers import Said

Command = Callable[..., Said]


@pytest.fixture
def port(command: Command) -> str:
    """The port of the main checkout's web server."""
    return str(json.loads(command("env", "--format", "json").out)["PORT"])


@pytest.mark.parametrize(("options", "line"), [
    ((), "export PORT='{}';"), (("--format", "shell"), "export PORT='{}';"),
    (("--format", "dotenv"), "PORT={}"), (("--format", "mise"), 'PORT = "{}"'),
])  # fmt: skip
def test_the_environment_is_printed_in_the_format_asked_for(
    command: Command, port: str, options: tuple[str, ...], line: str
) -> None:
    said = command("env", *options)
    assert (said.code, said.err) == (0, "")
    assert line.format(port) in said.out.splitlines()


def test_the_environment_as_json_has_its_schema(command: Command, port: str) -> None:
    found = json.loads(command("env", "--json").out)
    assert (found["schema"], found["name"], found["ports"]["web"]) == (1, "main", int(port))
    assert found["values"] == json.loads(command("env", "--format", "json").out)


@pytest.mark.parametrize(("options", "name"), [((), ".env.local"), (("--format", "mise"), ".mise.local.toml")])
def test_the_environment_is_written_and_a_file_that_git_would_commit_is_named(
    command: Command, workplace: Workplace, port: str, options: tuple[str, ...], name: str
) -> None:
    said = command("env", "--write", *options)
    path = workplace.repository / name
    assert said == Said(0, "", f"wrote {path}; git does not ignore it: add it to .gitignore\n")
    assert port in path.read_text()
    (workplace.repository / ".gitignore").write_text(f"{name}\n")
    assert command("env", "--write", *options).err == f"wrote {path}\n"


def test_a_format_that_no_file_has_is_wrong_usage(command: Command) -> None:
    said = command("env", "--write", "--format", "json")
    assert (said.code, said.err.splitlines()) == (
        2, ["error: --write cannot write the format json", "  → use --format dotenv or --format mise"],
    )  # fmt: skip


def test_a_value_of_another_worktree_fails_the_check_and_the_run(
    command: Command, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("env", "--check") == Said(0, "", "no value belongs to another worktree\n")
    workplace.shell("git worktree add -q -b other ../shop.other")
    other = json.loads(
        workplace.shell("router env --format json", cwd=workplace.repository.parent / "shop.other").stdout
    )
    monkeypatch.setenv("DATABASE_NAME", other["DATABASE_NAME"])
    said = command("env", "--check")
    assert (said.code, said.out) == (1, "")
    assert "DATABASE_NAME=shop_other" in said.err
    assert command("run", "true").code == 1
    fixed = workplace.shell("router run --fix printenv DATABASE_NAME", env={"DATABASE_NAME": "shop_other"})
    assert (fixed.returncode, fixed.stdout) == (0, "shop\n")
    assert fixed.stderr.startswith("replaced: DATABASE_NAME=shop_other")


def test_a_server_has_the_variables_of_its_sign_in_library_unless_they_are_set(workplace: Workplace) -> None:
    names = "AUTH_URL", "AUTH_REDIRECT_PROXY_URL", "AUTH_TRUST_HOST"
    shown = " && ".join(f"printenv {name}" for name in names)
    (workplace.repository / "package.json").write_text('{"dependencies": {"next-auth": "5.0.0-beta.32"}}')
    (workplace.repository / "router.toml").write_text(
        'callback_paths = ["/api/auth/callback/*"]\n[env]\nAUTH_TRUST_HOST = "yes"\n'
    )
    done = workplace.shell(f"router run --service web sh -c '{shown}'", env={"AUTH_URL": "http://localhost:3000"})
    assert done.stdout.splitlines() == ["http://localhost:3000", "http://localhost:8080/api/auth", "yes"]
    done = workplace.shell(f"router run --service web sh -c '{shown}'")
    assert done.stdout.splitlines() == ["http://main.localhost:8080", "http://localhost:8080/api/auth", "yes"]
    assert workplace.shell("router run --as-is --service web printenv AUTH_URL").stdout == ""


def test_a_command_gets_the_environment_and_gives_its_exit_status(workplace: Workplace, port: str) -> None:
    done = workplace.shell("router run sh -c 'echo $PORT; exit 7'")
    assert (done.returncode, done.stdout, done.stderr) == (7, f"{port}\n", "")


@pytest.mark.parametrize(("name", "code", "message"), [
    ("nonsense-command", 127, "nonsense-command is not found"),
    ("./file", 126, "./file cannot be run: Permission denied"),
    ("", 126, "'' cannot be run: "),
    ("a\0b", 126, "'a%00b' cannot be run: "),
])  # fmt: skip
def test_a_command_that_cannot_be_run_is_named(
    command: Command, workplace: Workplace, name: str, code: int, message: str
) -> None:
    Path("file").write_text("")
    said = command("run", name)
    assert said.code == code
    assert said.err.startswith(f"error: {message}")


@pytest.fixture
def shown(workplace: Workplace) -> Callable[[str], list[str]]:
    """Run a server's command that only shows its arguments and the port in its environment."""
    program = workplace.repository / "flask"
    program.write_text('#!/bin/sh\necho "$@ PORT=$PORT FLASK_RUN_PORT=$FLASK_RUN_PORT"\n')
    program.chmod(0o755)

    def run(line: str) -> list[str]:
        done = workplace.shell(line)
        return [*done.stdout.splitlines(), *done.stderr.splitlines()]

    return run


def test_what_a_server_is_told_is_said_in_one_line(shown: Callable[[str], list[str]], port: str) -> None:
    assert shown("router run ./flask run") == [
        f"run PORT={port} FLASK_RUN_PORT={port}", f"router: web on port {port}: FLASK_RUN_PORT={port} ./flask run",
    ]  # fmt: skip
    assert shown("router run ./flask run --port 5001") == [f"run --port 5001 PORT={port} FLASK_RUN_PORT="]


def test_a_command_and_its_port_can_be_left_alone(shown: Callable[[str], list[str]], port: str) -> None:
    assert shown("router run --as-is ./flask run") == [f"run PORT={port} FLASK_RUN_PORT="]


def test_the_service_that_a_command_is_can_be_named(
    command: Command, shown: Callable[[str], list[str]], port: str
) -> None:
    api = json.loads(command("env", "--format", "json").out)["BACKEND_PORT"]
    assert shown("router run --service api ./flask run")[0] == f"run PORT={api} FLASK_RUN_PORT={api}"
    assert shown("router run --service admin ./flask run") == [
        "error: this worktree has no service 'admin'", "  → use one of web, api, or add it to router.toml",
    ]  # fmt: skip


def test_options_behind_the_command_are_the_commands(workplace: Workplace) -> None:
    assert workplace.shell("router run echo --fix --help").stdout == "--fix --help\n"
