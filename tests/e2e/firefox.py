"""A real Firefox for a test, driven by WebDriver BiDi: Debian's own, as it is, without a driver in between."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.browsers import missing
from tests.e2e.routers import wait_until

try:
    from websockets.sync.client import ClientConnection, connect
except ImportError:
    connect = None  # type: ignore[assignment]

PREFERENCES = {
    "network.cookie.cookieBehavior": 0,  # hidden frames get the provider's cookies
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}
LIMIT = 60.0


class BidiError(Exception):
    """Firefox has answered a command with an error: often a page that is just being left."""


@dataclass
class Firefox:
    """A running Firefox and the connection over which it is told what to do."""

    connection: "ClientConnection"
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Give one command and return its result. BidiError with what Firefox says where it fails."""
        number = next(self._ids)
        self.connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while (said := json.loads(self.connection.recv(LIMIT))).get("id") != number:
            pass  # an event
        if said["type"] == "error":
            raise BidiError(f"{method}: {said['error']}: {said['message']}")
        result: dict[str, Any] = said["result"]
        return result

    def tab(self) -> "FirefoxTab":
        """Open a tab."""
        return FirefoxTab(self, self.call("browsingContext.create", type="tab")["context"])

    def tabs(self) -> dict[str, str]:
        """Return every tab and popup, each with its address."""
        return {each["context"]: each["url"] for each in self.call("browsingContext.getTree", maxDepth=0)["contexts"]}


@dataclass
class FirefoxTab:
    """A tab or a popup of Firefox."""

    firefox: Firefox
    context: str

    @property
    def url(self) -> str:
        """The address that it shows."""
        return self.firefox.tabs()[self.context]

    def goto(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        self.firefox.call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def text(self, selector: str) -> str | None:
        """Return the text of an element; None where there is none, or the page is being left."""
        script = f"document.querySelector({json.dumps(selector)})?.textContent ?? null"
        target = {"context": self.context}
        with contextlib.suppress(BidiError):
            said = self.firefox.call("script.evaluate", expression=script, target=target, awaitPromise=False)
            value = said["result"].get("value")
            return None if value is None else str(value)
        return None

    def click(self, selector: str) -> None:
        """Click an element as a user does, once it is there."""
        wait_until(lambda: self.text(selector) is not None, limit=LIMIT, what=f"{selector} at {self.url}")
        self.firefox.call("browsingContext.activate", context=self.context)
        locator = {"type": "css", "value": selector}
        [node, *_] = self.firefox.call("browsingContext.locateNodes", context=self.context, locator=locator)["nodes"]
        origin = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        pointer = {"type": "pointer", "id": "mouse", "actions": steps}
        self.firefox.call("input.performActions", context=self.context, actions=[pointer])


def firefox_binary() -> str:
    """Return the path of Firefox; the test is skipped where there is none."""
    if connect is None:
        missing("websockets (pip install websockets)")
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        missing("Firefox (apt-get install firefox-esr)")
    return path


@contextlib.contextmanager
def firefox(directory: Path) -> Iterator[Firefox]:
    """Run a headless Firefox with a profile of its own until the block ends; the test is skipped without Firefox."""
    command = [firefox_binary(), "--headless", "--no-remote", "--profile", directory, "--remote-debugging-port", "0"]
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items())
    (directory / "user.js").write_text("".join(lines))
    log = directory / "firefox.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, "HOME": str(directory)}
        )
    address = directory / "WebDriverBiDiServer.json"
    try:
        wait_until(lambda: process.poll() is not None or _told(address), limit=LIMIT, what=f"{log}: {address}")
        assert process.poll() is None, log.read_text()[-2000:]
        at = json.loads(address.read_text())
        url = f"ws://{at['ws_host']}:{at['ws_port']}/session"
        with connect(url, max_size=None, proxy=None) as connection:
            browser = Firefox(connection)
            browser.call("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
            yield browser
    finally:
        process.kill()
        process.wait()


def _told(address: Path) -> bool:
    """Tell whether Firefox has written where it listens."""
    with contextlib.suppress(OSError, ValueError):
        return "ws_port" in json.loads(address.read_text())
    return False
