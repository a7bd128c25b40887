"""Servers as people and agents leave them running: daemons, jobs of npm, of a shell, of a terminal multiplexer."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.e2e.browsers import missing
from tests.processes.scenes import STUBBORN, WAIT, Started, first_line, named, wait_until

SERVE = """
import os, socket
server = socket.create_server(('127.0.0.1', 0))
print(os.getpid(), server.getsockname()[1], flush=True)
"""
DAEMON = """
import os, time
if os.fork(): os._exit(0)
os.setsid()
parent = os.getpid()
if os.fork(): os._exit(0)
while os.getppid() == parent: time.sleep(0.001)
"""
NODE = """
const server = require('http').createServer((_, answer) => answer.end('hello'));
server.listen(0, '127.0.0.1', () => console.log(process.pid, server.address().port));
"""


def plain(real: Started, place: Path) -> list[int]:
    """A server by itself."""
    return [real.server(place)[0]]


def daemon(real: Started, place: Path) -> list[int]:
    """A server that forked twice: its parent is init, its session its own."""
    return [left_behind(real, place, sys.executable, "-S", "-c", DAEMON + SERVE + WAIT)]


def setsid(real: Started, place: Path) -> list[int]:
    """A server in a session of its own, started by a shell that has ended."""
    return [left_behind(real, place, "sh", "-c", f'setsid {sys.executable} -S -c "$1" & exit', "sh", SERVE + WAIT)]


def left_behind(real: Started, place: Path, *command: str) -> int:
    """Start what starts a server and ends; return the server's pid when it has ended."""
    child = real.run(place, *command)
    pid = int(first_line(child).split()[0])
    real.knows(pid)
    child.wait(60)
    return pid


def stubborn(real: Started, place: Path) -> list[int]:
    """A server that does not hear SIGTERM."""
    return [real.server(place, STUBBORN)[0]]


def moved(real: Started, place: Path) -> list[int]:
    """A server that works elsewhere since it began, in the job of a script that does not."""
    code = f"import os; os.chdir('/tmp')\n{SERVE}{WAIT}"
    child = real.run(place, "sh", "-c", f'{sys.executable} -S -c "$1"; true', "sh", code)
    pid = int(first_line(child).split()[0])
    real.knows(pid)
    return [child.pid, pid]


def at_root(real: Started, place: Path) -> list[int]:
    """A server that went to the root directory, as daemons do, started from a shell."""
    child = real.run(place, "bash", "--noprofile", "--norc")
    (place.parent / f"{place.name}.py").write_text(f"import os; os.chdir('/')\n{SERVE}{WAIT}")
    assert child.stdin
    child.stdin.write(f"{sys.executable} -S {place.parent / place.name}.py &\n")
    child.stdin.flush()
    pid = int(first_line(child).split()[0])
    real.knows(pid)
    return [pid]


def by_npm(real: Started, place: Path) -> list[int]:
    """A server under `npm run`: npm, a shell and node in one group."""
    if not shutil.which("npm"):
        missing("npm")
    (place / "server.js").write_text(NODE)
    (place / "package.json").write_text(json.dumps({"scripts": {"dev": "node server.js; true"}}))
    child = real.run(place, "npm", "run", "--silent", "dev")
    pid = int(first_line(child).split()[0])
    real.knows(pid, *members(child.pid))
    return members(child.pid)


def in_a_pane(real: Started, place: Path) -> list[int]:
    """A server in a pane of tmux, whose own server was started in the worktree too."""
    if not shutil.which("tmux"):
        missing("tmux (apt-get install tmux)")
    said, code = place.parent / f"{place.name}.said", place.parent / f"{place.name}.py"
    code.write_text(SERVE + WAIT)
    environ = {**os.environ, "TMUX_TMPDIR": str(place.parent), "TERM": "xterm"}
    tmux(
        place,
        environ,
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-c",
        str(place),
        f"exec {sys.executable} {code} >{said}",
    )
    tmux(place, environ, "new-window", "-d", "-c", str(place), "exec sleep 120")
    pid = int(wait_until(lambda: said.exists() and said.read_text().split())[0])
    real.knows(pid, int(tmux(place, environ, "display-message", "-p", "#{pid}")))
    return [pid]


def tmux(place: Path, environ: dict[str, str], *arguments: str) -> str:
    """Run tmux; return what it says."""
    return subprocess.run(
        ["tmux", *arguments], cwd=place, env=environ, capture_output=True, text=True, check=True
    ).stdout


KINDS: dict[str, Callable[[Started, Path], list[int]]] = {
    kind.__name__: kind for kind in (plain, daemon, setsid, stubborn, moved, at_root, by_npm, in_a_pane)
}


def beside_an_agent(real: Started, place: Path) -> tuple[int, int, int]:
    """Start an agent that starts a server in its own group; return the pids of agent and server, and the port."""
    agent = f"import subprocess, sys; subprocess.Popen([{sys.executable!r}, '-S', '-c', {SERVE + WAIT!r}])\n{WAIT}"
    child = real.run(place, named(place.parent, "claude"), "-S", "-c", agent)
    pid, port = map(int, first_line(child).split())
    real.knows(pid)
    return child.pid, pid, port


def members(group: int) -> list[int]:
    """Return the pids of a process group."""
    found = []
    for entry in Path("/proc").iterdir() if sys.platform == "linux" else ():
        if entry.name.isdecimal():
            try:
                if os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found
