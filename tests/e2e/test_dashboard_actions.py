"""What the dashboard may do: start, stop and show a log for its own user's page, and for nobody else."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.e2e.browsers import chromium
from tests.e2e.routers import Router, free_port, fresh, wait_until
from tests.servers.shops import ANSWER, LISTEN

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.e2e
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root has a second user")
OTHER_USER = 65_534
LONG = 120  # seconds: a server starts while the request is held
SERVER = f"print('listening, with token=abc123secret', flush=True)\n{LISTEN}{ANSWER}"
# What another user's program does: ask for a token, or act with one that it was given
STRANGER = """
import http.client, os, sys
"".encode("idna")  # what is imported later may lie where that user cannot read
os.setgroups([]); os.setuid(int(sys.argv[1]))
client = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]))
client.request(sys.argv[3], sys.argv[4], headers=dict(each.split("=", 1) for each in sys.argv[5:]))
answer = client.getresponse()
print(answer.status, answer.read().decode())
"""


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    with browser.new_context(viewport={"width": 1600, "height": 1000}) as context:
        yield context.new_page()


@pytest.fixture
def tree(shared: Router) -> Path:
    """A worktree whose `web` is started by a command that is allowed."""
    path = shared.add(fresh("act"))
    (path / "web.py").write_text(SERVER)
    line = json.dumps(f"{sys.executable} -S web.py")
    (shared.repository / "router.toml").write_text(f"[services.web]\nrun = {line}\n")
    assert shared.run("allow").code == 0
    shared.routed(path)
    return path


def origin(router: Router) -> str:
    return f"http://localhost:{router.port}"


def token(router: Router) -> str:
    return str(router.get("localhost", "/.router/token").json()["token"])


def acting(router: Router, **headers: str) -> dict[str, str]:
    """Return the headers of the dashboard's own requests, some of them replaced; an empty one is left out."""
    own = {"Router-Token": token(router), "Origin": origin(router), "Sec-Fetch-Site": "same-origin"}
    return {name: value for name, value in {**own, **headers}.items() if value}


@pytest.mark.browser
def test_two_clicks_start_a_server_and_show_its_log_and_a_third_stops_it(
    shared: Router, tree: Path, page: "Page"
) -> None:
    label = shared.routed(tree)["name"]
    page.goto(origin(shared))
    page.get_by_role("button", name=f"Start {label}", exact=True).click()
    page.get_by_role("button", name=f"Log of {label}", exact=True).click()
    wait_until(lambda: shared.web(tree).get("up"), what="the server")
    log = page.locator("#log pre")
    wait_until(lambda: "listening, with" in log.inner_text() or page.wait_for_timeout(100), what="the log")  # type: ignore[func-returns-value]
    assert "abc123secret" not in page.content()
    page.keyboard.press("Escape")
    stop = page.get_by_role("button", name=f"Stop {label}", exact=True)
    stop.wait_for()
    stop.click()
    wait_until(lambda: not shared.web(tree).get("up"), what="the end of the server")
    page.get_by_role("button", name=f"Start {label}", exact=True).wait_for()


@pytest.mark.browser
def test_two_clicks_on_the_page_of_a_server_that_is_down_start_it_and_the_first_alone_nothing(
    shared: Router, tree: Path, page: "Page"
) -> None:
    label = shared.routed(tree)["name"]
    page.goto(f"http://{label}.localhost:{shared.port}/")
    page.get_by_role("link", name="Start it on the dashboard").click()
    start = page.locator("#doing").get_by_role("button", name=f"Start {label}", exact=True)
    start.wait_for()
    page.wait_for_timeout(1000)
    assert shared.web(tree)["state"] == "down"
    start.click()
    wait_until(lambda: shared.web(tree).get("up"), what="the server")
    shared.run("stop", label)


@pytest.mark.browser
def test_what_a_visit_wakes_is_put_to_sleep_and_woken_by_it(shared: Router, tree: Path, page: "Page") -> None:
    label = shared.routed(tree)["name"]
    settings = shared.repository / "router.toml"
    settings.write_text(f"{settings.read_text()}wake = true\n")
    assert shared.run("allow").code == 0
    assert shared.run("start", label).code == 0
    wait_until(lambda: shared.web(tree).get("wakes"), what="that a visit wakes it")
    page.goto(origin(shared))
    page.get_by_role("button", name=f"Sleep {label}", exact=True).click()
    wait_until(lambda: shared.web(tree)["state"] == "asleep", what="its sleep")
    page.get_by_role("button", name=f"Wake {label}", exact=True).wait_for()
    own = {"Host": f"{label}.localhost:{shared.port}"}
    assert httpx.get(f"http://127.0.0.1:{shared.port}/", headers=own, timeout=LONG).status_code == 200
    page.get_by_role("button", name=f"Sleep {label}", exact=True).wait_for()
    page.get_by_role("button", name=f"Details of {label}", exact=True).click()
    page.locator("#doing").get_by_role("button", name=f"Stop {label}", exact=True).click()
    wait_until(lambda: shared.web(tree)["state"] == "down", what="its end")


@pytest.mark.browser
def test_what_cannot_be_done_is_said_with_what_to_do(shared: Router, page: "Page") -> None:
    path = shared.add(fresh("none"))
    label = shared.routed(path)["name"]
    (shared.repository / "router.toml").unlink(missing_ok=True)
    page.goto(origin(shared))
    page.get_by_role("button", name=f"Start {label}", exact=True).click()
    said = page.locator("#said.error")
    said.wait_for()
    assert "nothing says how" in said.inner_text()
    assert "→" in said.inner_text()


@pytest.mark.browser
def test_pinning_shows_at_once(shared: Router, tree: Path, page: "Page") -> None:
    label = shared.routed(tree)["name"]
    page.goto(origin(shared))
    page.get_by_role("button", name=f"Details of {label}", exact=True).click()
    page.get_by_role("button", name=f"Pin {label}", exact=True).click()
    page.get_by_role("button", name=f"Unpin {label}", exact=True).click()
    page.get_by_role("button", name=f"Pin {label}", exact=True).wait_for()
    shown = page.locator("#about")
    wait_until(lambda: "WORKTREE_URL" in shown.inner_text() or page.wait_for_timeout(100), what="variables")  # type: ignore[func-returns-value]
    assert "WORKTREE_URL=" not in shown.inner_text()
    said = shared.run("explain", f"http://{label}.localhost:{shared.port}").out.splitlines()
    assert said[0] in shown.inner_text()
    assert f"router explain http://{label}.localhost:{shared.port}" in shown.inner_text()
    link = page.get_by_role("link", name="Open in editor").get_attribute("href")
    assert link == f"vscode://file{tree}"


@pytest.mark.browser
def test_without_a_watcher_the_buttons_say_so(router: Router, page: "Page") -> None:
    path = router.add(fresh("dead"))
    up = router.up()
    label = router.routed(path)["name"]
    page.goto(origin(router))
    button = page.get_by_role("button", name=f"Start {label}", exact=True)
    button.wait_for()
    (watcher,) = (each for each in router.processes() if each.pid == up.pid)
    watcher.kill()
    wait_until(lambda: up.ended, what="the end of the watcher")
    button.click()
    page.get_by_text("The watcher is not running. Run “router up”").wait_for()


def test_only_a_post_of_this_origin_with_the_token_acts(shared: Router, tree: Path) -> None:
    label = shared.routed(tree)["name"]
    target = f"/.router/act/start/{label}"
    refused: list[tuple[str, str, dict[str, str]]] = [
        ("GET", target, acting(shared)),
        ("POST", target, acting(shared, **{"Router-Token": ""})),
        ("POST", target, acting(shared, **{"Router-Token": "x" * 43})),
        ("POST", target, acting(shared, Origin="")),
        ("POST", target, acting(shared, Origin=f"http://{label}.localhost:{shared.port}")),
        ("POST", target, acting(shared, Origin="null")),
        ("POST", target, acting(shared, **{"Sec-Fetch-Site": "same-site"})),
        ("POST", target, acting(shared, **{"Sec-Fetch-Site": "cross-site"})),
        ("GET", f"/.router/log/{label}/web", {}),
        ("POST", f"/.router/log/{label}/web", acting(shared)),
        ("GET", f"/.router/env/{label}", {}),
        ("GET", f"/.router/explain/{label}", {}),
        ("GET", "/.router/token", {"Sec-Fetch-Site": "same-site"}),
        ("GET", "/.router/token", {"Sec-Fetch-Site": "cross-site"}),
    ]
    answers = [shared.get("localhost", at, method=how, headers=headers).status_code for how, at, headers in refused]
    assert answers == [403] * len(refused)
    for host in (label, "127.0.0.1", "evil.example"):
        assert shared.get(host, target, method="POST", headers=acting(shared)).status_code in {307, 404, 421, 502}
        assert "token" not in shared.get(host, "/.router/token").text
    for odd in ("act/start/--help", "act/start/nobody", "act/down/main", f"act/prune/{label}", "act//start"):
        answer = shared.get("localhost", f"/.router/{odd}", method="POST", headers=acting(shared))
        assert answer.status_code in {404, 307}, odd
    assert not shared.web(tree)["up"]
    assert shared.web(tree)["state"] == "down"
    own = {"Host": f"localhost:{shared.port}", **acting(shared)}
    answer = httpx.post(f"http://127.0.0.1:{shared.port}{target}", headers=own, timeout=LONG)
    assert answer.json()["code"] == 0, answer.text
    wait_until(lambda: shared.web(tree)["up"], what="the server")
    shared.run("stop", label)


def test_no_header_of_a_client_says_whose_it_is(shared: Router) -> None:
    answer = shared.get(
        "localhost", "/.router/token", headers={"Router-Client": "10.0.0.1 1", "Forwarded": "for=10.0.0.1"}
    )
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


@needs_root
@pytest.mark.parametrize("own", [True, False])
def test_another_user_gets_no_token_no_log_and_no_action_even_with_a_token(
    shared: Router, tree: Path, own: bool
) -> None:
    label = shared.routed(tree)["name"]
    user = os.getuid() if own else OTHER_USER
    headers = [f"{name}={value}" for name, value in {"Host": f"localhost:{shared.port}", **acting(shared)}.items()]

    def asked(method: str, target: str) -> str:
        command = [sys.executable, "-c", STRANGER, str(user), str(shared.port), method, target, *headers]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd="/").stdout

    told = [asked("GET", "/.router/token"), asked("GET", f"/.router/log/{label}/web"),
            asked("GET", f"/.router/explain/{label}"), asked("POST", f"/.router/act/pin/{label}")]  # fmt: skip
    assert [each.split()[0] for each in told] == ["200" if own else "403"] * 4
    assert all(("own user only" in each) is not own for each in told)
    wait_until(lambda: bool((shared.routed(tree).get("sleep") or {}).get("pinned")) is own, what="a pin, or none")
    shared.run("pin", label, "--off")


@pytest.mark.browser
def test_a_hostile_page_of_a_worktree_can_do_nothing(
    shared: Router, tree: Path, page: "Page", serving: Callable[[str], str]
) -> None:
    """By fetch, form, frame, image, and a window that it opened; it has even guessed the token."""
    label = shared.routed(tree)["name"]
    guessed, home = token(shared), origin(shared)
    target = f"{home}/.router/act/start/{label}"
    page.goto(serving("<!doctype html><title>hostile</title>"))
    tried: dict[str, Any] = page.evaluate(
        """async ([home, target, token]) => {
            const tried = {};
            const attempt = async (name, path, options) => {
                try { tried[name] = (await fetch(path, options)).type; } catch { tried[name] = "refused"; }
            };
            await attempt("token", home + "/.router/token");
            await attempt("act", target, { method: "POST", headers: { "Router-Token": token } });
            await attempt("simple", target, { method: "POST", mode: "no-cors" });
            await attempt("log", home + "/.router/status.json");
            const frame = document.createElement("iframe");
            frame.src = home;
            document.body.append(frame);
            await new Promise((done) => { frame.onload = done; });  // one that is not let in loads a page about that
            try { tried.frame = frame.contentWindow.document.title; } catch { tried.frame = "refused"; }
            const form = document.createElement("form");
            Object.assign(form, { method: "post", action: target, target: "_blank" });
            document.body.append(form);
            form.submit();
            return tried;
        }""",
        [home, target, guessed],
    )
    assert tried == dict.fromkeys(("token", "act", "simple", "log", "frame"), "refused")
    page.wait_for_timeout(1000)
    assert shared.web(tree)["state"] == "down"


@pytest.fixture
def serving(shared: Router) -> Iterator[Callable[[str], str]]:
    """Serve a page as a worktree's app does, at the worktree's own host."""

    def serve(text: str) -> str:
        path = shared.add(fresh("hostile"))
        port = free_port()
        shared.declare(path, port)
        shared.serve(path, text, port)
        label = shared.routed(path)["name"]
        wait_until(lambda: "hostile" in shared.page(label), what="the page")
        return f"http://{label}.localhost:{shared.port}/"

    return serve
