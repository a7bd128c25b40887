"""A Flask app with Authlib that knows nothing of the router but its redirect URI.

As `authlib-host` it does not know that either: it takes it from the host that was asked, as the library's example does.
"""

import os
import secrets

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for
from markupsafe import escape
from werkzeug.wrappers import Response

app = Flask(__name__)
app.secret_key = secrets.token_hex()
provider = OAuth(app).register(
    "provider",
    client_id="server",
    client_secret="not-a-secret",
    server_metadata_url=f"{os.environ['ISSUER']}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid", "code_challenge_method": "S256"},
)


@app.get("/")
def home() -> str:
    """Show who is signed in."""
    return page(f'<a id="sign-in" href="/sign-in">Sign in</a><p id="who">{escape(session.get("sub", "nobody"))}</p>')


@app.get("/sign-in")
def sign_in() -> Response:
    """Send the browser to the provider."""
    if os.environ.get("LIBRARY") == "authlib-host":
        return provider.authorize_redirect(url_for("callback", _external=True))
    return provider.authorize_redirect(os.environ["REDIRECT_URI"])


@app.get("/auth/callback")
def callback() -> Response:
    """Redeem the code."""
    session["sub"] = provider.authorize_access_token()["userinfo"]["sub"]
    return redirect("/")


@app.errorhandler(OAuthError)
def refused(error: OAuthError) -> tuple[str, int]:
    """Show the provider's error."""
    return page(f'<p id="error">{escape(error)}</p>'), 403


def page(body: str) -> str:
    """Return a page that asks for nothing else."""
    return f'<!doctype html><link rel="icon" href="data:,">{body}'


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
