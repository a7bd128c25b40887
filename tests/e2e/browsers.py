"""A real Chromium for a test, through playwright."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

try:
    from playwright.sync_api import sync_playwright
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
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
