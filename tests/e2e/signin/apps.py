"""A real OpenID provider, and apps of worktrees that sign in with real client libraries."""

import contextlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import trustme

from tests.e2e.browsers import missing
from tests.e2e.routers import Router, free_port, fresh, listens, wait_until

HERE = Path(__file__).parent
MODULES = HERE.parent / "node_modules"
MSAL = MODULES / "@azure" / "msal-browser" / "lib"
OIDC_CLIENT_TS = MODULES / "oidc-client-ts" / "dist" / "browser"
PAGES = {
    "msal": {
        "/": HERE / "msal.html",
        "/auth/callback": HERE / "msal-callback.html",
        "/msal-browser.min.js": MSAL / "msal-browser.min.js",
        "/msal-redirect-bridge.min.js": MSAL / "redirect-bridge" / "msal-redirect-bridge.min.js",
    },
    "oidc-client-ts": {
        "/": HERE / "oidc-client-ts.html",
        "/auth/callback": HERE / "oidc-client-ts.html",
        "/oidc-client-ts.min.js": OIDC_CLIENT_TS / "oidc-client-ts.min.js",
    },
    "hostile": {
        "/": HERE / "hostile.html",
        "/auth/callback": HERE / "hostile-callback.html",
        "/worker.js": HERE / "hostile-worker.js",
    },
}


DJANGO = {
    "allauth": "/accounts/oidc/provider/login/callback/",
    "mozilla-django-oidc": "/oidc/callback/",
    "social-auth": "/complete/oidc/",
}
"""What `django_app.py` can sign in with, and where each of them awaits the answer."""
PATHS = ("/signin-oidc", *DJANGO.values())


def node() -> str:
    """Return the path of Node; the test is skipped without it or without what npm installs."""
    path = shutil.which("node")
    if path is None:
        missing("Node (apt-get install nodejs npm)")
    if not all((MODULES / name).exists() for name in ("oidc-provider", "openid-client", "oidc-client-ts", "@azure")):
        missing("what the browser tests take from npm (npm ci in tests/e2e)")
    return path


@dataclass(frozen=True)
class Provider:
    """An OpenID provider over TLS that knows one redirect URI, and the certificate that apps have to trust."""

    issuer: str
    redirect: str
    authority: Path

    @property
    def environment(self) -> dict[str, str]:
        """What an app on a server is told of it."""
        trust = dict.fromkeys(("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(self.authority))
        return {"ISSUER": self.issuer, "REDIRECT_URI": self.redirect, **trust}


@dataclass(frozen=True)
class App:
    """The app of one worktree: its label, its kind and the router's port."""

    label: str
    kind: str
    port: int

    def home(self, host: str = "{}") -> str:
        """Return its address, on its own host or another form of it."""
        return f"http://{host.format(self.label)}.localhost:{self.port}"


@dataclass
class Stage:
    """A running router, a provider for its redirect URI, and apps in worktrees, each started when first asked for."""

    router: Router
    provider: Provider
    directory: Path
    running: contextlib.ExitStack
    _apps: dict[str, tuple[App, App]] = field(default_factory=dict)

    def apps(self, kind: str) -> tuple[App, App]:
        """Return two worktrees with an app of that kind."""
        if kind not in self._apps:
            self._apps[kind] = self.start(kind), self.start(kind)
        return self._apps[kind]

    def start(self, kind: str, *, services: Sequence[str] = ("PORT",)) -> App:
        """Add a worktree whose services, told by the names of their ports, are apps of that kind."""
        app, ports = App(fresh(kind), kind, self.router.port), {name: free_port() for name in services}
        for port in ports.values():
            self.running.enter_context(self.serve(app, port))
        path = self.router.add(app.label)
        (path / ".env.local").write_text("".join(f"{name}={port}\n" for name, port in ports.items()))
        wait_until(lambda: self.router.web(path).get("up"), what=f"{path} up")
        return app

    def used(self) -> list[str]:
        """Return the hosts that somebody used, the last one first; none where the watcher has not told them yet."""
        try:
            found = json.loads((self.router.state / "site" / "recent.json").read_text())["recent"]
        except FileNotFoundError:
            return []
        return [str(host) for host, *_ in found]

    def serve(self, app: App, port: int) -> contextlib.AbstractContextManager[None]:
        """Run the server of an app until the block ends."""
        if app.kind in PAGES:
            config = {"client": "page", "issuer": self.provider.issuer, "redirect": self.provider.redirect}
            return _pages(port, PAGES[app.kind], f"const config = {json.dumps({**config, 'label': app.label})};")
        return _process(_command(app.kind), self.directory, port=port, LIBRARY=app.kind, **self.provider.environment)


def _command(kind: str) -> list[str | Path]:
    if kind in DJANGO:
        return [sys.executable, HERE / "django_app.py"]
    return [sys.executable, HERE / "flask_app.py"] if kind.startswith("authlib") else [node(), HERE / "openid_app.mjs"]


@contextlib.contextmanager
def staged(router: Router, directory: Path, paths: Sequence[str] = PATHS) -> Iterator[Stage]:
    """Run a provider for a running router until the block ends, and the apps that are asked for.

    `paths` are those of redirect URIs that it knows besides the router's own.
    """
    port, authority, certificate = free_port(), directory / "authority.pem", directory / "provider.pem"
    issuing = trustme.CA()
    issuing.cert_pem.write_to_path(str(authority))
    issuing.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    provider = Provider(f"https://localhost:{port}", f"http://localhost:{router.port}/auth/callback", authority)
    command, environment = [node(), HERE / "provider.mjs"], {
        "CERTIFICATE": str(certificate), "PATHS": " ".join(paths), **provider.environment
    }  # fmt: skip
    with contextlib.ExitStack() as running:
        running.enter_context(_process(command, directory, port=port, **environment))
        yield Stage(router, provider, directory, running)


@contextlib.contextmanager
def _process(command: Sequence[str | Path], directory: Path, *, port: int, **environment: str) -> Iterator[None]:
    log = directory / f"{port}.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, cwd=directory, env={**os.environ, "PORT": str(port), **environment},
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_until(lambda: server.poll() is not None or listens(port), what=log.name)
        assert server.poll() is None, log.read_text()[-2000:]
        yield
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def _pages(port: int, files: dict[str, Path], config: str) -> Iterator[None]:
    """Serve plain pages, as the dev server of an app without a backend does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            body = config.encode() if path == "/config.js" else files[path].read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if path.endswith(".js") else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
