"""The demo: a throw-away repository with three worktrees, their servers, a provider to sign in with, and the router."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

from router import proc
from router.caddy import listening, record
from router.demo import shop_app
from router.errors import RouterError
from router.naming import label, origin
from router.settings import DEFAULT_CALLBACK, load
from router.status import Document
from router.store import Store
from router.watcher import client

MAIN, CART, LOGIN = "main", "feature/cart", "fix-login"
BRANCHES = (MAIN, CART, LOGIN)
_PATIENCE = 15.0  # seconds for what takes one on an idle machine
_POLL = 0.03
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GENTLY = ((signal.SIGINT, 2.0), (signal.SIGTERM, 8.0), (signal.SIGKILL, 2.0))
_AT_ONCE = ((signal.SIGKILL, 2.0),)
_TRIES = 100
_PORTS = range(20_000, 32_000)  # above the hash ports, below those that systems give to clients


@dataclass(frozen=True, slots=True)
class Child:
    """A process started here; `ended` gives its exit code, None while it runs."""

    pid: int
    ended: Callable[[], int | None]


class Demo:
    """A throw-away repository and all that runs for it, from a temporary directory to its removal.

    A signal only sets `stopped`; `pause` then raises KeyboardInterrupt, so that no step is left half done.
    """

    def __init__(self, port: int) -> None:
        self.stopped = False
        self.port = port
        self.children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        self.directory = Path(tempfile.mkdtemp(prefix="router-demo-")).resolve()
        self.repository = self.directory / "shop"
        self.store = Store(self.directory / "state")
        self.store.prepare()
        self.settings = load(
            port=self.port, state_dir=self.store.directory, caddy="embedded",
            callback_paths=(DEFAULT_CALLBACK,), callback_target="host",
        )  # fmt: skip
        values = self.settings.model_dump(mode="json", exclude_none=True).items()
        self._env = os.environ | {f"ROUTER_{k.upper()}": v if isinstance(v, str) else json.dumps(v) for k, v in values}
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.ExitStack() as last:  # the last one first, and each of them whatever the others raise
            for number, handler in self._before.items():
                last.callback(signal.signal, number, handler)
            last.callback(shutil.rmtree, self.directory, ignore_errors=True)
            # A watcher started by hand, the Caddy of one that was killed
            last.callback(client.stop, self.settings, self.store)
            for name in self.children:
                last.callback(self.end, name)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopped = True

    def make(self) -> None:
        """Make the repository: `main` and two worktrees beside it, each with the app, one with a port of its own."""
        provider, redirect_uri = free_port(), self.settings.redirect_uris[0]
        self.repository.mkdir()
        self.git("init", "--quiet", f"--initial-branch={MAIN}")
        shutil.copyfile(shop_app.__file__, self.repository / "app.py")
        (self.repository / ".gitignore").write_text(".env.local\n")
        env = f"OIDC_ISSUER=http://127.0.0.1:{provider}\nOIDC_REDIRECT_URI={redirect_uri}\n"
        (self.repository / ".env").write_text(env)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message=A tiny shop")
        for branch in (CART, LOGIN):
            self.add(branch)
        (self.folder(CART) / ".env.local").write_text(f"PORT={free_port()}\n")
        self._start("provider", "-m", "router.demo.oidc_provider", str(provider), redirect_uri)

    def begin(self) -> None:
        """Start the router, then a server in each worktree, and wait until the router has seen them."""
        self.watch()
        self.serve(MAIN, self.web(MAIN)["port"])  # the hash of the branch, as `router url --direct` tells
        self.serve(CART)  # PORT in its .env.local
        self.serve(LOGIN)  # any port: found by the server's working directory
        self.see("servers that are not up", lambda: [b for b in BRANCHES if not self.web(b).get("up")], [])

    def git(self, *arguments: str) -> None:
        """Run git in the main checkout, with an identity of its own and nothing of the user's configuration."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        env = {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        who = ("-c", "user.name=Demo", "-c", "user.email=demo@localhost")
        answer = proc.run(["git", "-C", str(self.repository), *who, *arguments], env=env)
        self.pause(0)  # Ctrl-C ends git as well, which is no failure
        if answer.code:
            raise RouterError(f"git {arguments[0]} failed: {answer.err}", hint="the demo needs git 2.36 or newer")

    def add(self, branch: str) -> None:
        """Add a worktree on a new branch."""
        self.git("worktree", "add", "--quiet", "-b", branch, str(self.folder(branch)))

    def folder(self, branch: str) -> Path:
        """Return where the worktree of a branch is."""
        return self.repository if branch == MAIN else self.directory / f"shop.{label(branch)}"

    def url(self, branch: str) -> str:
        """Return the address that the worktree of a branch has."""
        return origin(f"{label(branch)}.localhost", self.port)

    def status(self) -> Document:
        """Return what `router status --json` prints."""
        return client.status(self.settings, self.store, cwd=self.repository)

    def web(self, branch: str) -> Document:
        """Return the web service of a branch's worktree, empty where the router does not know it."""
        found = [w["services"]["web"] for w in self.status()["worktrees"] if w["branch"] == branch]
        return dict(found[0]) if found else {}

    @property
    def caddy(self) -> int | None:
        """The pid of the Caddy that runs for the demo."""
        found = record.recorded(self.store.directory)
        return found.process.pid if found else None

    def watch(self) -> None:
        """Run `router up` until the demo ends, and wait for its first configuration."""
        self.store.status_file.unlink(missing_ok=True)
        child = self._start("router", "-m", "router", "up", str(self.repository))
        self.see("`router up` is ready", lambda: self.store.status_file.exists() or child.ended() is not None, True)
        if child.ended() is not None:
            said, *_ = self.said("router").removeprefix("error: ").splitlines() or [f"exit code {child.ended()}"]
            raise RouterError(f"`router up` ended: {said}")

    def serve(self, branch: str, port: int | str = "") -> None:
        """Start the app in the worktree of a branch, on a port or on the one that it chooses."""
        self._start(branch, "app.py", *filter(None, [str(port)]), cwd=self.folder(branch))

    def router(self, *arguments: str) -> proc.Completed:
        """Run a command of the router to its end."""
        return proc.run([sys.executable, "-m", "router", *arguments], env=self._env)

    def said(self, name: str) -> str:
        """Return what a process has printed so far."""
        return self._log(name).read_text(errors="replace")

    def end(self, name: str, *, at_once: bool = False) -> None:
        """End what was started under that name, or kill it at once."""
        child = self.children.get(name)
        if child and child.ended() is None and (process := proc.identify(child.pid)):
            proc.end(process, _AT_ONCE if at_once else _GENTLY)
            child.ended()  # no zombie stays

    def see(self, what: str, look: Callable[[], object], wanted: object) -> None:
        """Look until what is seen is what is wanted; RouterError says what was seen instead."""
        deadline = time.monotonic() + _PATIENCE
        while (seen := look()) != wanted:
            if time.monotonic() > deadline:
                raise RouterError(f"{what}: {seen!r} instead of {wanted!r}")
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


def usable_port(wanted: int, say: Callable[[str], None]) -> int:
    """Return the port wanted, or a free one where that cannot be had, and say so."""
    try:
        _try(wanted)
    except RouterError as exc:
        port = free_port()
        say(f"{exc.message}: the demo uses {port}")
        return port
    return wanted


def free_port() -> int:
    """Return a port that nobody uses."""
    for _ in range(_TRIES):
        with contextlib.suppress(RouterError):
            return _try(secrets.choice(_PORTS))
    raise RouterError(f"no free port was found from {_PORTS.start} to {_PORTS.stop}", hint="see `ip address show lo`")


def _try(port: int) -> int:
    for sock in listening.listening_sockets(port):
        sock.close()
    return port
