"""The ports that processes hold: real sockets."""

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from router.observe.sock_diag import Bound
from router.processes import sockets
from tests.processes.scenes import WAIT, Started, wait_until
from tests.processes.servers import SERVE


def without_netlink() -> Iterable[tuple[int, Bound]]:
    raise OSError("no netlink in this sandbox")


def test_the_ports_of_a_process_are_those_it_listens_on_and_those_it_inherited(tmp_path: Path, real: Started) -> None:
    code = f"{SERVE}more = socket.create_server(('::1', 0), family=socket.AF_INET6)\nos.fork()\n{WAIT}"
    with socket.create_server(("127.0.0.1", 0)) as mine, socket.create_connection(mine.getsockname()):
        own = mine.getsockname()[1]
        pid, port = real.pids(tmp_path, ("python3", "-S", "-c", code), 2)
        idle = real.idle(tmp_path)
        wait_until(lambda: len(sockets.held([pid]).get(pid, ())) == 2)
        for listening in (None, without_netlink):
            found = sockets.held([pid, idle, os.getpid(), 2**22 + 1], listening=listening)
            assert own in found[os.getpid()]
            assert port in found[pid]
            assert len(found[pid]) == 2
            assert found.keys() == {pid, os.getpid()}
