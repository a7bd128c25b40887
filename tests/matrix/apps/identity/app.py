"""A Flask app with identity, told its redirect URI."""

import os
import tempfile

from flask import Flask
from identity.flask import Auth

app = Flask(__name__)
app.config.update(SESSION_TYPE="filesystem", SESSION_FILE_DIR=tempfile.mkdtemp())
auth = Auth(
    app,
    client_id="server-post",
    client_credential="not-a-secret",
    oidc_authority=f"{os.environ['ISSUER']}/tenant",
    redirect_uri=os.environ["OAUTH_REDIRECT_URI"],
)


@app.get("/")
@auth.login_required
def home(*, context: dict[str, dict[str, str]]) -> str:
    """Show who is signed in."""
    return f'<link rel="icon" href="data:,"><p id="who">{context["user"]["sub"]}</p>'
