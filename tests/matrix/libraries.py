"""The client libraries that sign in behind the router: a small app of each in `apps/`, and the ways of its sign-in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.e2e.signin.apps import DJANGO
from tests.matrix.projects import Kind

APPS = Path(__file__).parent / "apps"
SIGNIN = Path(__file__).parents[1] / "e2e" / "signin"
NOTHING, BY_RUN = "nothing", "nothing with `router run`"


class Home(StrEnum):
    """How the provider's answer comes to the worktree that began."""

    TAG = "by the tag"
    NAME = "by the name in the state"
    CLAIM = "claimed by the worktree"
    CHOOSER = "one click in the chooser"


class Window(StrEnum):
    """Where the provider asks who signs in."""

    TAB = "tab"
    POPUP = "popup"
    FRAME = "hidden frame"


@dataclass(frozen=True)
class Way:
    """A way of signing in: the page to open and the elements to click, and what brings the answer home.

    `needs` is what the app has to have for the router, besides its redirect URI.
    """

    home: Home = Home.TAG
    needs: str = NOTHING
    start: str = "/"
    clicks: tuple[str, ...] = ("#sign-in",)
    window: Window = Window.TAB


@dataclass(frozen=True)
class Library:
    """An app with a client library: what is installed for it (the first names the version), its script and its ways.

    `callback` is the path of the one registered redirect URI; `environ` is what the app is told besides the provider.
    """

    app: Path
    packages: tuple[str, ...]
    script: str
    ways: Mapping[str, Way]
    kind: Kind = Kind.NODE
    callback: str = "/auth/callback"
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        """What a user types to start it."""
        return ["npm", "run", "dev"] if self.kind is Kind.NODE else self.script.split()

    def told(self, port: int) -> dict[str, str]:
        """Return what the app is told, for a router at that port."""
        return {name: value.replace("PORT", str(port)) for name, value in self.environ.items()}


def _express(title: str, name: str, callback: str, *packages: str, needs: str = NOTHING) -> Library:
    way = Way(needs=needs)
    return Library(APPS / name, (*packages, "express"), "node app.mjs", {title: way}, callback=callback)


def _django(title: str, name: str, package: str) -> Library:
    file, script = SIGNIN / "django_app.py", "python django_app.py"
    return Library(file, (package, "requests"), script, {title: Way()}, Kind.PYTHON, DJANGO[name], {"LIBRARY": name})


def _browser(
    name: str, title: str, *packages: str, named: str = "",
    windows: Sequence[Window] = (Window.TAB,),
) -> Library:  # fmt: skip
    """A page of Vite with a library that makes its state in the browser; `named` is how the app puts its name there."""
    ways = {}
    for window in windows:
        row = title if window is Window.TAB else f"{title}, {window}"
        clicks = (_BUTTONS[window],)
        ways[row] = Way(Home.CLAIM, clicks=clicks, window=window)
        if named:
            ways[f"{row}, named"] = Way(Home.NAME, named, "/?named", clicks, window)
    return Library(APPS / name, (*packages, "vite"), "vite", ways)


_BUTTONS = {Window.TAB: "#sign-in", Window.POPUP: "#popup", Window.FRAME: "#silent"}
IN_STATE, IN_URL_STATE = "`state: OAUTH_STATE`", "`url_state: OAUTH_STATE`"
AUTHJS = ("next-auth@5.0.0-beta.32", "next", "react", "react-dom")
NEXT_AUTH = ("next-auth@4", "next", "react", "react-dom")
OF_NEXT = "/api/auth/callback/provider"
SECRET = {"AUTH_SECRET": "not-a-secret"}
LIBRARIES: Mapping[str, Library] = {each.app.name if len(each.ways) > 1 else next(iter(each.ways)): each for each in (
    _express("express-openid-connect", "express-openid-connect", "/callback", "express-openid-connect",
             needs=BY_RUN),
    _express("openid-client", "openid-client", "/login/done", "openid-client", "express-session"),
    _express("passport", "passport", "/oauth2/redirect", "passport", "passport-oauth2", "express-session"),
    _express("MSAL Node", "msal-node", "/auth/callback", "@azure/msal-node", "express-session"),
    Library(APPS / "authjs-express", ("@auth/express", "express"), "node app.mjs", {
        "Auth.js 5, Express": Way(needs=BY_RUN, start="/auth/signin", clicks=("button",))},
            callback="/auth/callback/provider", environ=SECRET),
    Library(APPS / "better-auth", ("better-auth", "express", "vite"), "node app.mjs", {
        "better-auth": Way(Home.CLAIM)}, callback="/api/auth/callback/provider"),
    Library(APPS / "authjs-next", AUTHJS, "next dev", {
        "Auth.js 5, Next, server action": Way(needs=BY_RUN, clicks=("#action",)),
        "Auth.js 5, Next, `signIn()` of the client": Way(Home.CLAIM, BY_RUN, clicks=("#client",)),
        "Auth.js 5, Next, page of its own": Way(needs=BY_RUN, start="/api/auth/signin", clicks=("button",)),
    }, callback=OF_NEXT, environ=SECRET),
    Library(APPS / "next-auth", NEXT_AUTH, "next dev", {
        "next-auth 4, page of its own": Way(needs=BY_RUN, start="/api/auth/signin", clicks=("button",)),
        "next-auth 4, `signIn()` of the client": Way(needs=BY_RUN, clicks=("#client",)),
    }, callback=OF_NEXT, environ={"NEXTAUTH_SECRET": "not-a-secret"}),
    _django("django-allauth", "allauth", "django-allauth[openid,socialaccount]"),
    _django("mozilla-django-oidc", "mozilla-django-oidc", "mozilla-django-oidc"),
    _django("python-social-auth", "social-auth", "social-auth-app-django"),
    Library(SIGNIN / "flask_app.py", ("authlib", "flask", "requests"), "python flask_app.py", {
        "Authlib, Flask": Way()}, Kind.PYTHON),
    Library(APPS / "fastapi", ("authlib", "fastapi", "fastapi-cli", "uvicorn", "httpx", "itsdangerous"),
            "fastapi dev", {"Authlib, FastAPI": Way()}, Kind.PYTHON),
    Library(APPS / "msal", ("msal", "flask"), "flask run", {"MSAL Python": Way()}, Kind.PYTHON),
    Library(APPS / "identity", ("identity", "flask", "flask-session"), "flask run", {
        "identity": Way(Home.CHOOSER, clicks=())}, Kind.PYTHON),
    Library(APPS / "omniauth", ("ruby-omniauth-oauth2", "ruby-sinatra", "puma"), "puma", {
        "OmniAuth": Way()}, Kind.RUBY, "/auth/provider/callback"),
    _browser("msal-browser-5", "MSAL.js 5", "@azure/msal-browser@5", named=IN_STATE, windows=tuple(Window)),
    _browser("msal-browser-4", "MSAL.js 4", "@azure/msal-browser@4", named=IN_STATE, windows=tuple(Window)),
    _browser("msal-react", "MSAL React 5", "@azure/msal-react@5", "@azure/msal-browser@5", "react", "react-dom"),
    _browser("oidc-client-ts", "oidc-client-ts", "oidc-client-ts", named=IN_URL_STATE,
             windows=(Window.TAB, Window.POPUP)),
    _browser("react-oidc-context", "react-oidc-context", "react-oidc-context", "oidc-client-ts", "react", "react-dom",
             named=IN_URL_STATE),
    _browser("auth0-spa-js", "auth0-spa-js", "@auth0/auth0-spa-js"),
    _browser("keycloak-js", "keycloak-js", "keycloak-js"),
)}  # fmt: skip
WAYS: Mapping[str, tuple[str, Way]] = {
    title: (name, way) for name, library in LIBRARIES.items() for title, way in library.ways.items()
}
"""Every way of signing in, by its title in the documentation: the library's name here, and the way."""
