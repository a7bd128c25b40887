"""`router init` and `router hook`: what they read, print and refuse."""

import io
import json
import subprocess
from collections.abc import Callable

import pytest

from tests.cli.conftest import Workplace
from tests.e2e.routers import Said

Command = Callable[..., Said]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put text on standard input."""

    def put(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return put


def test_a_change_is_shown_and_only_written_when_asked(command: Command, workplace: Workplace) -> None:
    shown = command("init", "mise")
    assert shown.code == 0
    assert "+++ " in shown.out
    assert not (workplace.repository / "mise.toml").exists()
    written = command("init", "mise", "--write")
    assert written.out == shown.out
    assert ".mise.local.toml" in (workplace.repository / "mise.toml").read_text()


def test_without_a_tool_a_router_toml_is_proposed(command: Command, workplace: Workplace) -> None:
    (workplace.repository / "Procfile.dev").write_text("web: bin/rails server -p 3000\n")
    shown = command("init")
    assert "[services.web]  # Procfile.dev, line 1\n" in shown.out
    assert shown.err == "nothing is written yet; --write would write router.toml\n"
    assert command("init", "--write").out == shown.out == (workplace.repository / "router.toml").read_text()


def test_a_tool_that_nobody_knows_is_wrong_usage(command: Command) -> None:
    said = command("init", "nonsense")
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[-1] == "  → see `router --help`"


def test_a_worktree_is_created_and_removed_as_the_hooks_ask(
    command: Command, workplace: Workplace, typed: Callable[[str], None]
) -> None:
    typed(json.dumps({"name": "fix", "cwd": str(workplace.repository)}))
    created = command("hook", "worktree-create")
    path = workplace.repository / ".claude" / "worktrees" / "fix"
    assert (created.code, created.out.splitlines()[-1]) == (0, str(path))
    assert path.is_dir()
    typed(json.dumps({"worktree_path": str(path)}))
    assert command("hook", "worktree-remove").code == 0
    assert not path.exists()


def test_a_worktree_to_remove_may_be_named_from_where_one_is(command: Command, typed: Callable[[str], None]) -> None:
    typed('{"name": "fix"}')
    path = command("hook", "worktree-create").out.splitlines()[-1]
    assert command("hook", "worktree-remove", ".claude/worktrees/fix", "--force").code == 0
    assert command("hook", "worktree-remove", path).err.endswith("is gone already\n")


@pytest.mark.parametrize(("text", "message"), [
    ("", "the hook's input is not a JSON object"), ("[]", "the hook's input is not a JSON object"),
    ("{", "the hook's input is not a JSON object"), ("[" * 100_000, "the hook's input is not a JSON object"),
    ('"' + "x" * (2 << 20), "the hook's input is not a JSON object"), ("{}", "the hook's input has no `name`"),
    ('{"name": 1}', "the hook's input has no `name`"),
])  # fmt: skip
def test_input_that_says_nothing_is_wrong_usage(
    command: Command, typed: Callable[[str], None], text: str, message: str
) -> None:
    typed(text)
    said = command("hook", "worktree-create")
    assert (said.code, said.err.splitlines()[0]) == (2, f"error: {message}")


def test_a_path_that_is_missing_is_wrong_usage(command: Command, typed: Callable[[str], None]) -> None:
    typed('{"worktree_path": 5}')
    said = command("hook", "worktree-remove")
    assert (said.code, said.err.splitlines()[0]) == (2, "error: the hook's input has no `worktree_path`")


def test_the_input_is_read_as_soon_as_it_is_complete(workplace: Workplace) -> None:
    process = workplace.start("hook", "worktree-create", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    for part in (b'{"name": ', b'"fix"}'):
        process.stdin.write(part)
        process.stdin.flush()
    assert process.stdout.read().decode().splitlines()[-1].endswith("/fix")  # while its input is still open
    process.stdin.close()
    process.stdout.close()
    assert process.wait(60) == 0


def test_a_worktree_that_is_there_is_set_up(command: Command, workplace: Workplace) -> None:
    assert command("hook", "post-create").code == 0
    assert "WORKTREE_NAME=main" in (workplace.repository / ".env.local").read_text()
