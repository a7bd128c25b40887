"""The demo: a throw-away repository with three worktrees, their servers, an identity provider, and the router."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Self

from router import proc, ps
from router.caddy import listening, record
from router.demo import shop_app
from router.document import Document
from router.errors import RouterError
from router.naming import label, origin
from router.settings import DEFAULT_CALLBACK, Mode, load
from router.store import Store
from router.values import asdict, dataclass
from router.watcher import client, shutdown

MAIN, CART, LOGIN = "main", "feature/cart", "fix-login"
BRANCHES = (MAIN, CART, LOGIN)
_PATIENCE = 60.0  # seconds; an idle machine needs one
_POLL = 0.03
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ASKING = ((signal.SIGINT, 2.0), (signal.SIGTERM, 8.0), (signal.SIGKILL, 2.0))
_KILLING = ((signal.SIGKILL, 2.0),)
_TRIES = 100
_PORTS = range(20_000, 32_000)  # above the hash ports, below the ephemeral ports of clients


@dataclass(frozen=True, slots=True)
class Child:
    """A process that the demo started; `exit_code` returns None while it runs."""

    pid: int
    exit_code: Callable[[], int | None]


class Demo:
    """A throw-away repository and everything that runs for it, in a temporary directory that is removed at the end.

    A signal only sets `stopped`; the next `pause` raises KeyboardInterrupt, so that no step is interrupted halfway.
    """

    def __init__(self, port: int) -> None:
        self.stopped = False
        self.port = port
        self.children: dict[str, Child] = {}
        self._provider = free_port()

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        self.directory = Path(tempfile.mkdtemp(prefix="router-demo-")).resolve()
        self.repository = self.directory / "shop"
        self.store = Store(self.directory / "state")
        self.store.prepare()
        self.settings = load(
            port=self.port, state_dir=self.store.directory, caddy=Mode.EMBEDDED,
            callback_paths=(DEFAULT_CALLBACK,), callback_target="host",
        )  # fmt: skip
        values = {name: value for name, value in asdict(self.settings).items() if value is not None}
        self._env = os.environ | {f"ROUTER_{name.upper()}": _written(value) for name, value in values.items()}
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.ExitStack() as last:  # from the last one up, and each whatever the others raise
            for number, handler in self._before.items():
                last.callback(signal.signal, number, handler)
            last.callback(shutil.rmtree, self.directory, ignore_errors=True)
            # A watcher that was started by hand, the Caddy of one that was killed
            last.callback(shutdown.stop, self.settings, self.store)
            for name in self.children:
                last.callback(self.end, name)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopped = True

    def create(self) -> None:
        """Create the repository: `main` and two worktrees beside it with the app, one with a port in its .env.local."""
        redirect_uri = self.settings.redirect_uris[0]
        self.repository.mkdir()
        self.git("init", "--quiet", f"--initial-branch={MAIN}")
        shutil.copyfile(shop_app.__file__, self.repository / "app.py")
        (self.repository / ".gitignore").write_text(".env.local\n")
        env = f"OIDC_ISSUER=http://127.0.0.1:{self._provider}\nOIDC_REDIRECT_URI={redirect_uri}\n"
        (self.repository / ".env").write_text(env)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message=A tiny shop")
        for branch in (CART, LOGIN):
            self.add(branch)
        (self.folder(CART) / ".env.local").write_text(f"PORT={free_port()}\n")
        self._start("provider", "-m", "router.demo.oidc_provider", str(self._provider), redirect_uri)

    def start(self) -> None:
        """Start the router, then a server in each worktree; wait until these are found and the provider answers."""
        self.watch()
        self.serve(MAIN, self.web(MAIN)["port"])  # its default port, as `router url --direct` prints it
        self.serve(CART)  # PORT in its .env.local
        self.serve(LOGIN)  # any port: the router finds the server by its directory
        self.wait_for("servers that are not up", lambda: [b for b in BRANCHES if not self.web(b).get("up")], [])
        self.wait_for("the identity provider answers", lambda: _accepts(self._provider), True)

    def git(self, *arguments: str) -> None:
        """Run git in the main checkout, as the author Demo and without the user's configuration."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        env = {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        author = ("-c", "user.name=Demo", "-c", "user.email=demo@localhost")
        answer = proc.run(["git", "-C", str(self.repository), *author, *arguments], env=env)
        self.pause(0)  # Ctrl-C also ends git, which is then no failure
        if answer.code:
            raise RouterError(f"git {arguments[0]} failed: {answer.err}", hint="the demo needs git 2.36 or newer")

    def add(self, branch: str) -> None:
        """Add a worktree on a new branch."""
        self.git("worktree", "add", "--quiet", "-b", branch, str(self.folder(branch)))

    def folder(self, branch: str) -> Path:
        """Return the directory of a branch's worktree."""
        return self.repository if branch == MAIN else self.directory / f"shop.{label(branch)}"

    def url(self, branch: str) -> str:
        """Return the URL of a branch's worktree."""
        return origin(f"{label(branch)}.localhost", self.port)

    def status(self) -> Document:
        """Return what `router status --json` prints."""
        return client.status(self.settings, self.store, cwd=self.repository)

    def web(self, branch: str) -> Document:
        """Return the web service of a branch's worktree, empty where that is not routed."""
        services = [w["services"]["web"] for w in self.status()["worktrees"] if w["branch"] == branch]
        return dict(services[0]) if services else {}

    @property
    def caddy(self) -> int | None:
        """The pid of the Caddy that runs for the demo."""
        running = record.recorded(self.store.directory)
        return running.process.pid if running else None

    def watch(self) -> None:
        """Run `router up` until the demo ends, and wait for its first configuration."""
        self.store.status_file.unlink(missing_ok=True)
        child = self._start("router", "-m", "router", "up", str(self.repository))
        published = self.store.status_file.exists
        self.wait_for("`router up` is ready", lambda: published() or child.exit_code() is not None, True)
        if child.exit_code() is not None:
            self.pause(0)  # a signal for this process group ends a child too that has no session of its own yet
            lines = self.output("router").removeprefix("error: ").splitlines()
            raise RouterError(f"`router up` ended: {lines[0] if lines else f'exit code {child.exit_code()}'}")

    def serve(self, branch: str, port: int | str = "") -> None:
        """Start the app in a branch's worktree, on this port or on the one that it chooses."""
        self._start(branch, "app.py", *filter(None, [str(port)]), cwd=self.folder(branch))

    def router(self, *arguments: str) -> proc.Completed:
        """Run a command of the router to its end."""
        return proc.run([sys.executable, "-m", "router", *arguments], env=self._env)

    def output(self, name: str) -> str:
        """Return what a process has printed so far."""
        return self._log(name).read_text(errors="replace")

    def end(self, name: str, *, kill: bool = False) -> None:
        """End the process of that name: ask it to end, or kill it."""
        child = self.children.get(name)
        if child and child.exit_code() is None and (process := ps.identify(child.pid)):
            ps.end(process, _KILLING if kill else _ASKING)
            child.exit_code()  # no zombie stays

    def wait_for(self, what: str, look: Callable[[], object], expected: object) -> None:
        """Look again and again until it returns what is expected; RouterError has the last value instead."""
        deadline = time.monotonic() + _PATIENCE
        while (actual := look()) != expected:
            if time.monotonic() > deadline:
                raise RouterError(f"{what}: {actual!r} instead of {expected!r}")
            self.pause(_POLL)

    def pause(self, seconds: float) -> None:
        """Wait; KeyboardInterrupt where a signal came."""
        time.sleep(seconds)
        if self.stopped:
            raise KeyboardInterrupt

    def _start(self, name: str, *arguments: str, cwd: Path | None = None) -> Child:
        command = [sys.executable, *arguments]
        process = proc.start(command, env=self._env, cwd=cwd or self.directory, log=self._log(name))
        self.children[name] = Child(process.pid, process.poll)
        return self.children[name]

    def _log(self, name: str) -> Path:
        return self.store.logs / f"{label(name)}.log"


def usable_port(port: int, say: Callable[[str], None]) -> int:
    """Return this port, or a free one where it cannot be used, and say so."""
    try:
        return _check_port(port)
    except RouterError as exc:
        free = free_port()
        say(f"{exc.message}: the demo uses {free}")
        return free


def free_port() -> int:
    """Return a port that no process uses."""
    for _ in range(_TRIES):
        with contextlib.suppress(RouterError):
            return _check_port(secrets.choice(_PORTS))
    message = f"no port from {_PORTS.start} to {_PORTS.stop} can be used"
    raise RouterError(message, hint="check that the loopback interface is up")


def _check_port(port: int) -> int:
    listening.expect_free(port)
    return port


def _accepts(port: int) -> bool:
    with socket.socket() as client_side:
        return client_side.connect_ex(("127.0.0.1", port)) == 0


def _written(value: object) -> str:
    """Return a setting as a variable has it."""
    return str(value) if isinstance(value, str | Path) else json.dumps(value)
