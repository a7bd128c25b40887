"""Sockets found by asking the processes, the way of macOS, which works everywhere."""

import os
import subprocess
import sys
from pathlib import Path

from router.observe.listeners import Listeners
from router.observe.sockets_portable import TURNS, Processes
from tests.observe.servers import SERVER, WAIT, at, bound, folder, only, served, sharing, started


def test_it_finds_what_the_kernel_tells(tmp_path: Path) -> None:
    with served(tmp_path) as server, bound("0.0.0.0") as port:
        listeners = Listeners(Processes())
        found = listeners.scan([str(tmp_path)])
        assert only(server.port, found).pid == server.process.pid
        assert only(server.port, found).worktree == str(tmp_path)
        assert only(port, found).loopback_only is False
        assert at(server.port, listeners.scan([str(tmp_path)])) == at(server.port, found)
    assert not at(server.port, listeners.scan([str(tmp_path)]))


def test_a_process_that_had_no_socket_is_asked_again_in_its_turn(tmp_path: Path) -> None:
    late = f"import sys; print('port 1', flush=True); sys.stdin.read(1); {SERVER}{WAIT}"
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", late], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdout.readline()
        listeners = Listeners(Processes(young=0.0))
        listeners.scan([])
        process.stdin.write("x")
        process.stdin.flush()
        port = int(process.stdout.readline().split()[1])
        seen = [bool(at(port, listeners.scan([]))) for _ in range(TURNS)]
        assert seen[-1]
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_two_owners_of_one_port_are_told_apart_from_a_family_that_inherits_it(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    roots = [str(one), str(other)]
    fork = "import os\nif os.fork():\n print('forked', flush=True)\n os.wait()"
    with served(one, fork) as family:
        assert family.process.stdout
        family.process.stdout.readline()
        found = only(family.port, Listeners(Processes()).scan(roots))
        assert (found.worktree, found.shared, found.uid) == (str(one), False, os.getuid())
    with (
        started(one, sys.executable, "-S", "-c", sharing(0) + WAIT) as first,
        started(other, sys.executable, "-S", "-c", sharing(first.port) + WAIT),
    ):
        both = at(first.port, Listeners(Processes()).scan(roots))
        assert {each.worktree: each.shared for each in both} == {str(one): True, str(other): True}
