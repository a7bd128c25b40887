"""What a new worktree gets from the main checkout: files, links, submodules. With real git."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.errors import FileError, RouterError, SettingsError
from tests.disks import small_disk
from tests.worktrees.shops import Shop, git


def test_what_worktreeinclude_names_and_git_ignores_is_copied(shop: Shop) -> None:
    shop.commit(**{".worktreeinclude": ".env*\n!.env.not\nconf/*.key\nfree.txt\npage\n.venv\n"})
    for name in (".env", ".env.not", "conf/a.key", "free.txt", "other.key", ".venv/bin/tool"):
        (shop.path / name).parent.mkdir(parents=True, exist_ok=True)
        (shop.path / name).write_text(name)
    (shop.path / ".env").chmod(0o600)
    (shop.path / ".venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    path = shop.create()
    there = {str(p.relative_to(path)) for p in path.rglob("*") if not p.is_dir()}
    assert there == {".git", ".gitignore", ".worktreeinclude", "page", ".env", ".env.local", "conf/a.key",
                     ".venv/bin/tool", ".venv/bin/python"}  # fmt: skip
    assert (path / ".env").stat().st_mode & 0o777 == 0o600
    assert (path / ".venv" / "bin" / "python").readlink() == Path("/usr/bin/python3")


def test_a_copied_env_file_keeps_what_is_the_user_s_and_gets_its_own_block(shop: Shop) -> None:
    shop.commit(**{".worktreeinclude": ".env.local\n"})
    (shop.path / ".env.local").write_text("SECRET=1\n")
    shop.post_create(shop.path)
    main = (shop.path / ".env.local").read_text()
    own = (shop.create() / ".env.local").read_text()
    assert own.startswith("SECRET=1\n# >>> worktree-router >>>")
    assert own != main


def test_the_entry_of_claude_codes_preview_is_each_worktrees_own(shop: Shop) -> None:
    (shop.path / ".claude").mkdir()
    (shop.path / ".claude/launch.json").write_text(
        '{"configurations": [{"name": "web", "url": "http://main.localhost:8080"}, {"name": "api", "port": 4000}]}'
    )
    assert not (shop.create("before") / ".claude/launch.json").exists()  # git would take it
    shop.commit(**{".gitignore": "/.claude/launch.json\n.env.local\n"})
    path = shop.create("after")
    entries = json.loads((path / ".claude/launch.json").read_text())["configurations"]
    assert [entry["name"] for entry in entries] == ["web", "api"]
    assert entries[0]["url"].startswith("http://worktree-after.localhost")
    (path / ".claude/launch.json").write_text("{}")
    shop.post_create(path)
    assert (path / ".claude/launch.json").read_text() == "{}"


def test_dependencies_are_linked_and_copied_as_router_toml_says(shop: Shop) -> None:
    shop.commit(**{"router.toml": '[setup]\nlink = ["node_modules", "gone"]\ncopy = [".venv", "web/.venv"]\n'})
    for name in ("node_modules/a.js", ".venv/pyvenv.cfg", "web/.venv/x"):
        (shop.path / name).parent.mkdir(parents=True)
        (shop.path / name).write_text(name)
    path = shop.create()
    assert (path / "node_modules").readlink() == shop.path / "node_modules"
    assert (path / "web" / ".venv" / "x").read_text() == "web/.venv/x"
    assert not (path / ".venv").is_symlink()
    assert (path / ".venv" / "pyvenv.cfg").exists()
    assert not os.path.lexists(path / "gone")


def test_a_link_that_git_would_commit_is_reported(shop: Shop) -> None:
    shop.commit(**{".gitignore": "node_modules/\n", "router.toml": '[setup]\nlink = ["node_modules"]\n'})
    (shop.path / "node_modules").mkdir()
    shop.create()
    assert any("ignore `/node_modules`" in line for line in shop.messages)


def test_what_the_branch_has_itself_stays(shop: Shop) -> None:
    shop.commit(**{".worktreeinclude": "a.key\n", "router.toml": '[setup]\nlink = ["lib"]\n', "lib/x": "tracked"})
    (shop.path / "a.key").write_text("main's")
    git(shop.path, "checkout", "-q", "-b", "worktree-x")
    shop.commit(**{"a.key": "the branch's"})
    git(shop.path, "checkout", "-q", "main")
    (shop.path / "a.key").write_text("main's")
    path = shop.create()
    assert (path / "a.key").read_text() == "the branch's"
    assert not (path / "lib").is_symlink()


def test_nothing_is_copied_through_a_link_of_the_branch_s(shop: Shop, tmp_path: Path) -> None:
    shop.commit(**{".worktreeinclude": "conf/*.key\n"})
    outside = tmp_path / "outside"
    outside.mkdir()
    git(shop.path, "checkout", "-q", "-b", "worktree-x")
    (shop.path / "conf").symlink_to(outside)
    shop.commit(conf2="1")
    git(shop.path, "add", "conf")
    git(shop.path, "commit", "-q", "-m", "link")
    git(shop.path, "checkout", "-q", "main")
    (shop.path / "conf").mkdir()
    (shop.path / "conf" / "a.key").write_text("secret")
    shop.create()
    assert list(outside.iterdir()) == []
    assert "left out conf/a.key: a link leads to it" in shop.messages


@pytest.mark.parametrize("path", ["/etc", "../x", "a/../../x", "", ".", ".git", "a//b", "a\nb", "sub/.git/hooks"])
def test_setup_names_only_what_is_inside(shop: Shop, path: str) -> None:
    shop.commit(**{"router.toml": f"[setup]\ncopy = [{path!r}]\n".replace("\\n", "\\u000a").replace("'", '"')})
    before = shop.left
    with pytest.raises(SettingsError, match=r"router\.toml: setup\.copy\.0: "):
        shop.create()
    assert shop.left == before


def test_a_worktree_that_somebody_else_created_gets_the_same(shop: Shop, tmp_path: Path) -> None:
    shop.commit(**{".worktreeinclude": ".env\n"})
    (shop.path / ".env").write_text("A=1\n")
    path = tmp_path / "elsewhere"
    git(shop.path, "worktree", "add", "-q", "-b", "feature/y", path)
    shop.post_create(path)
    once = (path / ".env.local").read_text()
    (path / ".env").write_text("A=2\n")
    shop.post_create(path)
    assert (path / ".env").read_text() == "A=2\n"
    assert (path / ".env.local").read_text() == once


# What changes or cannot be copied


@contextlib.contextmanager
def changing(*folders: Path) -> Iterator[None]:
    """Create and remove files and folders in these, over and over, until the block ends."""
    script = """
import pathlib, shutil, sys
folders = [pathlib.Path(arg) for arg in sys.argv[1:]]
print("ready", flush=True)
while True:
    for folder in folders:
        for number in range(20):
            (folder / f"gone.{number}" / "deep").mkdir(parents=True)
            (folder / f"gone.{number}" / "deep" / "file.key").write_text("x" * 10_000)
        for number in range(20):
            shutil.rmtree(folder / f"gone.{number}")
"""
    process = subprocess.Popen([sys.executable, "-c", script, *folders], stdout=subprocess.PIPE)
    assert process.stdout
    try:
        assert process.stdout.readline() == b"ready\n"
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_what_goes_while_a_tree_is_copied_is_left_out(shop: Shop, tmp_path: Path) -> None:
    shop.commit(**{"router.toml": '[setup]\ncopy = ["build"]\n', ".gitignore": "build/\n.env*\n"})
    (shop.path / "build" / "stays").mkdir(parents=True)
    for number in range(50):
        (shop.path / "build" / "stays" / str(number)).write_text("stays")
    deadline, bites = time.monotonic() + 30, 0
    with changing(shop.path / "build"):
        while bites < 3 and time.monotonic() < deadline:
            path = shop.create()
            assert len(list((path / "build" / "stays").iterdir())) == 50
            shop.remove(path, force=True)
            try:  # the same copy without that care
                shutil.copytree(shop.path / "build", tmp_path / "copy")
            except (FileNotFoundError, shutil.Error):
                bites += 1
            shutil.rmtree(tmp_path / "copy", ignore_errors=True)
    assert bites
    assert not [line for line in shop.messages if "not" in line and "git does not ignore" not in line]


def test_files_that_come_and_go_are_copied_or_left_out(shop: Shop) -> None:
    shop.commit(**{".worktreeinclude": "*.key\n"})
    (shop.path / "stays.key").write_text("1")
    (shop.path / "keys").mkdir()
    with changing(shop.path / "keys"):
        for number in range(5):
            assert (shop.create(f"x{number}") / "stays.key").read_text() == "1"


def test_sockets_and_fifos_are_left_out(shop: Shop) -> None:
    names = '["run", "fifo"]'
    shop.commit(**{"router.toml": f"[setup]\ncopy = {names}\nlink = {names}\n", ".gitignore": "run/\nfifo\n.env*\n"})
    (shop.path / "run").mkdir()
    (shop.path / "run" / "pid").write_text("1")
    os.mkfifo(shop.path / "run" / "fifo")
    os.mkfifo(shop.path / "fifo")
    with contextlib.chdir(shop.path / "run"), socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
    path = shop.create()
    assert [each.name for each in (path / "run").iterdir()] == ["pid"]
    assert not os.path.lexists(path / "fifo")
    assert shop.messages.count("left out fifo: it is neither a file nor a directory") == 2


def test_a_copied_tree_keeps_modes_times_and_links(shop: Shop) -> None:
    shop.commit(**{"router.toml": '[setup]\ncopy = ["build"]\n', ".gitignore": "build/\n.env*\n"})
    closed = shop.path / "build" / "closed"
    closed.mkdir(parents=True)
    (closed / "tool").write_text("x")
    (closed / "tool").chmod(0o750)
    (closed / "link").symlink_to("tool")
    (closed / "away").symlink_to(shop.path)
    os.utime(closed / "tool", (1, 2))
    os.utime(closed, (3, 4))
    closed.chmod(0o500)
    copy = shop.create() / "build" / "closed"
    assert (copy.stat().st_mode & 0o777, copy.stat().st_mtime) == (0o500, 4)
    assert ((copy / "tool").stat().st_mode & 0o777, (copy / "tool").stat().st_mtime) == (0o750, 2)
    assert ((copy / "link").readlink(), (copy / "away").readlink()) == (Path("tool"), shop.path)


def test_a_directory_that_holds_the_worktree_itself_is_not_copied(shop: Shop) -> None:
    shop.commit(**{"router.toml": '[setup]\ncopy = [".claude"]\n'})
    path = shop.create()
    assert not (path / ".claude").exists()
    assert "did not copy .claude: this worktree is inside it" in shop.messages


def test_a_full_disk_is_said_and_nothing_is_left_half_copied(shop: Shop, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="2m") as disk:
        path = disk / "worktree"
        shop.commit(**{"router.toml": '[setup]\ncopy = ["deps"]\n', ".gitignore": "deps/\n.env*\n"})
        git(shop.path, "worktree", "add", "-q", path)
        (shop.path / "deps").mkdir()
        for number in range(30):
            (shop.path / "deps" / str(number)).write_text("x" * 100_000)
        with pytest.raises(FileError, match=r"deps/\d+ cannot be copied: No space left on device$"):
            shop.post_create(path)
        assert sorted(each.name for each in path.iterdir()) == [".git", ".gitignore", "page", "router.toml"]
        shutil.rmtree(shop.path / "deps")
        (shop.path / "deps").mkdir()
        shop.post_create(path)
        assert (path / ".env.local").exists()
        git(shop.path, "worktree", "remove", "--force", path)


# Submodules


def test_submodules_that_the_main_checkout_has_are_checked_out(with_submodule: Shop) -> None:
    path = with_submodule.create()
    assert (path / "lib" / "lib.txt").read_text() == "1"
    with_submodule.remove(path)
    assert not path.exists()


def test_submodules_elsewhere_are_left_out_unless_fetching_is_wanted(with_submodule: Shop) -> None:
    git(with_submodule.path, "config", "submodule.lib.url", "https://example.invalid/lib")
    path = with_submodule.create()
    assert list((path / "lib").iterdir()) == []
    assert any(line.startswith("left out the submodule lib: it is remote") for line in with_submodule.messages)


def test_submodules_that_the_main_checkout_has_not_are_left_alone(with_submodule: Shop) -> None:
    git(with_submodule.path, "submodule", "--quiet", "deinit", "--all", "--force")
    assert list((with_submodule.create() / "lib").iterdir()) == []


# Links in the main checkout


def test_a_link_to_a_file_is_copied_as_a_file(shop: Shop, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "env").write_text("SECRET=1\n")
    (dotfiles / "key").write_text("k")
    (shop.path / ".env.local").symlink_to(dotfiles / "env")
    (shop.path / "own.key").symlink_to("../dotfiles/key")
    (shop.path / "gone.key").symlink_to(tmp_path / "nowhere")
    shop.commit(**{".worktreeinclude": ".env.local\n*.key\n"})
    path = shop.create()
    assert not (path / ".env.local").is_symlink()
    assert (path / ".env.local").read_text().startswith("SECRET=1\n")
    assert "FEATURE=" in (path / ".env.local").read_text()
    assert (path / "own.key").read_text() == "k"
    assert not (path / "own.key").is_symlink()
    assert (path / "gone.key").readlink() == tmp_path / "nowhere"
    assert (dotfiles / "env").read_text() == "SECRET=1\n"


def test_a_link_where_the_environment_would_be_written_is_said_and_left(shop: Shop) -> None:
    (shop.path / ".env.local").write_text("A=1\n")
    shop.commit(**{"router.toml": '[setup]\nlink = [".env.local"]\n'})
    path = shop.create()
    assert (path / ".env.local").is_symlink()
    assert (shop.path / ".env.local").read_text() == "A=1\n"
    assert any("did not write the worktree's environment into .env.local: it is a link" in m for m in shop.messages)


def test_an_error_speaks_of_what_is_there(shop: Shop) -> None:
    (shop.path / ".env.local").write_text("# >>> router\nA=1\n")
    shop.commit(**{".worktreeinclude": ".env.local\n", "router.toml": '[env]\nA = "{{ nothing }}"\n'})
    with pytest.raises(RouterError) as failed:
        shop.create()
    assert failed.value.message.endswith("; the worktree was removed again")
    assert str(shop.path / ".claude") not in failed.value.hint
