"""The error boundary: every error becomes a message, a hint and an exit code of the contract."""

import os
import signal
import subprocess
from collections.abc import Callable

import pytest
from typer.main import get_command

from router import __version__
from router.cli import boundary
from router.cli.app import app
from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e.routers import Said

Command = Callable[..., Said]


def test_the_version_is_printed(command: Command) -> None:
    assert command("--version") == Said(0, f"{__version__}\n", "")


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


def test_an_interrupted_command_is_exit_code_130(workplace: Workplace, watching: FakeWatcher) -> None:
    process = workplace.start("status", "--watch", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
