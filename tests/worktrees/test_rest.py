"""A worktree whose directory is not empty when git is done with it: what goes, what is kept, whose name is free."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from router.errors import GitError, RouterError, UnsavedWorkError
from router.worktrees import git_commands, rest
from router.worktrees.git_commands import Checkout
from tests.needs import needs
from tests.worktrees.shops import Shop, git

WRITES = """
import itertools, os, sys
for number in itertools.count():
    try:
        os.makedirs("node_modules/.cache", exist_ok=True)
        open(f"node_modules/.cache/{number % 50}.js", "w").write("x")
        if number == 0:
            print("writes", flush=True)
    except OSError:
        pass
"""
SERVES = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); s.accept()"


@pytest.fixture
def program() -> Iterator[Callable[[Path, str], str]]:
    """Start a program in a directory, and return the first line that it prints."""
    started: list[subprocess.Popen[str]] = []

    def start(directory: Path, code: str) -> str:
        command = [sys.executable, "-S", "-c", code]
        started.append(subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout
        return started[-1].stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=60)


def left_by_git(shop: Shop, path: Path) -> None:
    """Have a removal begun of which git has dropped its record, and left the directory."""
    worktree = git_commands.worktree_at(shop.path / ".git", path)
    assert worktree
    rest.begin(Checkout(shop.path / ".git", shop.path, path), "worktree-x")
    shutil.rmtree(git_commands.admin_directory(shop.path / ".git", worktree))
    assert git_commands.worktree_at(shop.path / ".git", path) is None


def is_whole(shop: Shop, path: Path) -> bool:
    return shop.create() == path and git(path, "status", "--porcelain") == ""


def test_a_server_that_runs_is_a_refusal_before_anything_is_removed(
    shop: Shop, program: Callable[[Path, str], str]
) -> None:
    path = shop.create()
    port = program(path, SERVES)
    with pytest.raises(UnsavedWorkError, match=rf"python.* \(pid \d+\) listens on {port}$") as refused:
        shop.remove(path)
    assert "router stop" in refused.value.hint
    assert git(path, "status", "--porcelain") == ""
    shop.remove(path, force=True)
    assert not path.exists()


def test_while_a_program_goes_on_writing_it_fails_and_a_second_try_succeeds(shop: Shop) -> None:
    path = shop.create()
    writer = subprocess.Popen([sys.executable, "-S", "-c", WRITES], cwd=path, stdout=subprocess.PIPE)
    try:
        assert writer.stdout
        writer.stdout.readline()
        with contextlib.suppress(GitError):  # git may be faster than the program
            shop.remove(path, force=True)
    finally:
        writer.kill()
        writer.communicate(timeout=60)
    shop.remove(path)
    assert not path.exists()
    assert is_whole(shop, path)


def test_what_was_there_before_and_what_is_ignored_goes(shop: Shop) -> None:
    before = shop.left
    path = shop.create()
    (path / "node_modules" / "a").mkdir(parents=True)
    (path / "node_modules" / "a" / "index.js").touch()
    (path / "untracked").touch()
    left_by_git(shop, path)
    (path / "node_modules" / "a" / "later.js").touch()
    (path / "secret.key").touch()  # ignored by a pattern
    (path / "page").unlink()
    shop.remove(path)
    assert not path.exists()
    assert shop.left == before
    assert not list((shop.path / ".git").glob("worktree-router-removals*"))


def test_a_file_that_is_neither_is_kept_beside_and_the_name_is_free(shop: Shop) -> None:
    path = shop.create()
    left_by_git(shop, path)
    (path / "notes.txt").write_text("mine")
    (path / "deep").mkdir()
    (path / "deep" / "more.txt").write_text("mine too")
    shop.remove(path)
    aside = path.with_name("x.kept")
    assert {str(p.relative_to(aside)) for p in aside.rglob("*") if p.is_file()} == {"notes.txt", "deep/more.txt"}
    assert f"kept deep/more.txt, notes.txt in {aside}: written while the worktree was removed" in shop.messages
    assert is_whole(shop, path)


def test_creating_the_name_finishes_the_removal_too(shop: Shop) -> None:
    path = shop.create()
    left_by_git(shop, path)
    assert is_whole(shop, path)


def test_links_are_not_followed(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").touch()
    path = shop.create()
    (path / "node_modules").symlink_to(tmp_path / "elsewhere")
    left_by_git(shop, path)
    shop.remove(path)
    assert not path.exists()
    assert (tmp_path / "elsewhere" / "precious").exists()


@pytest.mark.parametrize("other", ["directory", "link", "file"])
def test_what_took_its_place_is_left_alone(shop: Shop, other: str, tmp_path: Path) -> None:
    path = shop.create()
    left_by_git(shop, path)
    path.rename(tmp_path / "moved")
    if other == "directory":
        path.mkdir()
        (path / "page").touch()
    elif other == "link":
        path.symlink_to(tmp_path / "moved")
    else:
        path.touch()
    with pytest.raises(RouterError, match=r"another directory by now|cannot be cleared|is not below"):
        shop.remove(path)
    assert os.path.lexists(path)
    assert (tmp_path / "moved" / "page").exists()


@needs("mount", root=True)
def test_what_is_mounted_inside_stops_it(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").touch()
    path = shop.create()
    (path / "node_modules").mkdir()
    left_by_git(shop, path)
    subprocess.run(["mount", "--bind", tmp_path / "data", path / "node_modules"], check=True)
    try:
        with pytest.raises(GitError, match="node_modules is mounted inside"):
            shop.remove(path)
        assert (tmp_path / "data" / "precious").exists()
        assert (path / "page").exists()
    finally:
        subprocess.run(["umount", path / "node_modules"], check=True)
    shop.remove(path)
    assert not path.exists()


def test_a_directory_that_no_removal_began_with_is_nobodys_to_remove(shop: Shop) -> None:
    path = shop.path / ".claude" / "worktrees" / "x"
    path.mkdir(parents=True)
    with pytest.raises(GitError, match="is no worktree of"):
        shop.remove(path)


@pytest.mark.parametrize("record", ["", "{}", "[1]", '{"device": 1}', "not json"])
def test_a_record_that_makes_no_sense_is_none(shop: Shop, record: str) -> None:
    path = shop.create()
    left_by_git(shop, path)
    [file] = (shop.path / ".git" / "worktree-router-removals").iterdir()
    file.write_text(record)
    with pytest.raises(GitError, match="is no worktree of"):
        shop.remove(path)
    assert (path / "page").exists()
