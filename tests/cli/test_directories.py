"""Directories that commands start from: the current one may be gone, that of the state impossible to create."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from router.cli import boundary
from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e.browsers import missing
from tests.e2e.routers import Said

Command = Callable[..., Said]


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workplace: Workplace) -> None:
    """Be in a directory that is gone."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()


@pytest.mark.parametrize("arguments", [
    ("up", "--detach"), ("status",), ("url",), ("open",), ("render",), ("explain", "x"), ("env",), ("env", "--write"),
    ("run", "true"), ("init", "mise"), ("hook", "post-create"), ("hook", "worktree-remove", "x"), ("doctor",),
], ids=" ".join)  # fmt: skip
def test_a_current_directory_that_is_gone_is_one_sentence(
    nowhere: None, command: Command, arguments: tuple[str, ...]
) -> None:
    assert command(*arguments) == Said(1, "", (
        "error: the current directory cannot be used: No such file or directory\n"
        "  → change into a directory that is there\n"
    ))  # fmt: skip


def test_what_needs_no_current_directory_goes_on_without(
    nowhere: None, command: Command, watching: FakeWatcher
) -> None:
    assert command("url", "--oauth").out == "http://localhost:8080/auth/callback\n"
    assert "127.0.0.1 main.localhost" in command("hosts").out
    assert command("logs").code == 0


def test_the_command_starts_in_a_directory_that_is_gone(workplace: Workplace) -> None:
    done = workplace.shell("mkdir x && cd x && rmdir ../x && router status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the current directory cannot be used: ")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A file system that nothing can be written to."""
    directory = tmp_path / "read-only"
    directory.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(directory)], capture_output=True,
                             text=True, check=False)  # fmt: skip
    if mounted.returncode:
        missing(f"the right to mount a file system ({mounted.stderr.strip()})")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


def refused(directory: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the one message that every command gives for a state directory, its hint checked."""
    monkeypatch.setenv("ROUTER_STATE_DIR", str(directory))
    said = {command(*arguments) for arguments in (("status", "--check"), ("up", "--detach"), ("down",), ("url",))}
    [(code, out, err)] = [(each.code, each.out, each.err) for each in said]
    message, hint = err.splitlines()
    assert (code, out) == (1, "")
    assert "ROUTER_STATE_DIR" in hint
    return message


def test_a_read_only_file_system_is_named(read_only: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(read_only / "state", command, monkeypatch)
    assert message == f"error: {read_only}/state cannot be used: Read-only file system"


def test_a_file_in_the_place_of_the_state_directory_is_named(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "state"):
        assert refused(path, command, monkeypatch).startswith(f"error: {path} ")


def test_a_name_of_3000_bytes_is_refused_and_a_path_of_as_many_is_used(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = refused(tmp_path / ("x" * 3000), command, monkeypatch)
    assert message.endswith(": File name too long")
    deep = os.path.join(tmp_path, *["d"] * ((3000 - len(str(tmp_path))) // 2))  # noqa: PTH118 - a Path makes it slowly
    monkeypatch.setenv("ROUTER_STATE_DIR", deep)
    try:
        assert command("status", "--json").code == 0
        assert boundary.run(("down",)) == 0
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # too deep for pytest, which removes old runs
