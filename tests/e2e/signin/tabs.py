"""A developer's browser, what it saw of secrets and of errors, and its tabs that sign in."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from tests.e2e.signin.apps import App, Stage

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, WebError

# What Chromium itself writes to the console for the chooser's own 404 or 400
NETWORK = "Failed to load resource: the server responded with a status of"
SECRETS = {"code", "state", "session_state", "error_description"}
LONG = 24  # more than any label has here


@dataclass
class Tab:
    """A tab with an app: `page` is playwright's, `home` the app's address, `issuer` the provider's."""

    page: "Page"
    home: str
    issuer: str

    def open(self, start: str = "/") -> None:
        """Open the app, and wait until it shows somebody: before, a script that has loaded may hear no click."""
        self.page.goto(self.home + start)
        self.page.wait_for_selector("#who:not(:empty), #error:not(:empty)")

    def begin(self, start: str = "/", *, click: str = "#sign-in") -> None:
        """Open the app and click; the provider then asks who signs in."""
        self.open(start)
        self.page.click(click)
        self.page.wait_for_url(f"{self.issuer}/interaction/*")

    def popup(self, start: str = "/") -> "Tab":
        """Open the app and begin in a popup; return that."""
        self.open(start)
        with self.page.expect_popup() as opened:
            self.page.click("#popup")
        opened.value.wait_for_url(f"{self.issuer}/interaction/*")
        return Tab(opened.value, self.home, self.issuer)

    def answer(self, who: str) -> None:
        """Tell the provider who signs in; an empty name is a refusal."""
        self.page.click(f"button[value='{who}']")

    def choose(self, label: str) -> None:
        """Click a worktree on the chooser."""
        self.page.click(f"#choose button:text-is('{label}')")

    def arrives(self, path: str) -> None:
        """Wait until the tab is at a path of its own host; `*` stands for anything."""
        with self._told(path):
            self.page.wait_for_url(self.home + path)

    def shows(self, who: str) -> None:
        """Wait until the app shows who is signed in, on the very host of this tab."""
        with self._told(who):
            self.page.wait_for_selector(f"#who:text-is('{who}'), #error:not(:empty)")
        assert not self.page.locator("#error:not(:empty)").count(), self.page.inner_text("#error")
        assert self.page.url.startswith(f"{self.home}/")

    def still_shows(self, who: str) -> None:
        """Open the app again and see who is signed in."""
        self.page.goto(self.home)
        self.shows(who)

    def refused(self) -> None:
        """Wait until the app shows the provider's refusal, on the very host of this tab."""
        self.page.wait_for_selector("#error:text('access_denied')")
        assert self.page.url.startswith(f"{self.home}/")

    @contextmanager
    def _told(self, wanted: str) -> Iterator[None]:
        """Say what the page shows where it does not show what is waited for."""
        from playwright.sync_api import TimeoutError as LateError

        try:
            yield
        except LateError as error:
            raise AssertionError(f"{wanted}, not at {self.page.url}: {self.page.inner_text('body')}") from error


@dataclass
class Browsing:
    """One browser: notes every code and state that passes, and every error on the router's own pages."""

    context: "BrowserContext"
    stage: Stage
    secrets: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(60_000)  # of its popups too
        self.context.on("response", self._see_redirect)
        self.context.on("request", self._see_form)
        self.context.on("console", self._see_message)
        self.context.on("weberror", self._see_error)

    def tab(self, app: App, host: str = "{}") -> Tab:
        """Open a tab for an app, on its own host or another form of it."""
        return Tab(self.context.new_page(), app.home(host), self.stage.provider.issuer)

    def leaks(self) -> set[str]:
        """Return the secrets that stand in any file which the router or Caddy wrote."""
        written = [*self.stage.router.state.rglob("*"), *self.stage.router.directory.glob("foreground-*")]
        text = b"\n".join(_bytes(path) for path in written if path.is_file())
        forms = {form for secret in self.secrets for form in (secret, quote(secret, safe=""), quote_plus(secret))}
        return {form for form in forms if form.encode() in text}

    def _see_redirect(self, response: "Response") -> None:
        if response.url.startswith(self.stage.provider.issuer):
            to = urlsplit(response.headers.get("location", ""))
            self._note(f"{to.query}&{to.fragment}")

    def _see_form(self, request: "Request") -> None:
        if request.method == "POST" and ("/auth/callback" in request.url or "/signin-oidc" in request.url):
            self._note(request.post_data or "")

    def _note(self, parameters: str) -> None:
        values = {value for name, value in parse_qsl(parameters) if name in SECRETS}
        parts = {part for value in values for part in re.split("[|;.]", value)}
        self.secrets |= {*values, *(part for part in parts if len(part) > LONG)}

    def _see_message(self, message: "ConsoleMessage") -> None:
        if not message.text.startswith(NETWORK):
            self._complain(message.location["url"], message.text)

    def _see_error(self, error: "WebError") -> None:
        if error.page:
            self._complain(error.page.url, str(error.error))

    def _complain(self, url: str, text: str) -> None:
        if url.startswith(f"http://localhost:{self.stage.router.port}/"):
            self.errors.append(f"{urlsplit(url).path}: {text}")


def _bytes(path: Path) -> bytes:
    """Return what is in a file, nothing where the watcher has put another one in its place meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
