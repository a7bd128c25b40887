"""A Django app that knows nothing of the router, not even its redirect URI: it takes that from the host that was asked.

LIBRARY says with what it signs in: `allauth`, `mozilla-django-oidc` or `social-auth`, each as its documentation has it.
"""

import os
import secrets
import tempfile
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils.html import escape

ISSUER, LIBRARY = os.environ["ISSUER"], os.environ["LIBRARY"]
CLIENT = {"client_id": "server", "secret": "not-a-secret"}
LIBRARIES: dict[str, dict[str, Any]] = {
    "allauth": {
        "apps": [
            "allauth",
            "allauth.account",
            "allauth.socialaccount",
            "allauth.socialaccount.providers.openid_connect",
        ],
        "middleware": ["allauth.account.middleware.AccountMiddleware"],
        "backend": "allauth.account.auth_backends.AuthenticationBackend",
        "urls": ("accounts/", "allauth.urls"),
        "login": "/accounts/oidc/provider/login/",
        "logout": "/accounts/logout/",
        "SOCIALACCOUNT_LOGIN_ON_GET": True,
        "SOCIALACCOUNT_PROVIDERS": {
            "openid_connect": {
                "APPS": [{"provider_id": "provider", "name": "Provider", **CLIENT, "settings": {"server_url": ISSUER}}]
            }
        },
    },
    "mozilla-django-oidc": {
        "apps": ["mozilla_django_oidc"],
        "middleware": [],
        "backend": "__main__.Subjects",
        "urls": ("oidc/", "mozilla_django_oidc.urls"),
        "login": "/oidc/authenticate/",
        "OIDC_RP_CLIENT_ID": CLIENT["client_id"],
        "OIDC_RP_CLIENT_SECRET": CLIENT["secret"],
        "OIDC_RP_SIGN_ALGO": "RS256",
        "OIDC_RP_SCOPES": "openid",
        "OIDC_OP_AUTHORIZATION_ENDPOINT": f"{ISSUER}/auth",
        "OIDC_OP_TOKEN_ENDPOINT": f"{ISSUER}/token",
        "OIDC_OP_USER_ENDPOINT": f"{ISSUER}/me",
        "OIDC_OP_JWKS_ENDPOINT": f"{ISSUER}/jwks",
    },
    "social-auth": {
        "apps": ["social_django"],
        "middleware": [],
        "backend": "social_core.backends.open_id_connect.OpenIdConnectAuth",
        "urls": ("", "social_django.urls"),
        "login": "/login/oidc/",
        "SOCIAL_AUTH_OIDC_OIDC_ENDPOINT": ISSUER,
        "SOCIAL_AUTH_OIDC_KEY": CLIENT["client_id"],
        "SOCIAL_AUTH_OIDC_SECRET": CLIENT["secret"],
        "SOCIAL_AUTH_OIDC_SCOPE": ["openid"],
    },
}
CHOSEN = LIBRARIES[LIBRARY]

settings.configure(
    SECRET_KEY=secrets.token_hex(),
    DEBUG=True,
    ALLOWED_HOSTS=[".localhost"],
    ROOT_URLCONF="__main__",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                    "django.contrib.messages", *CHOSEN["apps"]],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware", *CHOSEN["middleware"]],
    AUTHENTICATION_BACKENDS=[CHOSEN["backend"]],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{tempfile.mkdtemp()}/db.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]}}],
    LOGIN_REDIRECT_URL="/",
    **{name: value for name, value in CHOSEN.items() if name.isupper()},
)  # fmt: skip
django.setup()

if LIBRARY == "mozilla-django-oidc":
    from django.contrib.auth.models import User
    from mozilla_django_oidc.auth import OIDCAuthenticationBackend

    class Subjects(OIDCAuthenticationBackend):  # type: ignore[misc]
        """Knows people by the provider's name for them: this one tells no addresses."""

        def filter_users_by_claims(self, claims: dict[str, str]) -> Any:
            return User.objects.filter(username=claims["sub"])

        def create_user(self, claims: dict[str, str]) -> User:
            return User.objects.create_user(claims["sub"])


def home(request: HttpRequest) -> HttpResponse:
    """Show who is signed in."""
    method = "post" if LIBRARY == "social-auth" else "get"
    button = f'<form method="{method}" action="{CHOSEN["login"]}"><button id="sign-in">Sign in</button></form>'
    if "logout" in CHOSEN:
        button += f'<form method="post" action="{CHOSEN["logout"]}"><button id="sign-out">Sign out</button></form>'
    return HttpResponse(f'<!doctype html><link rel="icon" href="data:,">{button}<p id="who">{escape(who(request))}</p>')


def who(request: HttpRequest) -> str:
    """Return the provider's name for who is signed in."""
    user: Any = request.user
    if not user.is_authenticated:
        return "nobody"
    if LIBRARY == "allauth":
        return str(user.socialaccount_set.get().uid)
    return str(user.social_auth.get().uid if LIBRARY == "social-auth" else user.username)


urlpatterns = [path("", home), path(CHOSEN["urls"][0], include(CHOSEN["urls"][1]))]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("runserver", f"127.0.0.1:{os.environ['PORT']}", use_reloader=False)
