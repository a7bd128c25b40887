"""`router demo` and `router demo --check` for real: what somebody tries first, and that nothing of it stays."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from router.demo.check import STEPS
from tests.e2e.caddies import exchange
from tests.e2e.routers import LIMIT, free_port, listens, wait_until

pytestmark = pytest.mark.e2e


class Folder:
    """A temporary directory for one demo, and the environment that tells which processes are its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.started: list[subprocess.Popen[str]] = []
        self.env = {**os.environ, "TMPDIR": str(directory), "ROUTER_PORT": str(self.port), "NO_COLOR": "1"}

    def start(self, *options: str, **env: str) -> subprocess.Popen[str]:
        """Start `router demo` as the leader of a process group, as a shell does."""
        process = subprocess.Popen(
            [sys.executable, "-m", "router", "demo", *options], env={**self.env, **env}, cwd=self.directory,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
        )  # fmt: skip
        self.started.append(process)
        return process

    def shell(self, command: str) -> str:
        """Run a line as somebody would type it in another terminal; return what it printed."""
        done = subprocess.run(["sh", "-c", command], env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def entries(self) -> list[str]:
        """Return the names of what lies in the temporary directory."""
        return [path.name for path in self.directory.iterdir()]

    def processes(self) -> list[psutil.Process]:
        """Return what runs with this temporary directory, Caddy included."""
        return [process for process in psutil.process_iter() if self._is_own(process)]

    def runs(self, word: str) -> bool:
        """Tell whether one of these processes has that word in its command."""
        with contextlib.suppress(psutil.Error):
            return any(word in re.split(r"[ ./]", " ".join(process.cmdline())) for process in self.processes())
        return False

    def _is_own(self, process: psutil.Process) -> bool:
        try:
            env = process.environ()
            running = process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return False
        own = str(self.directory)
        return running and (env.get("TMPDIR") == own or env.get("HOME", "").startswith(f"{own}/"))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path)
    yield folder
    for process in folder.started:
        process.terminate()
        process.communicate(timeout=180)
    _, left = psutil.wait_procs(folder.processes(), timeout=LIMIT)  # a git that the watcher had asked ends by itself
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert not left, f"left running: {left}"
    assert folder.entries() == []


def test_check_walks_through_everything_and_leaves_nothing(folder: Folder) -> None:
    check = folder.start("--check")
    out, err = check.communicate(timeout=600)
    lines = out.splitlines()
    assert check.returncode == 0, out + err
    assert all(re.fullmatch(r"ok   .+ \(\d+\.\d s\)", line) for line in lines), out
    assert len(lines) == len(STEPS) + 2  # what comes before and after them
    assert err == ""


def test_demo_prints_what_to_try_and_ctrl_c_removes_all_of_it(folder: Folder) -> None:
    with socket.create_server(("127.0.0.1", folder.port)):
        demo = folder.start("--no-open")
        guide = _guide(demo)
    assert f"port {folder.port} is taken" in guide
    port = int(re.search(r"http://main\.localhost:(\d+)", guide)[1])  # type: ignore[index]
    assert port != folder.port

    for label in ("main", "feature-cart", "fix-login"):
        assert f"http://{label}.localhost:{port}" in guide
        assert _get(port, label).status_code == 200
    # Each command works as it stands in the text
    add = re.search(r"git -C .*", guide)[0]  # type: ignore[index]
    folder.shell(add)
    wait_until(lambda: _get(port, "feature-pay").status_code == 502, what="the new worktree")
    os.kill(int(re.search(r"kill (\d+)", guide)[1]), signal.SIGTERM)  # type: ignore[index]
    wait_until(lambda: _get(port, "fix-login").status_code == 502, what="the killed server")
    export, status = re.search(r"(export ROUTER_.*)\n +(.* status)", guide).groups()  # type: ignore[union-attr]
    down = re.compile(r"fix-login .* down *$", re.MULTILINE)
    wait_until(lambda: down.search(folder.shell(f"{export}; {status}")), what="fix-login as down")

    os.killpg(demo.pid, signal.SIGINT)
    out, err = demo.communicate(timeout=180)
    assert (demo.returncode, err) == (0, "")
    assert f"+ http://feature-pay.localhost:{port} → " in out
    assert not listens(port)


@pytest.mark.parametrize(
    ("moment", "number"),
    [("created", signal.SIGINT), ("oidc_provider", signal.SIGTERM), ("up", signal.SIGHUP), ("caddy", signal.SIGINT)],
)
def test_a_signal_in_the_middle_leaves_nothing(folder: Folder, moment: str, number: signal.Signals) -> None:
    demo = folder.start("--no-open")
    wait_until(lambda: folder.entries() and (moment == "created" or folder.runs(moment)), what=moment)
    os.killpg(demo.pid, number)
    out, err = demo.communicate(timeout=180)
    assert (demo.returncode, err) == (0, "")
    assert not out or "Ask the router:" in out  # it had come that far


def test_a_check_whose_reader_goes_leaves_nothing(folder: Folder) -> None:
    check = folder.start("--check")
    assert check.stdout is not None
    check.stdout.readline()
    check.stdout.close()
    assert check.wait(180) == 1
    assert check.stderr is not None
    assert check.stderr.read() == ""


def test_a_check_that_is_interrupted_leaves_nothing(folder: Folder) -> None:
    check = folder.start("--check")
    assert check.stdout is not None
    assert check.stdout.readline().startswith("ok ")
    os.killpg(check.pid, signal.SIGINT)
    out, err = check.communicate(timeout=180)
    assert (check.returncode, "FAIL" in out, err) == (130, False, "")


def test_a_failed_step_is_reported_and_nothing_stays(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    tools = tmp_path_factory.mktemp("tools")
    git = shutil.which("git")
    (tools / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *pay*) echo no more worktrees >&2; exit 1;; esac\nexec {git} "$@"\n'
    )
    (tools / "git").chmod(0o755)
    check = folder.start("--check", PATH=f"{tools}:{os.environ['PATH']}")
    out, err = check.communicate(timeout=600)
    failed = [line for line in out.splitlines() if line.startswith("FAIL")]
    assert check.returncode == 1
    assert failed[0].startswith("FAIL git worktree add: ")
    assert "no more worktrees" in failed[0]
    assert len(failed) == 2, failed  # what cannot be added cannot be removed
    assert "watcher: " in err
    assert "Traceback" not in out + err


def test_without_git_the_error_says_so(folder: Folder) -> None:
    for options in ((), ("--check",)):
        demo = folder.start("--no-open", *options, PATH="/nowhere")
        out, err = demo.communicate(timeout=180)
        assert demo.returncode == 1
        assert "git is not installed" in out + err
        assert "Traceback" not in out + err


def _guide(demo: subprocess.Popen[str]) -> str:
    """Return what the demo prints until it waits."""
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if line.endswith(" status\n"):
            break
    assert demo.poll() is None, lines
    return "".join(lines)


def _get(port: int, label: str) -> httpx.Response:
    return exchange(port, "GET", "/", host=f"{label}.localhost:{port}")
