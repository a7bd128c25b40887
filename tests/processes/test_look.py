"""Processes as one look finds them: real ones."""

import os
import pwd
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from router import ps
from router.processes.look import Process, from_psutil, look
from router.processes.roles import Role
from tests.processes.scenes import Started, first_line, wait_until

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")


def seen(pid: int) -> Process:
    return next(each for each in look() if each.pid == pid)


def test_a_process_has_its_identity_family_directory_and_program(tmp_path: Path, real: Started) -> None:
    child = real.run(tmp_path, "sleep", "60")
    wait_until(lambda: seen(child.pid).program == "sleep")
    found = seen(child.pid)
    assert found.id == ps.identify(child.pid)
    assert (found.parent, found.group, found.session) == (os.getpid(), child.pid, child.pid)
    assert (found.uid, found.cwd, found.removed, found.role) == (os.getuid(), str(tmp_path), "", None)
    assert abs(found.started - time.time()) < 60


def test_a_script_is_shown_by_its_name_and_never_its_arguments(tmp_path: Path, real: Started) -> None:
    (tmp_path / "serve.py").write_text("print('ready', flush=True)\nimport time; time.sleep(600)")
    child = real.run(tmp_path, sys.executable, "serve.py", "--token=secret")
    first_line(child)
    assert seen(child.pid).program == "serve.py"
    assert "secret" not in repr(seen(child.pid))


def test_an_agent_an_editor_and_a_shell_are_known(tmp_path: Path, real: Started) -> None:
    work = tmp_path / "work"
    work.mkdir()
    agent, editor = real.idle(work, name="claude"), real.idle(work, name="nvim")
    shell = real.shell(work)
    assert [seen(pid).role for pid in (agent, editor, shell)] == [Role.AGENT, Role.EDITOR, Role.SHELL]


def test_a_zombie_is_no_process(tmp_path: Path, real: Started) -> None:
    child = real.run(tmp_path, "true")
    wait_until(lambda: child.pid not in {each.pid for each in look()})


@LINUX
def test_psutil_shows_the_same_where_there_is_no_proc(tmp_path: Path, real: Started) -> None:
    (tmp_path / "work").mkdir()
    agent, server = real.idle(tmp_path / "work", name="claude"), real.server(tmp_path / "work")[0]
    shell = real.shell(tmp_path / "work")
    portable = {each.pid: each for each in look(from_psutil)}
    for pid in (agent, server, shell):
        assert abs(portable[pid].started - seen(pid).started) < 2
        assert replace(portable[pid], started=0.0) == replace(seen(pid), started=0.0)
    (tmp_path / "gone").mkdir()
    left = real.idle(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    [found] = [each for each in look(from_psutil) if each.pid == left]
    assert (found.cwd, found.removed) == (str(tmp_path / "gone"), str(tmp_path / "gone"))


@LINUX
def test_the_topmost_directory_that_was_deleted_under_a_process_is_told(tmp_path: Path, real: Started) -> None:
    root = tmp_path / "shop.x"
    (root / "apps/web").mkdir(parents=True)
    deep, flat = real.idle(root / "apps/web"), real.idle(root)
    shutil.rmtree(root)
    assert (seen(deep).cwd, seen(deep).removed) == (str(root / "apps/web"), str(root))
    assert (seen(flat).cwd, seen(flat).removed) == (str(root), str(root))
    (root / "apps/web").mkdir(parents=True)  # another directory of the same path
    assert seen(deep).removed == str(root)


@LINUX
def test_a_directory_deleted_inside_one_that_stays_is_told_alone(tmp_path: Path, real: Started) -> None:
    (tmp_path / "root/dist/js").mkdir(parents=True)
    pid = real.idle(tmp_path / "root/dist/js")
    shutil.rmtree(tmp_path / "root/dist")
    assert seen(pid).removed == str(tmp_path / "root/dist")


@LINUX
def test_a_directory_that_is_only_called_deleted_is_there(tmp_path: Path, real: Started) -> None:
    odd = tmp_path / "shop (deleted)"
    odd.mkdir()
    found = seen(real.idle(odd))
    assert (found.cwd, found.removed) == (str(odd), "")


@LINUX
def test_a_directory_that_was_moved_is_followed(tmp_path: Path, real: Started) -> None:
    (tmp_path / "before").mkdir()
    pid = real.idle(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    assert (seen(pid).cwd, seen(pid).removed) == (str(tmp_path / "after"), "")


@LINUX
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_process_acts_for_the_user_it_became_without_starting_again(tmp_path: Path, real: Started) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    changed = real.idle(tmp_path, code=f"import os; os.setgroups([]); os.setuid({nobody})\n")
    assert seen(changed).uid == nobody
