"""Records what a version of the router remembers and says of the worktrees of `layout`.

    python -m tests.recorded.record CHECKOUT DIRECTORY

CHECKOUT holds the version (`git worktree add CHECKOUT v0.1.0`); DIRECTORY gets `memory.json`, `status.json` and
`env.json`, in which `{directory}` stands for the place of the repositories.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.recorded import layout

LIMIT = 30.0  # seconds


def record(checkout: Path, target: Path) -> None:
    """Run a version over the layout, and write what it remembers and says."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name).resolve()
        layout.make(directory, gone=True)
        router = _Router(checkout, directory)
        try:
            said = _observe(router, directory)
        finally:
            router.end()
        said["memory.json"] = (directory / "state" / "memory.json").read_text()
    target.mkdir(parents=True, exist_ok=True)
    for file, text in said.items():
        assert "{directory}" not in text
        (target / file).write_text(f"{text.rstrip()}\n".replace(str(directory), "{directory}"))


def _observe(router: "_Router", directory: Path) -> dict[str, str]:
    router.run("up", "--detach", cwd=directory / "shop")
    router.run("up", cwd=directory / "blog")
    everything = len(layout.WORKTREES) + 2
    _wait(lambda: len(router.worktrees()) == everything)
    for each in layout.WORKTREES:
        if each.found:
            router.see_server(directory / each.folder, each.found)
    layout.remove_gone(directory)
    layout.move(directory)
    there = [str(path) for path in layout.checkouts(directory)]
    _wait(lambda: sorted(router.worktrees()) == sorted(there))
    env = {path: json.loads(router.run("env", "--format", "json", cwd=Path(path))) for path in there}
    router.run("up", cwd=directory / "blog")  # the watcher takes in what these commands gave out
    status = router.run("status", "--json", cwd=directory / "shop")
    return {"env.json": json.dumps(env, indent=1), "status.json": status}


class _Router:
    def __init__(self, checkout: Path, directory: Path) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ROUTER_", "GIT_"))}
        state = {"ROUTER_STATE_DIR": str(directory / "state"), "ROUTER_PORT": str(layout.PORT)}
        self._env = {**kept, **state, "HOME": str(directory), "PYTHONPATH": str(checkout)}
        self._cwd = directory

    def run(self, *arguments: str, cwd: Path) -> str:
        command = [sys.executable, "-m", "router", *arguments]
        return subprocess.run(command, cwd=cwd, env=self._env, check=True, stdout=subprocess.PIPE, text=True).stdout

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.run("status", "--json", cwd=self._cwd / "shop")))

    def worktrees(self) -> dict[str, Any]:
        return {worktree["path"]: worktree for worktree in self.status()["worktrees"]}

    def see_server(self, path: Path, port: int) -> None:
        """Serve a worktree until the router has found it, and stop serving until it has seen that."""
        command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
        server = subprocess.Popen(command, cwd=path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(lambda: self._web(path)["port"] == port and self._web(path)["up"])
        finally:
            server.terminate()
            server.wait()
        _wait(lambda: not self._web(path)["up"])

    def _web(self, path: Path) -> dict[str, Any]:
        return dict(self.worktrees()[str(path)]["services"]["web"])

    def end(self) -> None:
        """Kill the watcher, so that it keeps its repositories, and end the Caddy that it leaves."""
        status = self.status()
        for part, number in (("watcher", signal.SIGKILL), ("caddy", signal.SIGTERM)):
            if pid := status[part]["pid"]:
                os.kill(pid, number)


def _wait(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.1)


if __name__ == "__main__":
    record(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
