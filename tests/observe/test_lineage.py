"""What /proc says of a process, compared with psutil."""

import os
import subprocess
import sys
from itertools import takewhile

import psutil
import pytest

from router.observe.lineage import described
from tests.e2e.routers import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def expected(pid: int) -> tuple[tuple[str, ...], int, tuple[int, ...]]:
    """Return what psutil says."""
    process, session = psutil.Process(pid), os.getsid(pid)
    around = takewhile(lambda each: each.pid > 1 and os.getsid(each.pid) == session, process.parents())
    return tuple(process.cmdline()), process.ppid(), (pid, *(each.pid for each in around))


def test_a_process_and_its_ancestors_are_what_psutil_says() -> None:
    found = described(os.getpid())
    assert found
    assert (found.argv, found.parent, found.lineage) == expected(os.getpid())


@pytest.mark.parametrize("new_session", [False, True])
def test_a_child_s_lineage_ends_with_its_session(*, new_session: bool) -> None:
    words = [sys.executable, "-c", "input()", "a b", "", "\udcff"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=new_session) as child:
        wait_until(lambda: (found := described(child.pid)) and found.argv == tuple(words), what="the program")
        found = described(child.pid)
        assert found
        assert (found.argv, found.parent, found.lineage) == expected(child.pid)
        assert (os.getpid() in found.lineage) is not new_session
        child.communicate(b"\n")


@pytest.mark.parametrize("title", ["nginx: master process", "one"])
def test_a_title_is_read_as_psutil_reads_it(title: str) -> None:
    command = ["bash", "-c", f"exec -a '{title}' sleep 60"]
    with subprocess.Popen(command) as child:
        wait_until(lambda: (found := described(child.pid)) and found.argv[-1] == "60", what="the program")
        found = described(child.pid)
        assert found
        assert found.argv == tuple(psutil.Process(child.pid).cmdline())
        child.kill()


def test_a_zombie_and_nobody_are_nothing() -> None:
    child = subprocess.Popen(["true"])
    wait_until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, what="a zombie")
    assert described(child.pid) is None
    child.wait()
    assert described(child.pid) is None


def test_a_kernel_thread_has_its_name() -> None:
    threads = [each for each in psutil.process_iter(["ppid"]) if each.info["ppid"] == 2]  # others may end meanwhile
    if not threads:
        pytest.skip("this container shows none")
    found = described(threads[0].pid)
    assert found
    assert found.argv == (threads[0].name(),)
