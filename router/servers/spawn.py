"""Starts a server that outlives whoever starts it: in a session of its own, its output into a log, never a terminal."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from router import proc, ps
from router.errors import RouterError
from router.ps import ProcessId

_KEEPER = Path(__file__).with_name("keeper.py")


def spawn(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    directory: Path,
    lock: int,
    remember: Callable[[ProcessId], None],
) -> None:
    """Start a command; `remember` is told which process the server is before that begins.

    It has the lock from now on, until its process group has ended; `directory` gets its log. Where `remember` raises,
    or this process ends meanwhile, nothing is started. RouterError where it cannot be.
    """
    (directory / "keeper.log").touch(mode=0o600)
    hear, told = os.pipe()
    go, say = os.pipe()
    try:
        keeper = [sys.executable, "-I", "-S", str(_KEEPER), str(directory), str(told), str(go), str(lock), *argv]
        started = proc.start(keeper, env=environ, cwd=cwd, log=directory / "keeper.log", pass_fds=(told, go, lock))
        os.close(told)
        told = -1
        started.wait()
        remember(_server(hear, directory))
        os.write(say, b"\n")
    finally:
        for descriptor in (hear, told, go, say):
            if descriptor >= 0:
                os.close(descriptor)


def _server(hear: int, directory: Path) -> ProcessId:
    """Return the process that is to become the server: it waits, so that its pid is its own for as long."""
    said = b""
    while not said.endswith(b"\n") and (data := os.read(hear, 64)):
        said += data
    server = ps.identify(int(said.split()[1])) if said.endswith(b"\n") else None
    if server is None:
        raise RouterError("the server could not be started", hint=f"see {directory / 'keeper.log'}")
    return server
