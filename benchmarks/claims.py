"""How long a sign-in whose state names nobody takes to find the worktree that began it, in Chromium."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import TYPE_CHECKING

from benchmarks.measure import Goal, MissingError, Result, interleaved, progress, spread
from benchmarks.worktrees import free_ports, routed
from tests.e2e.browsers import chromium
from tests.e2e.routers import Router, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

LIVE, HOPS = 20, 8
STATE = "c2e7d6f1a84b4f2f9a51b0f5d3a1e9c4"
GOALS = {
    "tab, the owner was used last": 0.6, "tab, the owner was used as the eighth": 2.0,
    "popup": 0.6, "hidden frame": 0.6,
}  # fmt: skip

Arrived = Queue[float]


def run(*, smoke: bool) -> Result:
    """Measure from the callback's request to the answer's arrival at the owner's server, among twenty worktrees."""
    count, rounds = (9, 1) if smoke else (LIVE, 12)
    try:
        with _browsing(count) as (router, page, arrived):
            last, eighth, popup, frame = GOALS
            kinds = {
                last: partial(_tab, router, page, arrived, 0),
                eighth: partial(_tab, router, page, arrived, HOPS - 1),
                popup: partial(_beside, router, page, arrived, "window.open(url)"),
                frame: partial(_beside, router, page, arrived, _FRAME),
            }
            progress(f"{rounds} searches of each kind among {count} worktrees")
            taken = interleaved(kinds, rounds=rounds)
    except BaseException as exc:
        if type(exc).__name__ == "Skipped":  # pytest's own, for want of Chromium
            raise MissingError(str(exc)) from exc
        raise
    rows = [{"where": name, "worktrees": count, "s": spread(values)} for name, values in taken.items()]
    goals = [Goal(f"s, {name}", spread(taken[name])["median"], most) for name, most in GOALS.items()]
    return Result(rows, [] if smoke else goals)


_FRAME = "document.body.append(Object.assign(document.createElement('iframe'), { hidden: true, src: url }))"


@contextmanager
def _browsing(count: int) -> Iterator[tuple[Router, "Page", Arrived]]:
    ports, arrived = free_ports(count), Arrived()
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(_app(port, arrived))
        router = stack.enter_context(routed(count, ports={f"there/{n}": port for n, port in enumerate(ports)}))
        browser = stack.enter_context(chromium())
        page = stack.enter_context(browser.new_context()).new_page()
        page.goto(_home(router, 0))
        page.evaluate("state => localStorage.setItem(`oidc.${state}`, '{}')", STATE)
        yield router, page, arrived


@contextmanager
def _app(port: int, arrived: Arrived) -> Iterator[None]:
    """Serve a page, and tell when a callback arrives."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/auth/callback"):
                arrived.put(time.monotonic())
            body = b"<!doctype html><link rel=icon href=data:,><body>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def _home(router: Router, n: int) -> str:
    return f"http://there-{n}.localhost:{router.port}/"


def _callback(router: Router) -> str:
    return f"http://localhost:{router.port}/auth/callback?code=c&state={STATE}"


def _used(router: Router, page: "Page", others: int) -> None:
    """Use the owner, then so many others; return when the router has seen that."""
    for n in range(others + 1):
        wait_until(partial(_is_last, router, page, n), what=f"there-{n} first")


def _is_last(router: Router, page: "Page", n: int) -> bool:
    page.goto(_home(router, n))
    return _recent(router)[:1] == [f"there-{n}"]


def _recent(router: Router) -> list[str]:
    path = router.state / "site" / "recent.json"
    return [site[0] for site in json.loads(path.read_text())["recent"]] if path.exists() else []


def _tab(router: Router, page: "Page", arrived: Arrived, others: int) -> float:
    _used(router, page, others)
    taken = _timed(page, arrived, lambda: page.goto(_callback(router), wait_until="commit"))
    page.wait_for_url(f"{_home(router, 0)}auth/callback*")
    return taken


def _beside(router: Router, page: "Page", arrived: Arrived, how: str) -> float:
    """Bring the callback to a popup or a frame of the owner's page."""
    _used(router, page, 0)
    taken = _timed(page, arrived, lambda: page.evaluate(f"url => {{ {how}; }}", _callback(router)))
    for other in page.context.pages:
        if other is not page:
            other.close()
    return taken


def _timed(page: "Page", arrived: Arrived, go: Callable[[], object]) -> float:
    started = time.monotonic()
    go()
    while arrived.empty():
        page.wait_for_timeout(10)  # playwright attends to a popup only while it is asked something
    return arrived.get() - started
