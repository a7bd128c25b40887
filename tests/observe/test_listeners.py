"""Listening sockets of real processes, and the worktree they are found in."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from router.model import Listener
from router.observe.listeners import Listeners
from tests.observe.servers import LINUX, SERVER, WAIT, at, bound, folder, only, own, served, sharing, started


@pytest.mark.parametrize(
    ("address", "v6only", "expected"),
    [
        ("127.0.0.1", None, [("127.0.0.1", True)]),
        ("0.0.0.0", None, [("127.0.0.1", False)]),
        ("::1", None, [("::1", True)]),
        ("::", False, [("127.0.0.1", False), ("::1", False)]),
        pytest.param("::", True, [("::1", False)], marks=LINUX),
        ("::ffff:127.0.0.1", False, [("127.0.0.1", True)]),
        pytest.param("127.0.0.2", None, [], marks=LINUX),
    ],
)
def test_each_address_that_can_be_dialled_is_a_listener(
    address: str, v6only: bool | None, expected: list[tuple[str, bool]]
) -> None:
    with bound(address, v6only=v6only) as port:
        found = own(port, Listeners().scan([str(Path.cwd())]))
    assert [(listener.address, listener.loopback_only) for listener in found] == expected
    assert {listener.worktree for listener in found} <= {str(Path.cwd())}


def test_a_socket_that_only_is_bound_or_connected_is_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        with socket.create_connection(server.getsockname()) as client:
            ports = {listener.port for listener in Listeners().scan([])}
            assert server.getsockname()[1] in ports
            assert not {idle.getsockname()[1], client.getsockname()[1]} & ports


@pytest.mark.skipif(not hasattr(socket, "IPPROTO_MPTCP"), reason="no MPTCP in this Python")
def test_a_multipath_socket_as_go_makes_them_has_its_owner() -> None:
    try:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
    except OSError as exc:
        pytest.skip(f"no MPTCP in this kernel: {exc}")
    with listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        assert only(listening.getsockname()[1], Listeners().scan([])).pid == os.getpid()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_http_server_of_the_standard_library(tmp_path: Path, address: str) -> None:
    with bound(address):
        pass
    with started(tmp_path, sys.executable, "-u", "-m", "http.server", "0", "--bind", address) as server:
        [found] = own(server.port, Listeners().scan([str(tmp_path)]), pid=server.process.pid)
    assert found == Listener(
        port=server.port, address=address, worktree=str(tmp_path), pid=server.process.pid, program="http.server",
        uid=os.getuid(), directory=os.path.realpath(tmp_path), holders=(server.process.pid,),
    )  # fmt: skip


def test_a_server_in_a_subdirectory_belongs_to_the_deepest_root_as_it_was_given(tmp_path: Path) -> None:
    main = folder(tmp_path / "shop")
    inner = folder(main / ".claude/worktrees/x")
    folder(tmp_path / "shop-2")
    link = tmp_path / "link"
    link.symlink_to(inner)
    listeners = Listeners()
    with served(folder(inner / "web/src")) as deep, served(folder(main / "api")) as outer, served(tmp_path) as outside:
        roots = [str(main), str(link), str(tmp_path / "shop-2")]
        found = {listener.port: listener.worktree for listener in listeners.scan(roots)}
        assert (found[deep.port], found[outer.port], found[outside.port]) == (str(link), str(main), None)
        assert only(deep.port, listeners.scan([str(main)])).worktree == str(main)
        assert only(deep.port, listeners.scan([str(tmp_path / "shop-2")])).worktree is None
        assert only(deep.port, listeners.scan(["/"])).worktree == "/"


def test_a_server_that_works_elsewhere_belongs_to_its_nearest_ancestor(tmp_path: Path) -> None:
    main, feature = folder(tmp_path / "main"), folder(tmp_path / "feature")
    script = f'cd {feature}; sh -c \'sh -c "(cd / && exec {sys.executable} -S -c \\"$CODE\\"); :"; :\'; :'
    with started(main, "env", f"CODE={SERVER}{WAIT}", "sh", "-c", script) as server:
        found = only(server.port, Listeners().scan([str(main), str(feature)]))
        assert found.worktree == str(feature)
        assert found.pid != server.process.pid


def test_a_process_whose_parent_has_left_belongs_by_its_own_folder(tmp_path: Path) -> None:
    command = f'{sys.executable} -S -c "$CODE" & sleep 0'
    with started(tmp_path, "env", f"CODE={SERVER}{WAIT}", "sh", "-c", command) as server:
        server.process.wait(60)
        found = only(server.port, Listeners().scan([str(tmp_path)]))
    assert (found.worktree, found.pid is not None) == (str(tmp_path), True)


def test_an_ancestor_of_another_session_says_nothing(tmp_path: Path) -> None:
    """A terminal multiplexer that was started in a worktree serves other projects as well."""
    child = f"import os; os.setsid(); os.chdir('/'); {SERVER}{WAIT}"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {child!r}])"
    with started(tmp_path, sys.executable, "-S", "-c", parent) as server:
        found = only(server.port, Listeners().scan([str(tmp_path)]))
        assert found.pid
        os.kill(found.pid, signal.SIGKILL)
    assert found.worktree is None


@LINUX
def test_a_server_in_a_removed_folder_is_not_the_one_of_its_successor(tmp_path: Path) -> None:
    feature = folder(tmp_path / "feature")
    listeners = Listeners()
    with served(feature) as server:
        assert only(server.port, listeners.scan([str(feature)])).worktree == str(feature)
        feature.rmdir()
        feature.mkdir()
        assert only(server.port, listeners.scan([str(feature)])).worktree is None


def test_of_several_holders_the_oldest_inside_counts_and_its_child_after_it(tmp_path: Path) -> None:
    fork = "import os\nif os.fork():\n print('forked', flush=True)\n os.wait()"
    listeners = Listeners()
    with served(tmp_path, fork) as server:
        assert server.process.stdout
        server.process.stdout.readline()
        assert only(server.port, listeners.scan([str(tmp_path)])).pid == server.process.pid
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(60)
        heir = only(server.port, listeners.scan([str(tmp_path)]))
        assert heir.pid not in (None, server.process.pid)
        assert heir.worktree == str(tmp_path)


def test_a_holder_inside_a_worktree_comes_before_an_older_one_outside(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        code = f"print('port', {port}, flush=True); {WAIT}"
        command = (sys.executable, "-S", "-c", code)
        with started(tmp_path, *command, pass_fds=[ours.fileno()]) as outer:
            with started(folder(tmp_path / "deep"), *command, pass_fds=[ours.fileno()]) as inner:
                listeners = Listeners()
                roots = [str(tmp_path), str(tmp_path / "deep")]
                assert only(port, listeners.scan(roots)).pid == inner.process.pid
                assert only(port, listeners.scan(roots[:1])).pid == outer.process.pid
            assert only(port, listeners.scan(roots)).pid == outer.process.pid


def test_a_fork_about_to_run_something_in_a_worktree_makes_no_server_of_that_worktree(tmp_path: Path) -> None:
    inside = folder(tmp_path / "inside")
    fork = f"import os\nif not os.fork():\n os.chdir({str(inside)!r})\n print('forked', flush=True)"
    with served(folder(tmp_path / "outside"), fork) as server:
        assert server.process.stdout
        server.process.stdout.readline()
        found = only(server.port, Listeners().scan([str(inside)]))
        assert (found.worktree, found.pid) == (None, server.process.pid)
        for child in psutil.Process(server.process.pid).children():
            child.kill()


def test_sockets_that_share_a_port_are_one_listener_and_the_closest_binding_counts() -> None:
    with bound("0.0.0.0", reuse=True) as port, bound("127.0.0.1", reuse=True, port=port):
        assert only(port, Listeners().scan([])).loopback_only
    with bound("0.0.0.0", reuse=True) as port, bound("0.0.0.0", reuse=True, port=port):
        assert not only(port, Listeners().scan([])).loopback_only


def test_of_a_port_that_two_owners_share_each_has_a_listener(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    roots = [str(one), str(other)]
    with started(one, sys.executable, "-S", "-c", sharing(0) + WAIT) as first:
        for place, owner in ((other, str(other)), (tmp_path, None)):
            with started(place, sys.executable, "-S", "-c", sharing(first.port) + WAIT) as second:
                found = at(first.port, Listeners().scan(roots))
                assert {each.worktree: each.pid for each in found} == {
                    str(one): first.process.pid, owner: second.process.pid,
                }  # fmt: skip
                assert all(each.shared for each in found)
        with started(one, sys.executable, "-S", "-c", sharing(first.port) + WAIT):
            assert not only(first.port, Listeners().scan(roots)).shared


def test_servers_come_and_go_between_scans(tmp_path: Path) -> None:
    listeners = Listeners()
    before = listeners.scan([str(tmp_path)])
    with served(tmp_path) as server:
        assert only(server.port, listeners.scan([str(tmp_path)])).worktree == str(tmp_path)
        again = listeners.scan([str(tmp_path)])
        assert again == tuple(sorted(again, key=lambda listener: (listener.port, listener.address)))
    assert not own(server.port, listeners.scan([str(tmp_path)]), pid=server.process.pid)
    assert isinstance(before, tuple)


def test_processes_that_vanish_during_a_scan_do_no_harm(tmp_path: Path) -> None:
    code = "import socket; s = socket.create_server(('127.0.0.1', 0))"
    with served(tmp_path) as server, ExitStack() as short:
        children = []
        for _ in range(30):
            child = short.enter_context(subprocess.Popen([sys.executable, "-S", "-c", code], cwd=tmp_path))
            children.append(child)
            found = Listeners().scan([str(tmp_path)])
            assert only(server.port, found).worktree == str(tmp_path)
        while any(child.poll() is None for child in children):
            assert only(server.port, Listeners().scan([str(tmp_path)])).pid == server.process.pid


def test_no_process_is_left_behind(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        pass
    assert server.process.returncode == -signal.SIGKILL
    shutil.rmtree(tmp_path)
    deadline = time.monotonic() + 20
    while at(server.port, Listeners().scan([])) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not at(server.port, Listeners().scan([]))
