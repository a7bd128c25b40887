"""The small OpenID provider that `router demo` starts: two users, one registered redirect URI, codes bound to PKCE.

python -m router.demo.oidc_provider PORT REDIRECT_URI
"""

import base64
import hashlib
import html
import json
import secrets
import string
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode

from router.values import dataclass

USERS = {"ada": "Ada Lovelace", "grace": "Grace Hopper"}
PAGE = string.Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; }
  body { max-width: 24rem; margin: 15vh auto 2rem; padding: 0 1.25rem; font: 1.05rem/1.6 system-ui, sans-serif; }
  h1 { font-size: 1.5rem; line-height: 1.2; }
  a { display: block; margin: .75rem 0; padding: .7rem 1rem; border: 1px solid #8888; border-radius: 8px;
      color: inherit; text-decoration: none; }
  a:hover, a:focus-visible { border-color: currentColor; }
  p { opacity: .75; font-size: .9rem; overflow-wrap: anywhere; }
</style>
<h1>Who are you?</h1>
$choices
<p>The identity provider of the demo. One redirect URI is registered: <code>$redirect_uri</code></p>
""")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code stands for until it is redeemed; that works once."""

    user: str
    redirect_uri: str
    challenge: str


class Provider(ThreadingHTTPServer):
    """The provider, with the codes that are not redeemed yet and the tokens that it issued."""

    def __init__(self, port: int, redirect_uri: str) -> None:
        super().__init__(("127.0.0.1", port), Request)
        self.redirect_uri = redirect_uri
        self.codes: dict[str, Grant] = {}
        self.tokens: dict[str, str] = {}

    def redeem(self, form: Mapping[str, str]) -> str | None:
        """Return a token for a code, None where code, redirect URI or PKCE verifier is wrong."""
        grant = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if grant is None or (grant.redirect_uri, grant.challenge) != (form.get("redirect_uri"), challenge):
            return None
        token = secrets.token_urlsafe(24)
        self.tokens[token] = grant.user
        return token


class Request(BaseHTTPRequestHandler):
    """One request."""

    server: Provider

    def do_GET(self) -> None:
        """Answer the browser."""
        path, _, query = self.path.partition("?")
        parameters = dict(parse_qsl(query))
        if path not in {"/authorize", "/allow"}:
            self.answer(404, "there is no such page\n", "text/plain")
        elif parameters.get("redirect_uri") != self.server.redirect_uri:
            self.answer(400, f"{parameters.get('redirect_uri')} is not registered\n", "text/plain")
        elif parameters.get("code_challenge_method") != "S256":
            self.answer(400, "use PKCE with S256\n", "text/plain")
        elif path == "/authorize":
            self.choose(parameters)
        else:
            self.allow(parameters)

    def do_POST(self) -> None:
        """Answer the app: a token for a code, a name for a token (OpenID Connect Core, section 5.3)."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = dict(parse_qsl(body))
        name = self.server.tokens.get(form.get("access_token", ""))
        if self.path == "/userinfo" and name:
            self.answer(200, json.dumps({"sub": name, "name": name}), "application/json")
        elif self.path == "/token" and (token := self.server.redeem(form)):
            self.answer(200, json.dumps({"access_token": token, "token_type": "Bearer"}), "application/json")
        else:
            self.answer(400, json.dumps({"error": "invalid_grant"}), "application/json")

    def choose(self, parameters: Mapping[str, str]) -> None:
        """Show one link for each user."""
        links = {name: f"/allow?{urlencode({**parameters, 'user': user})}" for user, name in USERS.items()}
        choices = "\n".join(f'<a href="{html.escape(link)}">{name}</a>' for name, link in links.items())
        text = PAGE.substitute(choices=choices, redirect_uri=html.escape(self.server.redirect_uri))
        self.answer(200, text, "text/html")

    def allow(self, parameters: Mapping[str, str]) -> None:
        """Send the browser back with a code."""
        code = secrets.token_urlsafe(24)
        user = USERS.get(parameters.get("user", ""), "Nobody")
        self.server.codes[code] = Grant(user, parameters["redirect_uri"], parameters.get("code_challenge", ""))
        self.send_response(302)
        answer = urlencode({"code": code, "state": parameters.get("state", "")})
        self.send_header("Location", f"{parameters['redirect_uri']}?{answer}")
        self.end_headers()

    def answer(self, status: int, text: str, kind: str) -> None:
        """Answer with text."""
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing: addresses hold codes."""


if __name__ == "__main__":
    try:
        Provider(int(sys.argv[1]), sys.argv[2]).serve_forever()
    except KeyboardInterrupt:
        sys.exit(130)
