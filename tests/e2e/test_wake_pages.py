"""The starting page of a worktree that sleeps, in a real browser: it becomes the app, and starts what is seen."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browsers import chromium
from tests.e2e.routers import wait_until
from tests.e2e.sleepers import World, sleeping

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as started:
        yield started


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with sleeping(tmp_path) as world:
        yield world


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    with browser.new_context() as context:
        yield context.new_page()


def url(world: World, path: str = "/") -> str:
    return f"http://shop.localhost:{world.caddy.site.port}{path}"


def test_the_page_tells_how_far_the_start_is_and_becomes_the_app_with_path_and_query(
    world: World, page: "Page"
) -> None:
    world.starting.go.clear()
    page.goto(url(world, "/deep/link?a=1&b=%20#there"))
    page.get_by_role("heading", name="shop is starting").wait_for()
    page.get_by_text("listening soon").wait_for()
    page.get_by_text("Waiting for an answer").wait_for()
    world.starting.go.set()
    page.get_by_text('"path": "/deep/link?a=1&b=%20"').wait_for()
    assert page.url == url(world, "/deep/link?a=1&b=%20#there")
    assert world.starting.begun == ["shop/web"]


def test_the_page_tells_why_a_server_does_not_start_and_starts_it_again_when_asked(world: World, page: "Page") -> None:
    world.starting.fails = "web ended with exit code 3\n  <img src=x onerror=alert(1)>"
    page.goto(url(world))
    page.get_by_role("heading", name="shop did not start").wait_for()
    assert page.title() == "shop did not start"
    assert "<img src=x onerror=alert(1)>" in page.locator("#problem").inner_text()
    assert "see `router logs`" in page.locator("#problem").inner_text()
    world.starting.fails = ""
    page.get_by_role("button", name="Start it again").click()
    page.get_by_text('"method": "GET"').wait_for()
    assert world.starting.begun == ["shop/web", "shop/web again"]


def test_a_link_and_a_reload_start_what_sleeps(world: World, page: "Page") -> None:
    page.goto(url(world).replace("shop.", "") + ".router/router.css")
    page.evaluate(f"location.href = '{url(world, '/linked')}'")
    page.get_by_text('"path": "/linked"').wait_for()
    world.starting.end()
    page.reload()
    page.get_by_text('"path": "/linked"').wait_for()
    assert world.starting.begun == ["shop/web", "shop/web"]


# As the script of a framework does that has lost its server; what a test evaluates would count as the user's own doing
UNSEEN = """
Object.defineProperty(Document.prototype, "visibilityState", { get: () => window.seen ? "visible" : "hidden" });
addEventListener("load", () => {
    if (document.body.dataset.waking !== undefined) return;
    setInterval(() => fetch("/.router/ping").then(({ status }) => status === 502 && location.reload()), 100);
});
"""


def test_a_page_that_loads_itself_again_unseen_starts_nothing_until_it_is_looked_at(world: World, page: "Page") -> None:
    world.get("/")
    page.add_init_script(UNSEEN)
    page.goto(url(world))
    page.get_by_text('"method": "GET"').wait_for()
    world.starting.end()
    page.get_by_role("heading", name="shop is starting").wait_for()
    for _ in range(3):
        with page.expect_response("**/.router/start"):
            pass
    assert world.starting.begun == ["shop/web"]
    page.evaluate("window.seen = true; document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_text('"method": "GET"').wait_for()
    assert world.starting.begun == ["shop/web", "shop/web"]


def test_an_image_frame_or_fetch_of_another_site_starts_nothing(world: World, page: "Page") -> None:
    page.goto(f"http://localhost:{world.caddy.site.port}/.router/router.css")
    page.evaluate(f"""async () => {{
        const loaded = (element) => new Promise((done) => {{
            element.onload = element.onerror = done;
            document.body.append(element);
        }});
        await fetch('{url(world)}', {{ mode: 'no-cors' }}).catch(() => {{}});
        await loaded(Object.assign(new Image(), {{ src: '{url(world)}' }}));
        await loaded(Object.assign(document.createElement('iframe'), {{ src: '{url(world)}' }}));
        await new Promise((done) => {{ new WebSocket('{url(world).replace("http", "ws")}').onclose = done; }});
    }}""")
    assert world.starting.begun == []
    page.goto(url(world))
    wait_until(lambda: world.starting.begun == ["shop/web"], what="the start of a visit")
