"""A real Chromium for a test, through playwright."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

try:
    from playwright.sync_api import Error, Page, sync_playwright
except ImportError:
    sync_playwright = None

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# No sandbox: tests may run as root. The rest keeps Chromium from asking anybody but us.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def missing(what: str) -> NoReturn:
    """Skip the test for want of something, or fail it where everything is required."""
    if os.environ.get("ROUTER_TESTS_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is missing, and ROUTER_TESTS_REQUIRE_ALL=1 asks for every test")
    pytest.skip(f"{what} is missing")


def binary() -> str:
    """Return the path of Chromium; the test is skipped where there is none."""
    for name in ("chromium", "/usr/bin/chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    missing("Chromium (apt-get install chromium)")


@contextlib.contextmanager
def chromium() -> Iterator["Browser"]:
    """Run a headless Chromium until the block ends; the test is skipped without Chromium or playwright."""
    if sync_playwright is None:
        missing("playwright (pip install playwright)")
    path = binary()
    with sync_playwright() as playwright, _going_again():
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def _going_again() -> Iterator[None]:
    """Let a page go once more where it is to go to when the machine's network changes.

    Chromium gives up every connection then (ERR_NETWORK_CHANGED), and containers of tests beside this one come and go.
    """
    goto = Page.goto

    def again(page: Page, url: str, **rest: Any) -> Any:
        try:
            return goto(page, url, **rest)
        except Error as exc:
            if "ERR_NETWORK_CHANGED" not in exc.message:
                raise
            return goto(page, url, **rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Page, "goto", again)
        yield
