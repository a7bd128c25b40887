"""What stands in front of a server in these benchmarks: Caddy by hand, a site block per worktree, portless; and it."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import MissingError, write
from router.caddy.embedded import binary
from tests.e2e.routers import free_port, listens, wait_until

NODE_MODULES = Path(__file__).parent / "node_modules"
_OPTIONS = "{{\n\tadmin {admin}\n\tauto_https off\n\tpersist_config off\n}}\n"


@contextmanager
def server(directory: Path, port: int, answer: str = "respond ok") -> Iterator[int]:
    """Run the server that all of them stand in front of: small and fast, so that they are what is measured."""
    with caddy(directory, port, f"http://:{port} {{\n\tbind 127.0.0.1\n\t{answer}\n}}\n"):
        yield port


@contextmanager
def caddy(directory: Path, port: int, sites: str, *, gogc: str | None = None) -> Iterator[int]:
    """Run `caddy run` over these sites as somebody would without the router; yields its pid.

    Its admin API is `directory / "a.sock"`. `gogc` is a setting of Go's collector, otherwise Go's default.
    """
    file = write(directory / "Caddyfile", options(directory) + sites)
    env = {"HOME": str(directory), "PATH": "/usr/bin:/bin"} | ({"GOGC": gogc} if gogc else {})
    command = [str(binary()), "run", "--config", str(file), "--adapter", "caddyfile"]
    with running(command, env, directory, port) as process:
        yield process.pid


def options(directory: Path) -> str:
    """Return the global options of such a Caddyfile."""
    return _OPTIONS.format(admin=f"unix/{directory / 'a.sock'}")


def site(label: str, port: int, upstream: int) -> str:
    """Return the site block of one worktree."""
    return f"http://{label}.localhost:{port} {{\n\tbind 127.0.0.1\n\treverse_proxy 127.0.0.1:{upstream}\n}}\n"


def portless_missing() -> str:
    """Return why portless cannot run here, empty where it can."""
    there = all((NODE_MODULES / name).exists() for name in (".bin/node", ".bin/portless"))
    return "" if there else "portless and its Node are missing: npm ci in benchmarks/"


def portless_command(*arguments: str) -> list[str]:
    """Return a command of portless, run by the Node that it asks for."""
    if missing := portless_missing():
        raise MissingError(missing)
    return [str(NODE_MODULES / ".bin/node"), str((NODE_MODULES / ".bin/portless").resolve()), *arguments]


def portless_environment(directory: Path) -> dict[str, str]:
    """Return an environment in which portless keeps to a directory, and out of /etc/hosts."""
    own = {"PORTLESS_STATE_DIR": str(directory), "PORTLESS_SYNC_HOSTS": "0", "CI": "1", "NO_COLOR": "1"}
    return {"HOME": str(directory), "PATH": "/usr/bin:/bin", **own}


@contextmanager
def portless(directory: Path, labels: Sequence[str], upstream: int) -> Iterator[int]:
    """Run portless with a static route for each label, all to one server; yields its port.

    Plain HTTP like the others. The routes are written to the file that `portless alias` writes, in its form: a
    thousand commands would take minutes.
    """
    routes = [{"hostname": f"{label}.localhost", "port": upstream, "pid": 0} for label in labels]
    write(directory / "routes.json", json.dumps(routes, indent=2))
    port = free_port()
    command = portless_command("proxy", "start", "--no-tls", "--foreground", "-p", str(port))
    with running(command, portless_environment(directory), directory, port):
        yield port


@contextmanager
def running(
    command: Sequence[str], env: dict[str, str], directory: Path, port: int
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program until the block ends; it has begun when it listens. RuntimeError with its log where it does not."""
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or listens(port), what=command[0])
        if process.poll() is not None:
            raise RuntimeError((directory / "log").read_text()[-2000:])
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
