"""The error boundary: every error becomes a message, a hint and an exit code of the contract."""

import gc
import json
import os
import signal
import subprocess
from collections.abc import Callable

import pytest
from typer.main import get_command

from router import __version__
from router.cli import boundary
from router.cli.app import app
from router.errors import RouterError
from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e.routers import Said

Command = Callable[..., Said]


def test_the_version_is_printed(command: Command) -> None:
    assert command("--version") == Said(0, f"{__version__}\n", "")


@pytest.mark.parametrize("arguments", [("url",), ("url", "nobody"), ("--version",)])
def test_garbage_is_collected_again_after_a_command(command: Command, arguments: tuple[str, ...]) -> None:
    command(*arguments)
    assert gc.isenabled()


@pytest.mark.parametrize("arguments", [(), ("hook",)])
def test_without_a_command_its_help_is_on_standard_error(command: Command, arguments: tuple[str, ...]) -> None:
    said = command(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("Usage: ")


@pytest.mark.parametrize("arguments", [("nonsense",), ("url", "--nonsense"), ("url", "a", "b"), ("run",)])
def test_wrong_usage_is_exit_code_2(command: Command, arguments: tuple[str, ...]) -> None:
    said = command(*arguments)
    assert (said.code, said.out, said.err.splitlines()[1]) == (2, "", "  → see `router --help`")


def test_every_help_is_printed_on_standard_output(command: Command) -> None:
    said = command("--help")
    families = [part.splitlines() for part in said.out.split("\n\n")[3:]]
    commands = [line.split()[0] for _, *lines in families for line in lines]
    assert (said.code, said.err, commands[:4]) == (0, "", ["up", "down", "logs", "status"])
    assert [title for title, *_ in families][:2] == ["Start and stop:", "See what is routed:"]
    assert set(commands) == set(get_command(app).commands)
    for name in commands:
        assert command(name, "--help").code == 0


@pytest.mark.parametrize("arguments", [(), ("hook",), ("hosts",)], ids=str)
def test_no_summary_of_a_help_is_cut_off_at_80_columns(workplace: Workplace, arguments: tuple[str, ...]) -> None:
    said = workplace.shell(f"router {' '.join(arguments)} --help", env={"COLUMNS": "80"}).stdout
    lines = [line for line in said.partition("Options:")[2].splitlines() if line.startswith("  ")]
    assert len(lines) >= 3
    assert [line for line in lines if line.endswith("...") or len(line) > 80] == []


def test_router_alone_is_the_status_where_a_router_runs(command: Command, watching: FakeWatcher) -> None:
    assert command() == command("status")


def test_a_bug_is_exit_code_3_and_its_traceback_a_file(
    workplace: Workplace, watching: FakeWatcher, capsys: pytest.CaptureFixture[str]
) -> None:
    watching.store.status_file.write_text(watching.store.status_file.read_text().replace('"worktrees"', '"gone"'))
    assert boundary.run(("status",)) == 3
    [report] = (workplace.state.parent / "tmp").glob("router-bug-*.log")
    assert capsys.readouterr().err == (f"error: this is a bug in router {__version__}; its traceback is in {report}\n")
    assert "KeyError: 'worktrees'" in report.read_text()


@pytest.mark.parametrize(("arguments", "exit_code", "code"), [
    (("whose", "1", "--json"), 1, "nobody-knows"), (("stop", "--json", "nobody"), 1, "unknown-name"),
    (("status", "--json", "--nonsense"), 2, "usage"), (("stop", "--json", "--all", "--port", "1"), 2, "usage"),
])  # fmt: skip
def test_an_error_is_json_where_the_answer_would_be(
    command: Command, watching: FakeWatcher, arguments: tuple[str, ...], exit_code: int, code: str
) -> None:
    said = command(*arguments)
    fault = json.loads(said.err)
    assert (said.code, said.out, fault["schema"], fault["code"]) == (exit_code, "", 1, code)
    in_words = command(*(each for each in arguments if each != "--json")).err.splitlines()
    assert in_words == [f"error: {fault['message']}", f"  → {fault['hint']}"]


def test_a_bug_is_json_too(workplace: Workplace, watching: FakeWatcher, capsys: pytest.CaptureFixture[str]) -> None:
    watching.store.status_file.write_text(watching.store.status_file.read_text().replace('"worktrees"', '"gone"'))
    assert boundary.run(("stop", "--json")) == 3
    fault = json.loads(capsys.readouterr().err)
    assert (fault["code"], fault["hint"]) == ("bug", "")
    assert str(workplace.state.parent / "tmp") in fault["message"]


def test_the_option_of_another_program_asks_for_nothing(command: Command, workplace: Workplace) -> None:
    assert command("run", "no-such-program", "--json").err.startswith("error: no-such-program is not found")
    assert command("whose", "1", "--", "--json").err.startswith("error: ")


def test_an_error_that_is_a_problem_has_its_kind_as_code() -> None:
    assert RouterError("no sign of life", kind="watcher-hung").code == "watcher-hung"


def test_an_interrupted_command_is_exit_code_130(workplace: Workplace, watching: FakeWatcher) -> None:
    process = workplace.start("status", "--watch", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
