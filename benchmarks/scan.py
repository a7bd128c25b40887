"""What a scan for listening servers costs, in milliseconds of CPU.

A resting scan, one that finds a new server, and the plain way (every socket and every process, each time).
"""

import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median

import psutil

from benchmarks.measure import Result, progress
from router.observe.listeners import Listeners
from router.observe.sockets_portable import Processes

SERVER = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print('up', flush=True); time.sleep(600)"


def run(*, smoke: bool) -> Result:
    """Measure beside idle processes and servers in twenty folders."""
    processes, worktrees, busy = (0, 2, 20) if smoke else (300, 20, 200)
    progress(f"{processes} processes, {worktrees} servers")
    with running(processes, worktrees) as roots:
        about = {"processes": len(psutil.pids()), "worktrees": len(roots)}
        figures = measured(roots, busy=busy, times=1 if smoke else 5)
    return Result([{"scan": name.replace("_", " "), "CPU ms": value, **about} for name, value in figures.items()])


def cost(work: Callable[[], object], *, times: int) -> float:
    """Return the median CPU time (user and system) of one call, in milliseconds."""

    def once() -> float:
        before = time.process_time()
        work()
        return (time.process_time() - before) * 1000

    return round(median(once() for _ in range(times)), 3)


def naive(roots: list[str]) -> None:
    """Ask for every socket and for the working directory of every process that holds one."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.pid:
            with suppress(psutil.Error):  # it may have ended meanwhile
                process = psutil.Process(connection.pid)
                for each in (process, *process.parents()):
                    any(Path(each.cwd()).is_relative_to(root) for root in roots)


def tables() -> None:
    """Read the two tables of /proc that would be the alternative to sock_diag."""
    for name in ("tcp", "tcp6"):
        re.findall(rb"(?m)^ *\d+: \S+ \S+ 0A ", Path(f"/proc/net/{name}").read_bytes())


@contextmanager
def connections(number: int) -> Iterator[None]:
    """Keep that many connections open in this process: lines of the table that are no listeners."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=number))
        for _ in range(number):
            stack.enter_context(socket.create_connection(server.getsockname()))
            stack.enter_context(server.accept()[0])
        yield


@contextmanager
def running(processes: int, worktrees: int) -> Iterator[list[str]]:
    """Run a server in each of some folders and idle processes up to a number; yields the folders."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:

        def start(*command: str, cwd: str) -> "subprocess.Popen[bytes]":
            child = stack.enter_context(subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE))
            stack.callback(child.kill)
            return child

        roots = [f"{folder}/worktree-{n}" for n in range(worktrees)]
        for root in roots:
            Path(root).mkdir()
            child = start(sys.executable, "-S", "-c", SERVER, cwd=root)
            assert child.stdout
            child.stdout.readline()
        for _ in range(processes - len(psutil.pids())):
            start("sleep", "600", cwd=folder)
        yield roots


def measured(roots: list[str], *, busy: int, times: int) -> dict[str, float]:
    """Return each figure in milliseconds."""
    listeners, portable = Listeners(), Listeners(Processes(young=0.0))

    def fresh() -> None:
        with socket.create_server(("127.0.0.1", 0)):
            listeners.scan(roots)

    for _ in range(2 * times):  # until sockets of other users are given up
        listeners.scan(roots)
        portable.scan(roots)
    figures = {
        "resting": cost(lambda: listeners.scan(roots), times=40 * times),
        "one_new_socket": cost(fresh, times=4 * times),
        "first": cost(lambda: Listeners().scan(roots), times=times),
        "resting_without_sock_diag": cost(lambda: portable.scan(roots), times=2 * times),
        "proc_net_tables_alone": cost(tables, times=4 * times) if sys.platform == "linux" else 0.0,
        "naive_psutil": cost(lambda: naive(roots), times=times),
    }
    with connections(busy):
        listeners.scan(roots)
        figures[f"resting_with_{busy}_connections"] = cost(lambda: listeners.scan(roots), times=10 * times)
        figures[f"naive_psutil_with_{busy}_connections"] = cost(lambda: naive(roots), times=times)
    return figures
