"""The pages that people see: dashboard, starting page, unknown page; in a real browser over a real Caddy."""

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from router.caddy import assets
from tests.e2e import statuses
from tests.e2e.browsers import chromium, missing
from tests.e2e.caddies import Running, free_port, running
from tests.e2e.routers import wait_until
from tests.fakes import route, service, table

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

HOSTILE = "<img src=x onerror=alert(1)>"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (360, 768, 1600)
# What Chromium itself writes to the console for an answer of 4xx or 5xx: the page's own status, and a ping's
NETWORK = "Failed to load resource: the server responded with a status of"


@dataclass
class Upstream:
    """A dev server of a test: what it was asked, and the status it answers with."""

    port: int
    status: int = 200
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)


@contextlib.contextmanager
def upstream(port: int, *, status: int = 200) -> Iterator[Upstream]:
    """Run a dev server on that port until the block ends."""
    state = Upstream(port, status)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            state.seen.append((self.command, self.path, self.headers.get("Cookie")))
            body = b"<!doctype html><title>The app</title><link rel=icon href=data:,><h1>The app</h1>"
            self.send_response(state.status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = answer  # noqa: N815 - the names of http.server

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield state
        finally:
            server.shutdown()


@dataclass
class Visit:
    """A page in a browser context of its own, and everything that it did."""

    page: "Page"
    base: str
    requests: list["Request"] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, page: "Page") -> None:
        """Note what a page asks for, and what goes wrong in it."""
        page.on("request", self._requested)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type in {"error", "warning"} else None)

    def _requested(self, request: "Request") -> None:
        self.requests.append(request)

    def open(self, host: str = "localhost", path: str = "/") -> "Page":
        """Go to an address of the router and return the page."""
        self.page.goto(f"http://{host}:{self.base}{path}")
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as started:
        yield started


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def caddy(tmp_path: Path, port: int) -> Iterator[Running]:
    routes = (
        route("feature-x", service("web", port, source="mise:.mise.local.toml"), service("api", 9)),
        route("feature-login", service("web", 9), service("api", 9), aliases=("sign-in",), left=("old-login",)),
        route("main"),
    )
    with running(table(*routes), tmp_path) as caddy:
        yield caddy


@pytest.fixture
def visiting(browser: "Browser", caddy: Running) -> Iterator[Callable[..., Visit]]:
    """Open pages; afterwards none may have written an error, or asked anybody but this machine."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def start(*, width: int = 1600, height: int = 900, scheme: Any = "light", **options: Any) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        contexts.append(context)
        visit = Visit(context.new_page(), str(caddy.site.port))
        visit.watch(visit.page)
        visits.append(visit)
        return visit

    yield start
    for context in contexts:
        context.close()
    for visit in visits:
        assert [e for e in visit.errors if not e.startswith(NETWORK)] == []
        hosts = {urlsplit(request.url).hostname or "" for request in visit.requests}
        assert all(host == "localhost" or host.endswith(".localhost") for host in hosts), hosts


@pytest.fixture
def visit(visiting: Callable[..., Visit]) -> Visit:
    return visiting()


def sample() -> statuses.Json:
    """Return a status that has one of everything."""
    problem = {"kind": "moved-port", "service": "web", "severity": "warning",
               "message": ".mise.local.toml says 3000, the server listens on 14315", "hint": "restart it"}  # fmt: skip
    services = {
        "web": statuses.service("web", "feature-x", 14315, source="mise:.mise.local.toml", program="vite"),
        "api": statuses.service("api", "feature-x", 13315, up=False, pid=None, program=None),
    }
    return statuses.status(
        statuses.worktree("main", main=True, path="/home/me/shop"),
        statuses.worktree(
            "feature-x", branch=HOSTILE, services=services, aliases=["shop-feature-x"], problems=[problem]
        ),
        statuses.worktree("docs", repository="handbook", branch=None, detached=True),
    )


def troubled() -> statuses.Json:
    """Return a status with long names and many problems."""
    long = "x" * 55
    problem = {"kind": "port-conflict", "service": "web", "severity": "error", "message": "m" * 80, "hint": "h " * 60}
    trees = (
        statuses.worktree(
            f"{long}-{i}", branch="feature/" + "averylongbranch" * 12, path="/home/" + "deep/" * 40 + str(i),
            aliases=["a" * 60], problems=[problem] * 4,
            services={"web": statuses.service("web", f"{long}-{i}", 10000 + i, source="env:" + "long" * 20)},
        )
        for i in range(3)
    )  # fmt: skip
    return statuses.status(
        *trees, problems=(problem,), in_sync=False, last_error="unrecognized directive: " + "y" * 300
    )


def many() -> statuses.Json:
    """Return a status of a hundred worktrees."""
    return statuses.status(*(statuses.worktree(f"feature-{i:03}") for i in range(100)))


def names(page: "Page") -> list[str]:
    """Return the worktrees that the dashboard shows at this moment."""
    return page.locator(".worktree:visible h3 a").all_inner_texts()


def opened(page: "Page", name: str) -> str:
    """Open the details of a worktree and return their text."""
    page.get_by_role("button", name=f"Details of {name}", exact=True).click()
    return page.locator("#details").inner_text()


def copies(page: "Page", text: str) -> None:
    """Press the button that copies a text, and expect that it says so, which it does for two seconds alone."""
    button = page.get_by_role("button", name=f"Copy {text}", exact=True)
    said = button.evaluate_handle("""button => {
        const changes = { childList: true };
        const hear = (told) => new MutationObserver(() => told(button.textContent)).observe(button, changes);
        return { next: new Promise(hear) };
    }""")
    button.click()
    assert said.evaluate("({ next }) => next") == "Copied"
    assert page.evaluate("navigator.clipboard.readText()") == text


def in_state(label: str, state: str, **rest: object) -> statuses.Json:
    """Return a worktree whose web server is in that state."""
    up = state in {"up", "not-answering"}
    web = statuses.service("web", label, 14315, up=up, state=state, pid=999 if up else None)
    return statuses.worktree(label, services={"web": web}, **rest)


def fits(page: "Page") -> bool:
    """Tell whether a page needs no scrolling sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_dashboard_says_until_when_a_name_of_before_leads_to_a_worktree(visit: Visit, tmp_path: Path) -> None:
    former = [{"name": "before", "until": "2026-09-21T14:13:20Z"}, {"name": "kept", "until": None}]
    tree = statuses.worktree("x", aliases=["t", "before", "kept"], former=former)
    statuses.write(tmp_path, statuses.status(tree))
    page = visit.open()
    until = page.evaluate("new Date(1790e9).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })")
    text = opened(page, "x")
    assert f"t.localhost:8080, before.localhost:8080 (until {until}), kept.localhost:8080" in text
    assert page.get_by_role("link", name="before.localhost:8080").count() == 1


def test_dashboard_shows_everything_the_status_knows(visit: Visit, tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    page = visit.open()
    page.get_by_text("Watcher running").wait_for()
    row = page.locator(".worktree", has_text="feature-x").inner_text().split("\n")
    assert row[:3] == ["partly up", "feature-x", "! 1"]
    assert [HOSTILE in line for line in row].count(True) == 1
    assert page.locator(".worktree", has_text="feature-x").locator(".chip").all_inner_texts() == [
        "web 14315",
        "api 13315",
    ]
    details = opened(page, "feature-x")
    for text in (
        HOSTILE, "/home/me/shop.feature-x", "shop-feature-x.localhost:8080", "api.feature-x.localhost:8080",
        "127.0.0.1:14315", ".mise.local.toml", "vite", "127.0.0.1:13315", "default", "down", "moved-port",
        "the server listens on 14315", "restart it",
    ):  # fmt: skip
        assert text in details
    assert page.locator("#repositories h2 span:first-child").all_inner_texts() == ["shop", "handbook"]
    assert page.locator("#summary").inner_text() == "3 worktrees · 3 up"
    assert page.locator("#trouble").inner_text() == "1 problem"
    assert page.locator("#oauth code").inner_text() == "http://localhost:8080/auth/callback"
    assert page.locator("#health").inner_text().split("\n") == ["Caddy in sync", "Watcher running"]
    assert page.locator("#notes").inner_text() == ""
    assert page.get_by_role("link", name="main", exact=True).get_attribute("href") == "http://main.localhost:8080"


def test_dashboard_has_26_worktrees_on_one_screen_with_what_is_up_first(
    visiting: Callable[..., Visit], tmp_path: Path
) -> None:
    states = ["down", "asleep", "up", "failed", "starting", "not-answering"]
    trees = [in_state(f"tree-{i:02}", states[i % 6], repository=("shop", "handbook")[i % 2]) for i in range(26)]
    statuses.write(tmp_path, statuses.status(*trees))
    page = visiting(height=1000).open()
    page.get_by_text("Watcher running").wait_for()
    rows = page.locator(".worktree")
    boxes = [box for i in range(26) if (box := rows.nth(i).bounding_box())]
    line = page.locator("footer").bounding_box()
    assert {box["height"] <= 44 for box in boxes} == {True}
    assert line
    assert max(box["y"] + box["height"] for box in boxes) <= line["y"]
    shown = [text.split("\n")[0] for text in page.locator("section[data-name=shop] .worktree").all_inner_texts()]
    assert shown == ["up"] * 4 + ["starting"] * 4 + ["down"] * 5
    shown = [text.split("\n")[0] for text in page.locator("section[data-name=handbook] .worktree").all_inner_texts()]
    assert shown == ["not answering"] * 4 + ["asleep"] * 5 + ["failed"] * 4


def test_dashboard_rows_are_low_on_a_telephone(visiting: Callable[..., Visit], tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    page = visiting(width=360).open()
    page.get_by_text("Watcher running").wait_for()
    assert set(page.locator(".worktree").evaluate_all("all => all.map((each) => each.offsetHeight)")) == {44}


def test_dashboard_folds_a_repository_and_remembers_that(visit: Visit, tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    page = visit.open()
    page.get_by_role("button", name="handbook").click()
    assert names(page) == ["main", "feature-x"]
    page.reload()
    page.get_by_text("Watcher running").wait_for()
    assert names(page) == ["main", "feature-x"]
    page.keyboard.type("docs")
    assert names(page) == ["docs"]
    page.keyboard.press("Escape")
    page.get_by_role("button", name="handbook").click()
    assert names(page) == ["main", "feature-x", "docs"]


def test_dashboard_filters_by_what_is_up_by_repository_and_not_by_the_words_of_a_problem(
    visit: Visit, tmp_path: Path
) -> None:
    wrong = {"kind": "port-conflict", "service": "web", "severity": "warning", "message": "vite says 1", "hint": "no"}
    vite = statuses.service("web", "three", 4242, program="vite")
    trees = [
        statuses.worktree("one", problems=[wrong]), in_state("two", "down"),
        statuses.worktree("three", repository="handbook", services={"web": vite}),
    ]  # fmt: skip
    statuses.write(tmp_path, statuses.status(*trees))
    page = visit.open()
    page.get_by_text("Watcher running").wait_for()
    for typed, found in {"vite": ["three"], "4242": ["three"], "asleep": [], "shop": ["one", "two"]}.items():
        page.locator("#filter").fill(typed)
        assert names(page) == found
    page.locator("#filter").fill("")
    page.get_by_label("Only up").check()
    assert names(page) == ["one", "three"]
    page.locator("#repository").select_option("shop")
    assert names(page) == ["one"]


def test_dashboard_counts_problems_and_lists_them_with_what_to_do(
    visiting: Callable[..., Visit], tmp_path: Path
) -> None:
    own = {
        "kind": "drift",
        "service": None,
        "severity": "warning",
        "message": "not as loaded",
        "hint": "run `router up`",
    }
    statuses.write(tmp_path, {**sample(), "problems": [own]})
    page = visiting(permissions=["clipboard-read", "clipboard-write"]).open()
    opener = page.get_by_role("button", name="2 problems")
    assert page.locator("#problems").is_hidden()
    opener.click()
    assert opener.get_attribute("aria-expanded") == "true"
    texts = page.locator("#problems li").all_inner_texts()
    assert texts[0].startswith("drift not as loaded")
    assert texts[1].startswith("feature-x moved-port web:")
    copies(page, "router up")


def test_dashboard_shows_what_is_looked_up_while_it_is_open(visit: Visit, tmp_path: Path) -> None:
    path = "/home/me/shop.feature-x"
    facts = {"commit": {"subject": HOSTILE, "time": time.time() - 7200}, "dirty": True, "seats": ["Claude Code"],
             "since": {"web": time.time() - 180},
             "processes": [{"pid": 7, "program": "claude", "role": "agent"}]}  # fmt: skip
    statuses.write(tmp_path, statuses.status(statuses.worktree("feature-x", path=path), statuses.worktree("main")))
    visit.page.route("**/.router/worktrees.json", lambda route: route.fulfill(json={"worktrees": {path: facts}}))
    page = visit.open()
    page.get_by_text("Claude Code").wait_for()
    row = page.locator(".worktree", has_text="feature-x")
    assert row.locator(".commit").inner_text().split() == ["±", "2", "h", *HOSTILE.split()]
    assert row.locator(".state").inner_text().split() == ["up", "3", "min"]
    assert "claude 7, agent" in opened(page, "feature-x")


def test_dashboard_details_open_and_close_by_keys(visit: Visit, tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    page = visit.open()
    page.wait_for_selector(".worktree")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("#details h2").inner_text().startswith("feature-x")
    assert page.evaluate("document.activeElement.closest('#details') !== null")
    page.keyboard.press("Escape")
    assert page.locator("#details").is_hidden()
    assert page.evaluate("document.activeElement.dataset.path") == "/home/me/shop.feature-x"


def test_dashboard_of_200_worktrees_stays_where_it_is_scrolled_to_while_it_changes(
    visit: Visit, tmp_path: Path
) -> None:
    trees = [statuses.worktree(f"tree-{i:03}") for i in range(200)]
    statuses.write(tmp_path, statuses.status(*trees))
    page = visit.open()
    page.locator(".worktree", has_text="tree-120").evaluate("each => each.scrollIntoView({ block: 'center' })")
    before = page.locator(".worktree", has_text="tree-120").bounding_box()
    changed = [statuses.worktree(f"new-{i}") for i in range(5)]
    statuses.write(tmp_path, statuses.status(*changed, *trees[:100], *trees[110:]))
    page.get_by_text("195 worktrees").wait_for()
    after = page.locator(".worktree", has_text="tree-120").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 2


def test_dashboard_asks_nothing_while_nobody_sees_it(visit: Visit, tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    ended: list[Request] = []
    for how in ("requestfinished", "requestfailed"):  # playwright takes no built-in function
        visit.page.on(how, lambda request: ended.append(request))  # noqa: PLW0108
    page = visit.open()
    page.wait_for_selector(".worktree")
    hidden = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true });"
    hide = f"{hidden} document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate(hide % "true")
    asked = -1
    while asked != len(visit.requests) or len(ended) < asked:  # what was under way may ask a last time
        asked = len(visit.requests)
        page.wait_for_timeout(1500)
    page.wait_for_timeout(2500)
    assert len(visit.requests) == asked
    with page.expect_response(lambda r: r.url.endswith("/status.json")):
        page.evaluate(hide % "false")


def test_dashboard_shows_a_change_within_two_seconds_without_reloading(visit: Visit, tmp_path: Path) -> None:
    statuses.write(tmp_path, statuses.status(statuses.worktree("main")))
    page = visit.open()
    page.wait_for_selector(".worktree")
    page.evaluate("window.loadedOnce = true")
    statuses.write(tmp_path, statuses.status(statuses.worktree("main"), statuses.worktree("new")))
    page.get_by_role("link", name="new", exact=True).wait_for()
    statuses.write(tmp_path, statuses.status(statuses.worktree("new")))
    page.get_by_role("link", name="main", exact=True).wait_for(state="detached")
    assert page.evaluate("window.loadedOnce")
    asked = [r.timing["startTime"] for r in visit.requests if r.url.endswith("/status.json")]
    pauses = [after - before for before, after in pairwise(at for at in asked if at > 0)]  # in milliseconds
    assert min(pauses) < 2000, "on a busy machine some pauses are longer, but not every one"


def test_dashboard_shows_what_removed_worktrees_left_for_as_long_as_it_runs(visit: Visit, tmp_path: Path) -> None:
    gone = {"worktree": HOSTILE, "repository": "shop", "path": "/home/me/shop.fix-auth", "kind": "pss"}
    server = {"pid": 4713, "program": "node", "role": None, "port": 5173, "ports": [5173, 5174], "memory": 106_000_000}
    agent = {"pid": 4714, "program": "claude", "role": "agent", "port": None, "ports": [], "memory": 1_300_000_000}
    box = {"pid": None, "program": "shop-x-web-1", "role": None, "port": None, "ports": [], "memory": 12_000_000,
           "project": "shop-x", "runs": True}  # fmt: skip
    left = [{**gone, **server, "age_s": 11_000}, {**gone, **agent, "age_s": 200_000}, {**gone, **box, "age_s": 60}]
    statuses.write(tmp_path, {**statuses.status(statuses.worktree("main")), "orphans": left})
    page = visit.open()
    section = page.locator("#orphans")
    section.wait_for()
    assert fits(page)
    told = [text.replace("\n", "|") for text in section.locator("li").all_inner_texts()]
    assert told == [
        f"{HOSTILE}|shop|server|node, pid 4713|5173, 5174|106 MB|3 h",
        f"{HOSTILE}|shop|agent|claude, pid 4714|1.3 GB|2 d",
        f"{HOSTILE}|shop|container|shop-x-web-1, project shop-x|12 MB|1 min",
    ]  # fmt: skip
    assert names(page) == ["main"]
    statuses.write(tmp_path, {**statuses.status(statuses.worktree("main")), "orphans": []})
    section.wait_for(state="hidden")


def test_dashboard_shows_memory_where_the_watcher_says_it(visit: Visit, tmp_path: Path) -> None:
    path = "/home/me/shop.feature-x"
    used = {"bytes": 1_240_000_000, "kind": "pss", "processes": 3, "containers": 0, "reclaimable": 740_000_000,
            "shown": {"agent": 499_600_000, "shell": 400_000}}  # fmt: skip
    answer = {"memory": {**used, "bytes": 1_500_000_000}, "worktrees": {path: used}}
    statuses.write(tmp_path, statuses.status(statuses.worktree("feature-x", path=path), statuses.worktree("main")))
    visit.page.route("**/.router/memory.json", lambda route: route.fulfill(json=answer))
    page = visit.open()
    page.get_by_text("1.2 GB").wait_for()
    assert "1.2 GB: servers 740 MB, agent 500 MB" in opened(page, "feature-x")
    assert page.locator("#summary").inner_text() == "2 worktrees · 2 up · 1.5 GB"
    assert fits(page)


def test_dashboard_asks_for_what_changed_only(visit: Visit, tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    page = visit.open()
    with page.expect_response(lambda r: r.url.endswith("/status.json") and r.status == 304):
        pass
    assert len(names(page)) == 3


def test_dashboard_keeps_focus_and_filter_through_a_refresh(visit: Visit, tmp_path: Path) -> None:
    statuses.write(tmp_path, statuses.status(statuses.worktree("main"), statuses.worktree("other")))
    page = visit.open()
    page.get_by_role("link", name="main", exact=True).wait_for()
    page.keyboard.type("ma")
    page.keyboard.press("ArrowDown")
    changed = statuses.worktree("main", services={"web": statuses.service("web", "main", 4000, up=False)})
    statuses.write(tmp_path, statuses.status(statuses.worktree("a-mapper"), changed, statuses.worktree("other")))
    page.locator(".chip", has_text="4000").wait_for()
    assert names(page) == ["a-mapper", "main"]
    assert page.evaluate("document.activeElement.querySelector('h3').textContent") == "main"


def test_dashboard_filters_by_typing_and_works_with_keys_alone(visit: Visit, tmp_path: Path, port: int) -> None:
    tree = statuses.worktree("feature-x", branch="fix/login", problems=[])
    tree["url"] = f"http://feature-x.localhost:{visit.base}"
    statuses.write(tmp_path, statuses.status(statuses.worktree("main"), tree, statuses.worktree("docs")))
    page = visit.open()
    page.wait_for_selector(".worktree")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.querySelector('h3').textContent") == "feature-x"
    page.keyboard.type("Login fix")
    assert names(page) == ["feature-x"]
    assert page.locator("#summary").inner_text() == "1 of 3 worktrees"
    page.keyboard.press("Escape")
    assert len(names(page)) == 3
    page.keyboard.type("nothing like it")
    assert page.get_by_text("No worktree matches this filter").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.type("login")
    with upstream(port):
        page.keyboard.press("Enter")
        page.wait_for_url(f"http://feature-x.localhost:{visit.base}/")


def test_dashboard_escapes_what_others_named(visit: Visit, tmp_path: Path) -> None:
    dialogs: list[str] = []
    visit.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tree = statuses.worktree("x", branch=HOSTILE, path=f"/home/{HOSTILE}", repository=HOSTILE, aliases=[HOSTILE])
    tree["url"] = "javascript:alert(1)"
    tree["services"]["web"] |= {"url": "javascript:alert(2)", "source": HOSTILE, "program": HOSTILE}
    tree["problems"] = [{"kind": HOSTILE, "service": HOSTILE, "message": HOSTILE, "hint": HOSTILE}]
    statuses.write(tmp_path, statuses.status(tree, last_error=HOSTILE))
    page = visit.open()
    page.wait_for_selector(".worktree")
    assert page.locator("main img").count() == 0
    assert page.locator("a[href^=javascript]").count() == 0
    assert page.locator(".cell.branch").inner_text() == HOSTILE
    opened(page, "x")
    page.locator("#trouble").click()
    assert page.locator("main img, aside img").count() == 0
    assert page.locator("a[href^=javascript]").count() == 0
    assert dialogs == []


@pytest.mark.parametrize(("age", "message"), [
    (60, "The watcher has given no sign of life since"), (None, "The watcher is not running"),
])  # fmt: skip
def test_dashboard_tells_a_silent_watcher_from_one_that_is_gone(
    visit: Visit, tmp_path: Path, age: int | None, message: str
) -> None:
    statuses.write(tmp_path, sample(), age=age or 0)
    if age is None:
        (tmp_path / "heartbeat").unlink()
    page = visit.open()
    page.get_by_text(message).wait_for()
    assert "routes still work" in page.locator("#notes").inner_text()
    statuses.beat(tmp_path)
    page.get_by_text(message).wait_for(state="detached")


def test_dashboard_and_table_have_the_same_words_for_where_a_port_comes_from(visit: Visit, tmp_path: Path) -> None:
    cases = json.loads((Path(__file__).parents[1] / "port_sources.json").read_text())
    services = {
        f"s{i}": statuses.service(f"s{i}", "x", 5000 + i, source=case["source"], program=case["program"])
        for i, case in enumerate(cases)
    }
    statuses.write(tmp_path, statuses.status(statuses.worktree("x", services=services)))
    page = visit.open()
    opened(page, "x")
    assert page.locator(".source").all_inner_texts() == [case["text"] for case in cases]


def test_dashboard_goes_by_the_servers_clock(visiting: Callable[..., Visit], tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    visit = visiting()
    visit.page.clock.set_system_time("2031-01-01T00:00:00Z")
    page = visit.open()
    page.get_by_text("Watcher running").wait_for()
    assert page.locator("#notes").inner_text() == ""


def test_dashboard_shows_what_caddy_refused_and_that_it_is_out_of_sync(visit: Visit, tmp_path: Path) -> None:
    problem = {
        "kind": "drift",
        "service": None,
        "severity": "error",
        "message": "not what was loaded",
        "hint": "router up",
    }
    statuses.write(
        tmp_path, statuses.status(problems=(problem,), in_sync=False, last_error="line 3: unknown directive foo")
    )
    page = visit.open()
    page.get_by_text("Caddy out of sync").wait_for()
    notes = page.locator("#notes").inner_text()
    assert "unknown directive foo" in notes
    page.get_by_role("button", name="1 problem").click()
    told = page.locator("#problems").inner_text()
    assert "not what was loaded" in told
    assert "router up" in told
    assert page.get_by_text("No worktree is routed yet").is_visible()


def test_dashboard_says_when_caddy_does_not_answer(visiting: Callable[..., Visit], tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    visit = visiting()
    page = visit.open()
    page.wait_for_selector(".worktree")
    page.context.set_offline(True)
    page.get_by_text("Caddy does not answer. This page shows the state of").wait_for()
    page.context.set_offline(False)
    page.get_by_text("This page shows the state of").wait_for(state="detached")
    assert all("ERR_INTERNET_DISCONNECTED" in error for error in visit.errors)
    visit.errors.clear()


def test_dashboard_lists_caddys_routes_until_a_watcher_has_looked(visit: Visit, tmp_path: Path) -> None:
    page = visit.open()
    page.get_by_text("The watcher is not running").wait_for()
    assert page.locator("main a:visible").all_inner_texts() == ["feature-login", "feature-x", "main"]
    statuses.write(tmp_path, sample())
    page.locator("#plain").wait_for(state="hidden")
    assert len(names(page)) == 3
    (tmp_path / "status.json").unlink()
    page.wait_for_timeout(1200)
    assert len(names(page)) == 3
    assert page.locator("#plain").is_hidden()


def test_dashboard_copies_the_redirect_uri(visiting: Callable[..., Visit], tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    page = visiting(permissions=["clipboard-read", "clipboard-write"]).open()
    copies(page, "http://localhost:8080/auth/callback")


def test_dashboard_without_javascript_is_a_list(visiting: Callable[..., Visit], tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    visit = visiting(java_script_enabled=False)
    page = visit.open()
    links = page.locator("main a:visible")
    assert links.all_inner_texts() == ["feature-login", "feature-x", "main"]
    assert links.first.get_attribute("href") == f"http://feature-login.localhost:{visit.base}/"


def test_a_program_gets_the_dashboard_as_text(caddy: Running, tmp_path: Path) -> None:
    without = caddy.request("GET", "/", host="localhost")
    assert without.status_code == 200
    assert without.text.splitlines()[1] == "live: feature-login, feature-x, main; run `router up` to see more"
    (tmp_path / "status.txt").write_text("up  http://main.localhost:8080\n")
    answer = caddy.request("GET", "/", host="localhost", headers={"Accept": "*/*"})
    assert answer.text == "up  http://main.localhost:8080\n"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert caddy.request("GET", "/", host="localhost", headers=HTML).text.startswith("<!doctype html>")
    elsewhere = {"Accept": "*/*", "Sec-Fetch-Site": "same-site"}
    assert caddy.request("GET", "/", host="localhost", headers=elsewhere).status_code == 403


@pytest.mark.parametrize("make", [sample, troubled, many, statuses.status])
@pytest.mark.parametrize("width", WIDTHS)
def test_dashboard_fits(
    visiting: Callable[..., Visit], tmp_path: Path, width: int, make: Callable[[], statuses.Json]
) -> None:
    value = make()
    statuses.write(tmp_path, value)
    page = visiting(width=width).open()
    page.get_by_text("Watcher running").wait_for()
    assert len(names(page)) == len(value["worktrees"])
    assert fits(page)


def test_csp_refuses_what_a_page_did_not_bring(visiting: Callable[..., Visit], tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    for host in ("localhost", "feature-x.localhost", "gone.localhost"):
        visit = visiting()
        page = visit.open(host)
        page.evaluate("""() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
        }""")
        wait_until(lambda at=visit: any("Content Security Policy" in error for error in at.errors)
                   or at.page.wait_for_timeout(50), what="the refusal")  # type: ignore[misc]  # fmt: skip
        assert page.evaluate("window.ran") is None
        visit.errors.clear()


def test_status_is_for_the_dashboards_own_origin(caddy: Running, tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    for path in ("/.router/status.json", "/.router/heartbeat"):
        own = caddy.request("GET", path, host="localhost", headers={"Sec-Fetch-Site": "same-origin"})
        assert own.status_code == 200
        assert own.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert own.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in own.headers
        for site in ("cross-site", "same-site"):
            answer = caddy.request("GET", path, host="localhost", headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403
        assert caddy.request("GET", path, host="feature-x.localhost").status_code == 404
    for path in ("/.router/Caddyfile", "/.router/caddy.log", "/.router/a.sock", "/.router/../Caddyfile"):
        assert caddy.request("GET", path, host="localhost").status_code == 404


def test_the_dashboards_origin_has_nothing_of_a_worktree(caddy: Running, port: int) -> None:
    with upstream(port) as app:
        for path in ("/", "/app.js", "/.router/ping", "/api"):
            assert "The app" not in caddy.request("GET", path, host="localhost").text
    assert app.seen == []


def test_starting_page_names_what_it_waits_for(visit: Visit, tmp_path: Path, port: int) -> None:
    (tmp_path / "services").mkdir()
    command = "cd '/w/<i>x</i>' && router run -- npm run dev"
    facts = {"directory": "/w/<i>x</i>", "command": command, "program": "<b>vite"}
    (tmp_path / "services" / "feature-x.json").write_text(json.dumps(facts))
    page = visit.open("feature-x.localhost")
    page.get_by_text("Last seen there").wait_for()
    told = page.locator("dd").all_inner_texts()
    assert told == ["feature-x", "/w/<i>x</i>", "web", str(port), ".mise.local.toml", "<b>vite"]
    assert page.locator("#command").inner_text() == command
    page.get_by_text(re.compile(r"Waiting for an answer [1-9]\d* s")).wait_for()


def test_starting_page_leads_to_the_worktrees_details_on_the_dashboard(visit: Visit, tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    page = visit.open("feature-x.localhost")
    page.get_by_role("link", name="Start it on the dashboard").click()
    page.wait_for_url(f"http://localhost:{visit.base}/")
    page.locator("#details h2").wait_for()
    assert page.locator("#details h2").inner_text().startswith("feature-x")
    assert page.evaluate("document.activeElement.tagName") == "H2"  # a key that is held down starts nothing
    assert all(request.method != "POST" for request in visit.requests)


def test_starting_page_of_a_service_that_nobody_has_seen_yet(visit: Visit) -> None:
    page = visit.open("api.feature-x.localhost")
    assert page.locator("dd:visible").all_inner_texts() == ["feature-x", "api", "9", "default"]
    assert page.locator("#start").is_hidden()


def test_starting_page_turns_into_the_app_at_the_same_address(visit: Visit, port: int) -> None:
    address = "/auth/callback?code=a%20b&state=%7Cx&empty=#part"
    page = visit.open("feature-x.localhost", address)
    page.context.add_cookies([{"name": "session", "value": "1", "url": page.url}])
    page.wait_for_timeout(1200)
    with upstream(port) as app:
        page.get_by_role("heading", name="The app").wait_for()
        assert page.url == f"http://feature-x.localhost:{visit.base}{address}"
    pings = [asked for asked in app.seen if asked[0] == "HEAD"]
    assert pings
    assert set(pings) == {("HEAD", "/", None)}
    assert [asked for asked in app.seen if asked[0] != "HEAD"] == [("GET", address.removesuffix("#part"), "session=1")]


def test_starting_page_never_sends_a_form_again_by_itself(visit: Visit, port: int) -> None:
    page = visit.page
    with upstream(port) as app:
        visit.open("feature-x.localhost")
        page.evaluate("""document.body.innerHTML = '<form method=post action="/form"><input name=a value=1></form>'""")
    page.evaluate("document.forms[0].submit()")
    page.get_by_role("heading", name="feature-x is not answering yet").wait_for()
    with upstream(port) as app:
        page.get_by_text("Reload this page to send the form again").wait_for()
        page.wait_for_timeout(500)
    assert {asked[0] for asked in app.seen} == {"HEAD"}


def test_starting_page_has_patience_with_a_server_that_only_answers_the_ping(visit: Visit, port: int) -> None:
    page = visit.open("feature-x.localhost", "/page")
    page.route("**/.router/ping", lambda answer: answer.fulfill(status=204))

    def loads() -> list[float]:
        found = [request.timing["startTime"] for request in visit.requests if request.is_navigation_request()]
        return [at for at in found if at > 0]

    wait_until(lambda: len(loads()) >= 4 or page.wait_for_timeout(100), what="three loads more")  # type: ignore[func-returns-value]
    first, second, third = (after - before for before, after in pairwise(loads()[:4]))  # in milliseconds
    assert first >= 490
    assert second >= 1490
    assert third >= 3490


@pytest.mark.parametrize(("method", "host", "line"), [
    ("GET", "feature-x.localhost",
     "feature-x (web) does not listen on 127.0.0.1:{port} (port source: .mise.local.toml)"),
    ("POST", "api.feature-x.localhost", "feature-x (api) does not listen on 127.0.0.1:9 (port source: default)"),
    ("PUT", "sign-in.localhost", "feature-login (web) does not listen on 127.0.0.1:9 (port source: default)"),
])  # fmt: skip
def test_a_program_gets_two_lines(caddy: Running, port: int, method: str, host: str, line: str) -> None:
    answer = caddy.request(method, "/a?b=1", host=host, headers={"Accept": "application/json"})
    assert answer.status_code == 502
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.splitlines() == [
        line.format(port=port),
        f"start its server in that worktree and try again; all worktrees: http://localhost:{caddy.site.port}/",
    ]


def test_starting_page_keeps_its_status_whatever_was_asked(caddy: Running) -> None:
    for method in ("GET", "POST", "HEAD"):
        for more in (
            {},
            {"Range": "bytes=0-9"},
            {"If-None-Match": "*"},
            {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        ):
            answer = caddy.request(method, "/", host="feature-x.localhost", headers={**HTML, **more})
            assert answer.status_code == 502
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.text.startswith("" if method == "HEAD" else "<!doctype html>")


def test_fetch_sees_the_status_untouched(visit: Visit) -> None:
    page = visit.open("feature-x.localhost")
    answer = page.evaluate("fetch('/api').then(async (r) => [r.status, r.headers.get('Retry-After'), await r.text()])")
    assert answer[:2] == [502, "1"]
    assert len(answer[2].splitlines()) == 2


@pytest.mark.parametrize("status", [404, 500, 502, 503, 504])
def test_an_upstreams_own_error_passes_untouched_and_counts_as_up(caddy: Running, port: int, status: int) -> None:
    with upstream(port, status=status):
        answer = caddy.request("GET", "/", host="feature-x.localhost", headers=HTML)
        assert (answer.status_code, "The app" in answer.text) == (status, True)
        assert "Retry-After" not in answer.headers
        assert caddy.request("GET", "/.router/ping", host="feature-x.localhost").status_code == 204


def test_ping_says_down_and_unknown(caddy: Running) -> None:
    assert caddy.request("GET", "/.router/ping", host="feature-x.localhost").status_code == 502
    assert caddy.request("GET", "/.router/ping", host="gone.localhost").status_code == 404


def test_service_file_is_read_for_known_names_only(caddy: Running, tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    for key in ("feature-x--api", "gone"):
        (tmp_path / "services" / f"{key}.json").write_text("{}")
    path = "/.router/service.json"
    assert caddy.request("GET", path, host="api.feature-x.localhost").status_code == 200
    assert caddy.request("GET", path, host="feature-x--api.localhost").status_code == 200
    assert caddy.request("GET", path, host="feature-x.localhost").status_code == 204
    assert caddy.request("GET", path, host="gone.localhost").status_code == 404
    other = {"Sec-Fetch-Site": "same-site"}
    assert caddy.request("GET", path, host="api.feature-x.localhost", headers=other).status_code == 403


def test_unknown_page_puts_the_closest_first_and_keeps_path_and_query(visit: Visit) -> None:
    page = visit.open("feature-y.localhost", "/a%20b?c=%2F&d='#part")
    assert page.locator("h1").inner_text() == "No worktree is called feature-y"
    assert page.locator("#close a").all_inner_texts() == ["feature-x"]
    assert page.locator("#live a").all_inner_texts() == ["feature-login", "feature-x", "main"]
    wanted = f"http://feature-x.localhost:{visit.base}/a%20b?c=%2F&d=%27#part"
    assert page.get_by_role("link", name="feature-x").first.evaluate("a => a.href") == wanted
    page.wait_for_timeout(300)
    assert urlsplit(page.url).hostname == "feature-y.localhost"


@pytest.mark.parametrize(("wrong", "right"), [
    ("feature-login-2", "feature-login"), ("login", "feature-login"), ("mian", "main"), ("featurex", "feature-x"),
    ("tenant.mainn", "main"), ("zzzzzz", None),
])  # fmt: skip
def test_did_you_mean(visit: Visit, wrong: str, right: str | None) -> None:
    close = visit.open(f"{wrong}.localhost").locator("#close a:visible")
    assert (close.first.inner_text() if right else close.count()) == (right or 0)


def test_unknown_page_of_a_path_on_localhost(visit: Visit) -> None:
    page = visit.open("localhost", "/feature-xx/a/b?c=1")
    assert page.locator("h1").inner_text() == "No worktree is called feature-xx"
    assert page.locator("#close a").evaluate_all("all => all.map((a) => a.href)") == [
        f"http://feature-x.localhost:{visit.base}/a/b?c=1"
    ]


@pytest.mark.parametrize(("host", "path", "now"), [
    ("old-login", "/a%20b?c=%2F&d='#part", "feature-login.localhost:{}/a%20b?c=%2F&d=%27#part"),
    ("api.old-login", "/users", "api.feature-login.localhost:{}/users"),
    ("tenant.old-login", "/", "feature-login.localhost:{}/"),
    ("", "/old-login/a?b=c", "feature-login.localhost:{}/a?b=c"),
])  # fmt: skip
def test_the_unknown_page_links_to_what_a_worktree_of_that_name_is_called_now(
    visit: Visit, host: str, path: str, now: str
) -> None:
    page = visit.open(f"{host}.localhost" if host else "localhost", path)
    assert page.locator("h1").inner_text().startswith("No worktree is called old-login")
    assert "The worktree that had this name is called feature-login now." in page.locator("main").inner_text()
    assert page.locator("#moved a").evaluate("a => a.href") == "http://" + now.format(visit.base)
    page.locator("#moved a").click()
    page.wait_for_url("http://" + now.format(visit.base))


def test_what_asks_for_no_page_is_told_in_text_what_the_worktree_is_called_now(caddy: Running) -> None:
    answer = caddy.request("GET", "/x", host="api.old-login.localhost")
    assert answer.status_code == 404
    first, second = answer.text.splitlines()
    assert first == "no worktree is called old-login--api"
    assert f"feature-login now: http://api.feature-login.localhost:{caddy.site.port};" in second
    assert "feature-login now" not in caddy.request("GET", "/x", host="other.localhost").text


def test_unknown_service_of_a_live_worktree(visit: Visit) -> None:
    page = visit.open("feature-x--admin.localhost")
    assert page.locator("h1").inner_text() == "feature-x has no service called admin"
    assert page.locator("#close a").first.inner_text() == "feature-x"


@pytest.mark.parametrize(("target", "path"), [
    ("/api/auth/callback/google?code=SECRET&state=NONCE", "/api/auth/callback/google"),
    ("/login/oauth2/code/okta?state=NONCE&code=SECRET", "/login/oauth2/code/okta"),
    ("/users/auth/x?scope=a&state=NONCE&error=access_denied", "/users/auth/x"),
    ("/signin-oidc", "/signin-oidc"),
    ("/oauth2callback", "/oauth2callback"),
    ("/api/auth/callback/", "/api/auth/callback/"),
    ("/authentication/login-callback", "/authentication/login-callback"),
    ("/x?id_token=SECRET", "/x"),
    ("/oauth-callback", None),
    ("/auth/oidc.callback/x?a=1", None),
    ("/.auth/login/aad/callback?code=SECRET&state=NONCE", None),
    ("/%3Cb%3E/callback?state=NONCE&code=SECRET", None),
    ("/api?code=1", None),
    ("/a%20b/callback?code=1&state=2", None),
    ("/../callback?code=1&state=2", None),
])  # fmt: skip
def test_a_callback_path_that_nobody_configured_is_told_with_the_line_to_write(
    caddy: Running, target: str, path: str | None
) -> None:
    for method in ("GET", "POST"):
        lines = caddy.request(method, target, host="localhost").text.splitlines()
        if path is None:
            assert "callback_paths" not in " ".join(lines)
            page = caddy.request(method, target, host="localhost", headers=HTML)
            assert not {"SECRET", "NONCE"} & set(re.findall("[A-Z]+", page.text))
            continue
        assert lines == [
            f"the callback path {path} is not configured",
            f'add it to router.toml: callback_paths = ["{path}"], then sign in again; '
            f"see http://localhost:{caddy.site.port}/",
        ]
        page = caddy.request(method, target, host="localhost", headers=HTML)
        assert page.status_code == 404
        assert f"callback_paths = [&#34;{path}&#34;]" in page.text or f'callback_paths = ["{path}"]' in page.text
        assert "SECRET" not in page.text
        assert "NONCE" not in page.text
    elsewhere = caddy.request("GET", target, host="gone.localhost").text
    assert elsewhere.startswith("no worktree is called gone")


@pytest.mark.parametrize("target", [
    """/"><script>alert(1)</script>?a="><img src=x onerror=alert(1)>""", "/?a={env.HOME}{{env `HOME`}}",
    "//evil.example/", "/javascript:alert(1)", "http:javascript:alert(1)", "http://evil.example/x",
])  # fmt: skip
def test_unknown_page_escapes_what_was_asked(caddy: Running, target: str) -> None:
    target = target.replace(" ", "%20")
    for host in ("gone.localhost", "localhost"):
        text = caddy.request("GET", target, host=host, headers=HTML).text
        assert "<script>" not in text
        assert "<img src=x" not in text
        assert str(Path.home()) not in text
        links = [part.split('"')[0] for part in text.split('<a href="')[1:]]
        assert all(link.startswith(("http://feature-", "http://main.", "http://localhost:")) for link in links)
        assert all(f".localhost:{caddy.site.port}/" in link for link in links[:-1])


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_program_gets_the_live_names(caddy: Running, method: str) -> None:
    answer = caddy.request(method, "/a", host="gone.localhost")
    assert answer.status_code == 404
    assert answer.text.splitlines() == [
        "no worktree is called gone",
        f"live: feature-login, feature-x, main; see http://localhost:{caddy.site.port}/",
    ]
    assert caddy.request(method, "/a", host="gone.localhost", headers=HTML).status_code == 404


@pytest.mark.parametrize("host", ["localhost", "feature-x.localhost", "gone.localhost"])
def test_pages_carry_the_safety_headers(caddy: Running, host: str) -> None:
    headers = caddy.request("GET", "/", host=host, headers=HTML).headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_the_chooser_has_what_was_visited_last_first_with_state_and_repository(visit: Visit, tmp_path: Path) -> None:
    statuses.write(tmp_path, sample())
    (tmp_path / "recent.json").write_text(json.dumps({"recent": [["main"], ["sign-in"], ["feature-login"]]}))
    page = visit.open("localhost", "/auth/callback?code=c&state=" + "nobody-knows-this-one")
    page.locator("#choose:visible").wait_for(timeout=30_000)
    assert page.locator("#choose button").all_inner_texts() == ["main", "feature-login", "feature-x"]
    told = page.locator("#choose li .muted").all_inner_texts()
    trees = {each["name"]: each for each in sample()["worktrees"]}
    assert [each.split(" · ")[1] for each in told] == [
        trees[name]["repository"] for name in ("main", "feature-login", "feature-x") if name in trees
    ]
    assert page.locator("#filter, .narrow").count() == 0  # three are few


def test_one_that_nobody_has_seen_in_use_yet_is_asked_after_the_others(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "recent.json").write_text(json.dumps({"recent": [["main"]]}))
    state = "c2e7d6f1a84b4f2f9a51b0f5d3a1e9c4"
    visit.open("feature-x.localhost", "/").evaluate("state => localStorage.setItem(`oidc.${state}`, '{}')", state)
    page = visit.open("localhost", f"/auth/callback?code=c&state={state}")
    page.wait_for_url(f"http://feature-x.localhost:{visit.base}/auth/callback?code=c&state={state}", timeout=60_000)


def test_long_lists_of_worktrees_have_a_filter_and_other_hosts_learn_no_state(
    tmp_path: Path, browser: "Browser"
) -> None:
    names = [f"tree-{number}" for number in range(12)]
    with running(table(*(route(name) for name in names)), tmp_path) as caddy, browser.new_context() as context:
        down = {"up": False, "pid": None, "program": None}
        trees = [statuses.worktree(name, services={"web": statuses.service("web", name, 9, **down)}) for name in names]
        trees[7]["services"]["web"].update(up=True, state="up")
        statuses.write(tmp_path, statuses.status(*trees))
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(urlsplit(request.url).path))
        page.goto(f"http://localhost:{caddy.site.port}/gone")
        page.locator("#live .told").first.wait_for()
        assert page.locator("#live a").first.inner_text() == "tree-7"
        page.get_by_role("searchbox").fill("down shop 11")
        assert page.locator("#live a:visible").all_inner_texts() == ["tree-11"]
        asked.clear()
        page.goto(f"http://gone.localhost:{caddy.site.port}/")
        page.get_by_role("searchbox").fill("tree-1")
        assert page.locator("#live a:visible").all_inner_texts() == ["tree-1", "tree-10", "tree-11"]
        assert "/.router/status.json" not in asked
        assert page.locator("#live .muted").count() == 0


def test_nobody_is_live(tmp_path: Path, browser: "Browser") -> None:
    with running(table(), tmp_path) as caddy:
        assert caddy.request("GET", "/", host="gone.localhost").text.splitlines()[1].startswith("live: none; ")
        assert "No worktree is live" in caddy.request("GET", "/", host="gone.localhost", headers=HTML).text
        assert "No worktree is routed" in caddy.request("GET", "/", host="localhost", headers=HTML).text


ADDRESSES = {
    "dashboard": ("localhost", "/"),
    "starting": ("feature-x.localhost", "/"),
    "unknown": ("feature-y.localhost", "/"),
    "chooser": ("localhost", "/auth/callback?error=access_denied&state=nobody"),
    "relay": ("localhost", "/auth/callback"),
}


@pytest.mark.node
@pytest.mark.parametrize("look", [{"width": w, "scheme": s} for w in WIDTHS for s in ("light", "dark")])
@pytest.mark.parametrize(("name", "make"), [
    ("dashboard", sample), ("dashboard", troubled), ("dashboard", many), ("dashboard", statuses.status),
    ("starting", sample), ("unknown", sample), ("chooser", sample), ("relay", sample),
])  # fmt: skip
def test_axe_finds_nothing(
    visiting: Callable[..., Visit], tmp_path: Path, name: str, make: Callable[[], statuses.Json], look: dict[str, Any]
) -> None:
    if not AXE.is_file():
        missing("axe-core (npm ci in tests/e2e)")
    statuses.write(tmp_path, make(), age=60)
    page = visiting(**look, bypass_csp=True).open(*ADDRESSES[name])
    if name == "chooser":
        page.locator("#choose:visible").wait_for()  # the search is over
    if name == "dashboard":
        page.get_by_text("The watcher has given no sign of life since").wait_for()
    page.wait_for_timeout(200)
    assert fits(page)
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run().then((r) => r.violations.map((v) => [v.id, v.nodes.map((n) => n.html)]))")
    assert found == []


OTHERS = {
    "claim": ("feature-x.localhost", "/.router/claim/?frame&state=abc"),
    "claimed": ("localhost", "/.router/claimed"),
}


def test_all_pages_together_weigh_less_than_60_kilobytes(visiting: Callable[..., Visit], tmp_path: Path) -> None:
    """Each page, and once each stylesheet, script and icon, as they travel to the browser."""
    statuses.write(tmp_path, sample())
    bodies: dict[str, int] = {}
    parts: dict[str, int] = {}

    def weigh(name: str, request: "Request") -> None:
        part = urlsplit(request.url).path.removeprefix("/.router/")
        if part.endswith((".css", ".js", ".svg")):
            parts[part] = request.sizes()["responseBodySize"]
        elif request.is_navigation_request() and request.frame.parent_frame is None:
            bodies.setdefault(name, request.sizes()["responseBodySize"])

    for name, place in {**ADDRESSES, **OTHERS}.items():
        visit = visiting()
        visit.page.on("requestfinished", partial(weigh, name))
        page = visit.open(*place)
        wait_until(lambda at=page, name=name: name in bodies or at.wait_for_timeout(50), what=name)  # type: ignore[misc]
        page.wait_for_timeout(300)
    assert bodies.keys() == {*ADDRESSES, *OTHERS}
    loaded = {"actions.js", "choices.js", "chooser.js", "dashboard.css", "dashboard.js", "details.js", "elements.js",
              "icon.svg", "router.css", "row.js", "starting.js", "unknown.js"}  # fmt: skip
    wait_until(lambda: loaded <= parts.keys() or page.wait_for_timeout(50), what=f"{loaded}: {parts}")
    assert parts.keys() == loaded
    assert sum((*bodies.values(), *parts.values())) < 60_000, (bodies, parts)


def test_what_a_browser_cannot_unpack_is_sent_as_it_is(caddy: Running) -> None:
    headers = {"Accept-Encoding": "identity"}
    plain = caddy.request("GET", "/.router/dashboard.js", host="localhost", headers=headers)
    packed = caddy.request("GET", "/.router/dashboard.js", host="localhost", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.text == plain.text == (assets.pages() / "dashboard.js").read_text()
    known = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    assert caddy.request("GET", "/.router/dashboard.js", host="localhost", headers=known).status_code == 304
    page = caddy.request("GET", "/", host="localhost", headers={**HTML, "Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in page.headers  # it has what was asked for in it
