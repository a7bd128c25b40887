"""A real OpenID provider, apps of worktrees with real client libraries, and the tabs of a browser that sign in to them."""

import contextlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

import trustme

from tests.e2e.browsers import missing
from tests.e2e.routers import Router, free_port, fresh, listens, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

HERE = Path(__file__).parent
MODULES = HERE.parent / "node_modules"
MSAL = {
    "/": HERE / "msal.html",
    "/auth/callback": HERE / "msal-callback.html",
    "/msal-browser.min.js": MODULES / "@azure/msal-browser/lib/msal-browser.min.js",
    "/msal-redirect-bridge.min.js": MODULES / "@azure/msal-browser/lib/redirect-bridge/msal-redirect-bridge.min.js",
}
OIDC_CLIENT_TS = {
    "/": HERE / "oidc-client-ts.html",
    "/auth/callback": HERE / "oidc-client-ts.html",
    "/oidc-client-ts.min.js": MODULES / "oidc-client-ts/dist/browser/oidc-client-ts.min.js",
}
# What Chromium itself writes to the console for the chooser's own 404 or 400
NETWORK = "Failed to load resource: the server responded with a status of"
SECRETS = {"code", "state", "id_token", "access_token", "session_state", "error_description"}


def node() -> str:
    """Return the path of Node; the test is skipped without it or what npm installs."""
    path = shutil.which("node")
    if path is None:
        missing("Node (apt-get install nodejs npm)")
    if not all((MODULES / name).exists() for name in ("oidc-provider", "openid-client", "oidc-client-ts", "@azure")):
        missing("what the browser tests take from npm (npm ci in tests/e2e)")
    return path


@contextlib.contextmanager
def process(command: list[str | Path], directory: Path, *, port: int, **environment: str) -> Iterator[None]:
    """Run a server in a directory until the block ends, its own session so that it is told by pid alone."""
    log = directory / f"server-{port}.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, cwd=directory, env={**kept, "PORT": str(port), **environment}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_until(lambda: server.poll() is not None or listens(port), what=str(command))
        assert server.poll() is None, log.read_text()[-2000:]
        yield
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


@dataclass(frozen=True)
class Provider:
    """An OpenID provider over TLS that knows one redirect URI, a router's, and whose certificate the apps trust."""

    issuer: str
    redirect: str
    authority: Path

    @property
    def environment(self) -> dict[str, str]:
        """What an app's environment says of it."""
        trust = dict.fromkeys(("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"), str(self.authority))
        return {"ISSUER": self.issuer, "REDIRECT_URI": self.redirect, **trust}


@contextlib.contextmanager
def provider(directory: Path, *, router_port: int) -> Iterator[Provider]:
    """Run the provider until the block ends."""
    port, authority, certificate = free_port(), directory / "authority.pem", directory / "provider.pem"
    issuing = trustme.CA()
    issuing.cert_pem.write_to_path(str(authority))
    issuing.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    redirect = f"http://localhost:{router_port}/auth/callback"
    command = [node(), HERE / "provider.mjs"]
    with process(command, directory, port=port, CERTIFICATE=str(certificate), REDIRECT_URI=redirect):
        yield Provider(f"https://localhost:{port}", redirect, authority)


@dataclass(frozen=True)
class App:
    """The app of one worktree."""

    label: str
    port: int  # the router's

    def home(self, host: str = "{}") -> str:
        """Return its address, on its own host or on a form of it."""
        return f"http://{host.format(self.label)}.localhost:{self.port}"


@dataclass
class Stage:
    """A running router, a provider, and apps in worktrees that are started when first asked for."""

    router: Router
    provider: Provider
    running: contextlib.ExitStack
    _apps: dict[str, tuple[App, App]] = field(default_factory=dict)

    def apps(self, kind: str) -> tuple[App, App]:
        """Return two worktrees with an app of that kind, each with a `web` and an `api` that answer."""
        if kind not in self._apps:
            worktrees = [self._worktree(kind) for _ in range(2)]
            for path, _ in worktrees:
                wait_until(lambda path=path: self.router.web(path).get("up"), what=f"{path} up")
            self._apps[kind] = (worktrees[0][1], worktrees[1][1])
        return self._apps[kind]

    def _worktree(self, kind: str) -> tuple[Path, App]:
        app = App(fresh(kind), self.router.port)
        ports = free_port(), free_port()
        path = self.router.add(app.label)
        for port in ports if kind == "authlib" else ports[:1]:
            self._start(kind, app, path, port)
        (path / ".env.local").write_text(f"PORT={ports[0]}\nAPI_PORT={ports[1]}\n")
        return path, app

    def _start(self, kind: str, app: App, path: Path, port: int) -> None:
        if kind in {"authlib", "openid-client"}:
            authlib = kind == "authlib"
            command = [sys.executable, HERE / "flask_app.py"] if authlib else [node(), HERE / "openid_app.mjs"]
            self.running.enter_context(process(command, path, port=port, **self.provider.environment))
        else:
            config = {"client": "page", "label": app.label, "issuer": self.provider.issuer}
            script = f"const config = {json.dumps({**config, 'redirect': self.provider.redirect})};"
            files = MSAL if kind == "msal" else OIDC_CLIENT_TS
            self.running.enter_context(_pages(port, files, script))


@contextlib.contextmanager
def _pages(port: int, files: dict[str, Path], script: str) -> Iterator[None]:
    """Serve plain pages, as a dev server without a backend does, until the block ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            body = script.encode() if path == "/config.js" else files[path].read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if path.endswith(".js") else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


@dataclass
class Tab:
    """A tab of the developer's browser, for one app."""

    page: "Page"
    home: str
    issuer: str

    def begin(self, start: str = "/", *, click: str = "#sign-in") -> None:
        """Open the app and click; the provider then asks who signs in."""
        self.page.goto(self.home + start)
        self.page.click(click)
        self.page.wait_for_url(f"{self.issuer}/interaction/*")

    def answer(self, who: str) -> None:
        """Tell the provider who signs in; nobody is a refusal."""
        self.page.click(f"button[value='{who}']")

    def shows(self, who: str) -> None:
        """Wait until the app shows who is signed in, on the worktree's own host."""
        self.page.wait_for_selector(f"#who:text-is('{who}'), #error:not(:empty)")
        assert self.page.inner_text("#who") == who, self.page.inner_text("#error")
        assert self.page.url.startswith(f"{self.home}/")

    def refused(self) -> None:
        """Wait until the app shows the provider's refusal, on the worktree's own host."""
        self.page.wait_for_selector("#error:text('access_denied')")
        assert self.page.url.startswith(f"{self.home}/")

    def still_shows(self, who: str) -> None:
        """Open the app again and see who is signed in."""
        self.page.goto(self.home)
        self.shows(who)

    def choose(self, label: str) -> None:
        """Wait for the chooser and click a worktree."""
        self.page.click(f"#choose button:text-is('{label}')")


@dataclass
class Browsing:
    """One browser of one developer, and what it saw of secrets and of errors on the router's own pages."""

    context: "BrowserContext"
    stage: Stage
    secrets: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("response", self._note_redirect)
        self.context.on("request", self._note_form)
        self.context.on("console", self._note_console)

    def tab(self, app: App, host: str = "{}") -> Tab:
        """Open a tab for an app."""
        page = self.context.new_page()
        page.set_default_timeout(20_000)
        return Tab(page, app.home(host), self.stage.provider.issuer)

    def leaks(self) -> list[str]:
        """Return what of this browser's sign-ins stands in any file that the router or Caddy wrote."""
        wrote = [*self.stage.router.state.rglob("*"), *self.stage.router.directory.glob("foreground-*")]
        text = b"\n".join(path.read_bytes() for path in wrote if path.is_file())
        forms = {form for secret in self.secrets for form in (secret, quote(secret, safe=""))}
        return [form for form in forms if form.encode() in text]

    def _note_redirect(self, response: "Response") -> None:
        if response.url.startswith(self.stage.provider.issuer):
            to = urlsplit(response.headers.get("location", ""))
            self._note(f"{to.query}&{to.fragment}")

    def _note_form(self, request: "Request") -> None:
        if request.method == "POST" and "/auth/callback" in request.url:
            self._note(request.post_data or "")

    def _note(self, parameters: str) -> None:
        self.secrets |= {value for name, value in parse_qsl(parameters) if name in SECRETS}

    def _note_console(self, message: "ConsoleMessage") -> None:
        page = message.location["url"]
        if page.startswith(f"http://localhost:{self.stage.router.port}/") and not message.text.startswith(NETWORK):
            self.errors.append(f"{page}: {message.text}")
