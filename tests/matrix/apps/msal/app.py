"""A Flask app with MSAL Python, told its redirect URI."""

import os

from flask import Flask, redirect, request, session
from msal import ConfidentialClientApplication
from werkzeug.wrappers import Response

app = Flask(__name__)
app.secret_key = "not-a-secret"
provider = ConfidentialClientApplication("server-post", "not-a-secret", oidc_authority=f"{os.environ['ISSUER']}/tenant")


@app.get("/")
def home() -> str:
    """Show who is signed in."""
    who = session.get("sub", "nobody")
    return f'<link rel="icon" href="data:,"><a id="sign-in" href="/login">Sign in</a><p id="who">{who}</p>'


@app.get("/login")
def login() -> Response:
    """Send the browser to the provider."""
    session["flow"] = provider.initiate_auth_code_flow([], redirect_uri=os.environ["OAUTH_REDIRECT_URI"])
    return redirect(session["flow"]["auth_uri"])


@app.get("/auth/callback")
def callback() -> Response | tuple[str, int]:
    """Redeem the code."""
    answer = provider.acquire_token_by_auth_code_flow(session.pop("flow", {}), request.args)
    if "error" in answer:
        return answer["error"], 403
    session["sub"] = answer["id_token_claims"]["sub"]
    return redirect("/")
