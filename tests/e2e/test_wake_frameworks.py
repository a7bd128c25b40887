"""Visits that start real frameworks: Vite with tabs left open in a real browser, and FastAPI with a form first."""

import json
import sys
from pathlib import Path

import pytest

from router.servers import records
from router.store import Store
from tests.e2e.browsers import chromium, missing
from tests.e2e.routers import Router, fresh, wait_until
from tests.e2e.test_start import vite
from tests.servers.shops import end_started
from tests.sleep.nights import LONG

pytestmark = pytest.mark.e2e

ECHO = """
from fastapi import FastAPI, Request
app = FastAPI()
@app.post("/orders")
async def order(request: Request):
    return {"body": (await request.body()).decode(), "query": str(request.query_params)}
"""


def settle(router: Router, line: str, more: str = "") -> None:
    """Have `web` started by this line when it is visited, and allow it."""
    text = f"[services.web]\nrun = {json.dumps(line)}\nwake = true\n{more}"
    (router.repository / "router.toml").write_text(text)
    assert router.run("allow").code == 0


def rendered(router: Router, label: str) -> None:
    """Wait until Caddy would ask the watcher."""
    wait_until(lambda: f"{label}/web" in router.run("render", "--loaded").out, what="the rules", pause=0.3)


@pytest.mark.node
@pytest.mark.browser
def test_vite_wakes_for_who_opens_it_and_never_for_the_tabs_that_are_left_open(router: Router) -> None:
    path = vite(router)
    settle(router, "npm run dev", '[sleep]\nafter = "6s"\n')
    router.detach()
    label, url = router.routed(path)["name"], router.routed(path)["url"]
    rendered(router, label)

    def begun() -> float:
        [server] = [each for each in records.every(Store(router.state)) if each.record.path == str(path)]
        return server.record.begun

    with chromium() as browser:
        left = [browser.new_page() for _ in range(3)]
        for page in left:
            page.goto(f"{url}/?deep=1", wait_until="load")
            page.get_by_role("heading", name="shop", exact=True).wait_for(timeout=LONG * 1000)
            assert page.url == f"{url}/?deep=1"
        assert router.run("pin", label).code == 0  # until none of the tabs is in front any more
        first = begun()
        front = browser.new_page()
        front.bring_to_front()
        assert router.run("pin", "--off", label).code == 0
        wait_until(lambda: router.web(path)["state"] == "asleep", what="asleep", limit=LONG)
        for _ in range(25):  # each tab asks again and again whether the server is back
            front.wait_for_timeout(200)
            assert router.web(path)["state"] == "asleep"
        assert begun() == first
        front.goto(url)
        front.get_by_role("heading", name="shop", exact=True).wait_for(timeout=LONG * 1000)
        assert begun() > first
    router.run("stop", label, "--other")


def test_fastapi_wakes_for_a_form_and_gets_it_once(router: Router) -> None:
    command = Path(sys.executable).with_name("fastapi")
    if not command.exists():
        missing("FastAPI (pip install -e '.[dev]')")
    path = router.add(fresh("fast"))
    (path / "main.py").write_text(ECHO)
    settle(router, f"{command} dev main.py")
    router.up()
    label = router.routed(path)["name"]
    rendered(router, label)
    try:
        answer = router.get(label, "/orders?a=1", method="POST", body=b"cup=1&tea=2", timeout=LONG)
        assert answer.json() == {"body": "cup=1&tea=2", "query": "a=1"}
    finally:
        end_started(Store(router.state))
