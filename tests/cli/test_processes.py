"""`whose`, `stop` and `reap` as commands: what they print, where, and with which exit code."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from router.model import WorktreeId
from router.remembered import RememberedWorktree
from router.store import Store
from tests.cli.conftest import Said, Workplace
from tests.processes.scenes import Started, gone, started

Command = Callable[..., Said]


@pytest.fixture
def real() -> Iterator[Started]:
    with started() as made:
        yield made


@pytest.fixture
def linked(workplace: Workplace) -> Path:
    """A linked worktree on the branch `fix-auth`."""
    place = workplace.repository.parent / "shop.fix-auth"
    subprocess.run(["git", "worktree", "add", "-q", "-b", "fix-auth", place], cwd=workplace.repository, check=True)
    return place


def test_whose_prints_lines_for_people_and_an_object_for_tools(command: Command, linked: Path, real: Started) -> None:
    pid, port = real.server(linked)
    said = command("whose", str(port))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("fix-auth of shop, branch fix-auth, at ")
    assert said.out.endswith("known by its working directory\n")
    found = json.loads(command("whose", str(pid), "--json").out)
    assert (found["worktree"], found["path"], found["process"]["pid"]) == ("fix-auth", str(linked), pid)
    nobody = command("whose", "no-such-container")
    assert (nobody.code, nobody.out) == (1, "")
    assert nobody.err.startswith("error: no container of Compose, worktree or file is called 'no-such-container'\n  → ")


def test_what_cannot_be_logged_is_ended_all_the_same(
    command: Command, linked: Path, workplace: Workplace, real: Started
) -> None:
    pid, _ = real.server(linked)
    Store(workplace.state).watcher_log.mkdir(parents=True)
    said = command("stop", "fix-auth")
    assert (said.code, said.out) == (0, "")
    assert [line.startswith("fix-auth: ended ") for line in said.err.splitlines()] == [True]
    assert gone(pid)


def test_stop_says_on_standard_error_what_ended_and_what_stays(
    command: Command, linked: Path, workplace: Workplace, real: Started
) -> None:
    (pid, port), shell = real.server(linked), real.shell(linked)
    said = command("stop", "fix-auth")
    assert (said.code, said.out) == (0, "")
    lines = said.err.splitlines()
    assert lines[0].startswith("fix-auth: ended ")
    assert lines[0].endswith(f"(pid {pid}) on {port}")
    assert lines[1:] == [f"fix-auth: left bash (pid {shell}): a shell"]
    assert gone(pid)
    assert f"SIGTERM to {lines[0].split()[2]} (pid {pid}) in {linked}" in Store(workplace.state).watcher_log.read_text()
    assert command("stop", "fix-auth").err.splitlines()[0] == "fix-auth: nothing was running"


def test_stop_as_json(command: Command, linked: Path, real: Started) -> None:
    (pid, port), editor = real.server(linked), real.server(linked, name="code")[0]
    said = command("stop", "fix-auth", "--json")
    [tree] = json.loads(said.out)["worktrees"]
    assert tree["name"] == "fix-auth"
    assert [(each["pid"], each["ports"], each["killed"]) for each in tree["ended"]] == [(pid, [port], False)]
    assert tree["left"] == [{"pid": editor, "program": "code", "why": "an editor"}]
    assert (tree["containers"], tree["failed"]) == ([], [])


def test_what_was_asked_for_and_is_never_ended_is_a_failure(command: Command, linked: Path, real: Started) -> None:
    pid, port = real.server(linked, name="code")
    said = command("stop", f"--port={port}")
    assert (said.code, said.err) == (1, f"fix-auth: nothing was running\nfix-auth: left code (pid {pid}): an editor\n")


@pytest.mark.parametrize(
    "arguments",
    [("--port=1", "--all"), ("--service=web", "--port=1"), ("fix-auth", "--port=1"), ("--all", "--service=web")],
)
def test_what_contradicts_itself_is_wrong_usage(command: Command, linked: Path, arguments: tuple[str, ...]) -> None:
    said = command("stop", *arguments)
    assert (said.code, said.err.splitlines()[0]) == (2, "error: these options cannot be combined")


def test_stop_all_may_name_the_repository(command: Command, linked: Path, real: Started) -> None:
    pid = real.server(linked)[0]
    said = command("stop", "shop", "--all", "--json")
    assert {tree["name"] for tree in json.loads(said.out)["worktrees"]} == {"fix-auth", "main"}
    assert gone(pid)


def remember(workplace: Workplace, linked: Path) -> None:
    """Leave in the state directory what a watcher remembers: the repository and its linked worktree."""
    store, common = Store(workplace.state), workplace.repository / ".git"
    store.prepare()
    identity = WorktreeId(
        str(common), linked.name, (common / "worktrees" / linked.name / "commondir").stat().st_mtime_ns
    )
    kept = RememberedWorktree(identity, "fix-auth", "fix-auth", "fix-auth", repository="shop", path=str(linked))
    with store.changing() as memory:
        store.remember(replace(memory, repositories=(str(common),), worktrees=(kept,)))


def test_stop_outside_of_a_worktree_wants_a_name(
    command: Command, linked: Path, workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(workplace, linked)
    monkeypatch.chdir(tmp_path)
    said = command("stop")
    assert (said.code, said.err.splitlines()[0]) == (2, "error: the current directory is in no worktree")


def test_reap_lists_what_is_left_and_ends_it_when_asked(
    command: Command, linked: Path, workplace: Workplace, real: Started
) -> None:
    remember(workplace, linked)
    assert command("reap").err == "nothing is left over from worktrees that are gone\n"
    (pid, port), editor = real.server(linked), real.server(linked, name="code")[0]
    subprocess.run(["git", "worktree", "remove", "--force", linked], cwd=workplace.repository, check=True)

    listed = command("reap")
    rows = [line.split() for line in listed.out.splitlines()]
    assert rows[0] == ["WORKTREE", "PID", "PROGRAM", "PORT", "MEMORY", "AGE"]
    assert rows[1][:3] == ["fix-auth", "(shop)", str(pid)]
    assert str(port) in rows[1]
    assert rows[2][2:4] == [str(editor), "code"]
    assert rows[2][-2:] == ["editor:", "stays"]
    assert listed.err == "`router reap --yes` ends these, but for those that are marked\n"
    found = json.loads(command("reap", "--json").out)["orphans"]
    assert [(each["pid"], each["role"]) for each in found] == [(pid, None), (editor, "editor")]

    status = json.loads(command("status", "--json").out)
    assert [each["pid"] for each in status["orphans"]] == [pid, editor]
    assert [each["kind"] for each in status["problems"]] == ["watcher-down", "orphan-process"]
    table = command("status").out.splitlines()
    assert [line.split()[:2] for line in table if str(pid) in line] == [["fix-auth", "(gone)"]]

    ended = command("reap", "--yes")
    assert (ended.code, ended.out) == (0, "")
    assert f"(pid {pid})" in ended.err
    assert f"left code (pid {editor}): an editor\n" in ended.err
    assert gone(pid)
    again = json.loads(command("reap", "--yes", "--json").out)
    assert (again["ended"], [each["pid"] for each in again["left"]]) == ([], [editor])


def test_the_table_shows_memory_for_those_who_ask(command: Command, linked: Path, real: Started) -> None:
    real.idle(linked, name="nvim", code="held = b'x' * 30_000_000\n")
    said = command("status", "--memory")
    assert "MEMORY" in said.out.splitlines()[0].split()
    row = next(line.split() for line in said.out.splitlines() if line.startswith("fix-auth"))
    assert row[row.index("MB") - 1].isdecimal()
    assert "`router stop` would give back 0 MB; the rest is of: editor " in said.err
    assert "MEMORY" not in command("status").out
