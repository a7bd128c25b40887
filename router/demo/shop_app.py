"""The small shop that `router demo` commits to its throw-away repository as `app.py`. It does not know the router.

    python3 app.py [PORT]

The port is the argument, else PORT in `.env.local`, else any free one. Like many dev servers it uses any free one too
where that port is taken. Signing in is the authorization code flow (RFC 6749 section 4.1) with PKCE (RFC 7636) and a
random state.
"""

import base64
import hashlib
import html
import json
import os
import secrets
import string
import sys
import time
import zlib
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

PAGE = string.Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$branch · shop</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; --tint: hsl($hue 55% 38%); --ground: hsl($hue 40% 97%); }
  @media (prefers-color-scheme: dark) { :root { --tint: hsl($hue 60% 72%); --ground: hsl($hue 18% 11%); } }
  body { max-width: 34rem; margin: 12vh auto 2rem; padding: 0 1.25rem; background: var(--ground);
         font: 1.05rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere; }
  h1 { margin: 0 0 1.5rem; color: var(--tint); font-size: 2.2rem; line-height: 1.2; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.5rem; margin: 0 0 2rem; }
  dt { opacity: .75; }
  dd { margin: 0; }
  a { color: var(--tint); }
  code { font-size: .9em; }
</style>
<h1>$branch</h1>
<dl>
  <dt>Worktree</dt><dd><code>$folder</code></dd>
  <dt>Server</dt><dd>process $pid on port $port</dd>
  <dt>Host</dt><dd><code>$host</code></dd>
  <dt>Event stream</dt><dd id="clock">…</dd>
  <dt><code>/api</code></dt><dd><code id="api">…</code></dd>
</dl>
<p>$user</p>
<script>
  const show = (id, text) => { document.getElementById(id).textContent = text }
  new EventSource('/clock').onmessage = event => show('clock', new Date(event.data * 1000).toLocaleTimeString())
  fetch('/api').then(answer => answer.text()).then(text => show('api', text))
</script>
""")
SIGN_IN, SIGN_OUT = '<a href="/login">Sign in</a>', '<a href="/logout">Sign out</a>'


class Shop(ThreadingHTTPServer):
    """The server of one worktree: its branch, the sign-ins under way, its users."""

    def __init__(self, folder: Path, port: int, settings: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", port), Request)
        self.folder = folder
        self.issuer = settings["OIDC_ISSUER"]
        self.redirect_uri = settings["OIDC_REDIRECT_URI"]
        self.verifiers: dict[str, str] = {}
        self.users: dict[str, str] = {}

    @property
    def branch(self) -> str:
        """The branch that is checked out."""
        git = self.folder / ".git"
        if git.is_file():  # a linked worktree: `gitdir: …/shop/.git/worktrees/shop.fix-login`
            git = self.folder / git.read_text().removeprefix("gitdir: ").strip()
        return (git / "HEAD").read_text().removeprefix("ref: refs/heads/").strip()

    def sign_in(self) -> tuple[str, str]:
        """Begin a sign-in: return its state and the address at the provider."""
        state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
        self.verifiers[state] = verifier
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": "shop",
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return state, f"{self.issuer}/authorize?{urlencode(query)}"

    def user(self, code: str, verifier: str) -> str:
        """Redeem a code: return the name of the user. KeyError where the provider refuses."""
        form = {
            "grant_type": "authorization_code",
            "client_id": "shop",
            "redirect_uri": self.redirect_uri,
            "code": code,
            "code_verifier": verifier,
        }
        token = self._ask("/token", form)["access_token"]
        return self._ask("/userinfo", {"access_token": token})["name"]

    def _ask(self, path: str, form: Mapping[str, str]) -> dict[str, str]:
        connection = HTTPConnection(urlsplit(self.issuer).netloc, timeout=5)
        try:
            connection.request("POST", path, urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


class Request(BaseHTTPRequestHandler):
    """One request."""

    server: Shop

    def do_GET(self) -> None:
        """Answer with what the path asks for."""
        path, _, query = self.path.partition("?")
        pages = {"/": self.page, "/api": self.api, "/clock": self.clock, "/login": self.login, "/logout": self.logout}
        if path == "/auth/callback":
            self.callback(dict(parse_qsl(query)))
        elif path in pages:
            pages[path]()
        else:
            self.answer(404, "there is no such page\n")

    def page(self) -> None:
        """Show which worktree this is, and which user is signed in."""
        name = self.server.users.get(self.cookie("session"))
        text = PAGE.substitute(
            branch=html.escape(self.server.branch),
            hue=zlib.crc32(self.server.branch.encode()) % 360,
            folder=html.escape(str(self.server.folder)),
            pid=os.getpid(),
            port=self.server.server_port,
            host=html.escape(self.headers.get("Host", "")),
            user=f"Signed in as <strong>{html.escape(name)}</strong> · {SIGN_OUT}" if name else SIGN_IN,
        )
        self.answer(200, text, kind="text/html")

    def api(self) -> None:
        """Answer as an API does."""
        self.answer(200, json.dumps({"branch": self.server.branch, "pid": os.getpid()}), kind="application/json")

    def clock(self) -> None:
        """Send the time, in seconds since the epoch, until the client leaves."""
        self.head(200, {"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        try:
            while True:
                self.wfile.write(f"data: {time.time():.2f}\n\n".encode())
                time.sleep(0.25)
        except OSError:
            return

    def login(self) -> None:
        """Send the browser to the provider."""
        state, address = self.server.sign_in()
        self.head(302, {"Location": address, "Set-Cookie": f"state={state}; Path=/; HttpOnly; SameSite=Lax"})

    def callback(self, query: Mapping[str, str]) -> None:
        """Finish a sign-in that began here, in this browser."""
        state = query.get("state", "")
        verifier = self.server.verifiers.pop(state, None)
        if verifier is None or state != self.cookie("state"):
            self.answer(403, "this sign-in did not begin here: sign in again\n")
            return
        try:
            name = self.server.user(query.get("code", ""), verifier)
        except (OSError, HTTPException, ValueError, KeyError) as exc:
            self.answer(502, f"the provider refused the code: {exc!r}\n")
            return
        session = secrets.token_urlsafe(16)
        self.server.users[session] = name
        self.head(302, {"Location": "/", "Set-Cookie": f"session={session}; Path=/; HttpOnly; SameSite=Lax"})

    def logout(self) -> None:
        """Sign the user out."""
        self.server.users.pop(self.cookie("session"), None)
        self.head(302, {"Location": "/"})

    def cookie(self, name: str) -> str:
        """Return the value of a cookie, empty where there is none."""
        morsel = SimpleCookie(self.headers.get("Cookie", "")).get(name)
        return morsel.value if morsel else ""

    def answer(self, status: int, text: str, *, kind: str = "text/plain") -> None:
        """Answer with text."""
        self.head(status, {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-store"})
        self.wfile.write(text.encode())

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send status and headers."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing: addresses hold codes."""


def read_settings(folder: Path) -> dict[str, str]:
    """Return the variables of `.env` and `.env.local`; the latter wins."""
    files = [file.read_text() for name in (".env", ".env.local") if (file := folder / name).is_file()]
    return dict(line.split("=", 1) for text in files for line in text.splitlines() if "=" in line)


def serve(folder: Path, arguments: list[str]) -> None:
    """Serve the worktree in a folder until interrupted."""
    settings = read_settings(folder)
    try:
        server = Shop(folder, int(arguments[0] if arguments else settings.get("PORT", 0)), settings)
    except OSError:
        server = Shop(folder, 0, settings)
    print(f"{server.branch} is served at http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    serve(Path.cwd(), sys.argv[1:])
