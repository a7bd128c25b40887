"""A FastAPI app with Authlib, told its redirect URI; one of its own host would be kept for the token request."""

import os
from typing import Any

from authlib.integrations.starlette_client import OAuth
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.middleware.sessions import SessionMiddleware

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key="not-a-secret")
provider = OAuth().register(
    "provider",
    client_id="server",
    client_secret="not-a-secret",
    server_metadata_url=f"{os.environ['ISSUER']}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid", "code_challenge_method": "S256"},
)


@app.get("/", response_class=HTMLResponse)
def home(request: Request) -> str:
    """Show who is signed in."""
    who = request.session.get("sub", "nobody")
    return f'<link rel="icon" href="data:,"><a id="sign-in" href="/login">Sign in</a><p id="who">{who}</p>'


@app.get("/login")
async def login(request: Request) -> Any:
    """Send the browser to the provider."""
    return await provider.authorize_redirect(request, os.environ["OAUTH_REDIRECT_URI"])


@app.get("/auth/callback")
async def callback(request: Request) -> RedirectResponse:
    """Redeem the code."""
    request.session["sub"] = (await provider.authorize_access_token(request))["userinfo"]["sub"]
    return RedirectResponse("/")
