"""Visits to servers that are down, through a real Caddy and the watcher's socket: who starts them, who gets what."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from router.model import Wake
from tests.e2e.routers import free_port, wait_until
from tests.e2e.sleepers import NAVIGATION, WEBSOCKET, World, sleeping

pytestmark = pytest.mark.e2e


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with sleeping(tmp_path) as world:
        yield world


def test_the_first_request_of_a_client_starts_the_server_and_gets_its_answer(world: World) -> None:
    answer = world.get("/deep/link?a=1&b=%20")
    assert answer.status_code == 200
    assert answer.headers["X-Worktree"] == "shop"
    assert answer.json()["path"] == "/deep/link?a=1&b=%20"
    assert answer.json()["host"] == f"shop.localhost:{world.caddy.site.port}"
    assert world.starting.begun == ["shop/web"]
    wait_until(lambda: world.looks, what="a look at once")
    assert world.get("/").status_code == 200
    assert world.starting.begun == ["shop/web"]


def test_each_service_is_started_by_its_own_host_or_path(world: World) -> None:
    assert world.get("/x", "api.shop").json()["path"] == "/x"
    assert world.get("/docs/intro").json()["path"] == "/intro"
    assert world.starting.begun == ["shop/api", "shop/docs"]


def test_a_worktree_that_is_not_to_wake_has_todays_answer(world: World) -> None:
    answer = world.get("/", "other")
    assert answer.status_code == 502
    assert "start its server in that worktree" in answer.text
    assert world.starting.begun == []


def test_fifty_requests_at_once_make_one_start(world: World) -> None:
    world.starting.go.clear()
    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(world.get, f"/{n}") for n in range(50)]
        wait_until(lambda: world.starting.begun, what="a start")
        world.starting.go.set()
        answers = [each.result() for each in asked]
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json()["path"] for answer in answers] == [f"/{n}" for n in range(50)]
    assert world.starting.begun == ["shop/web"]


def test_a_server_that_comes_up_at_another_port_is_reached_there(world: World) -> None:
    world.starting.elsewhere = free_port()
    assert world.get("/").json()["port"] == world.starting.elsewhere


def test_a_start_that_fails_is_told_and_not_tried_again_at_once(world: World) -> None:
    world.starting.fails = "web ended with exit code 3"
    answers = [world.get("/"), world.get("/")]
    for answer in answers:
        assert answer.status_code == 502
        assert answer.text.startswith("shop (web) was visited, but does not start: web ended with exit code 3\n→ see")
        assert answer.headers["Retry-After"] == "3"
        assert answer.headers["X-Worktree"] == "shop"
    assert world.starting.begun == ["shop/web"]


def test_who_waits_longer_than_start_timeout_is_told_what_the_server_said_last(world: World) -> None:
    world.starting.go.clear()
    world.needs(Wake(patience=0.5))
    answer = world.get("/")
    assert answer.status_code == 502
    assert "is starting, but does not listen after 0 s" in answer.text
    assert "listening soon" in answer.text
    world.needs(Wake())
    world.starting.go.set()
    assert world.get("/").status_code == 200
    assert world.starting.begun == ["shop/web"]


def test_without_a_watcher_there_is_todays_answer_at_once(world: World) -> None:
    world.live.close()
    took = []
    for _ in range(3):
        began = time.monotonic()
        answer = world.get("/")
        took.append(time.monotonic() - began)
        assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/plain; charset=utf-8")
        assert "shop (web) does not listen on 127.0.0.1:" in answer.text
        time.sleep(1.2)  # for a second Caddy does not ask who was not there
    assert min(took) < 4  # less than it waits for one that hangs


def test_a_watcher_that_dies_while_a_request_waits_leaves_todays_answer(world: World, tmp_path: Path) -> None:
    world.live.close()
    with socket.socket(socket.AF_UNIX) as dying, ThreadPoolExecutor(1) as pool:
        dying.bind(str(tmp_path / "live.sock"))
        dying.listen()
        asked = pool.submit(world.get, "/")
        for answer in (b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", b""):
            connection, _ = dying.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)
        answer = asked.result()
    assert answer.status_code == 502
    assert "does not listen on" in answer.text


def test_a_watcher_that_hangs_leaves_todays_answer(world: World, tmp_path: Path) -> None:
    world.live.close()
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "live.sock"))
        hung.listen()
        answer = world.get("/")
    assert answer.status_code == 502
    assert "does not listen on" in answer.text


# Callbacks


@pytest.mark.parametrize("query", [
    "state=%s&code=a%%20b", "code=a+b&state=%s", "a=%%zz;b&state=%s&c=%%2F%%3f", "state=%s",
])  # fmt: skip
def test_a_callback_is_held_and_reaches_the_app_as_it_was_sent_without_its_tag(world: World, query: str) -> None:
    state = "x%7Cy.z"
    tagged, plain = query % f"WT1.shop.{state}", query % state
    assert world.get(f"/auth/callback?{tagged}").json()["path"] == f"/auth/callback?{plain}"
    assert world.starting.begun == ["shop/web"]


def test_a_callback_in_a_browser_is_held_at_the_address_without_the_tag(world: World) -> None:
    moved = world.page("/auth/callback?state=WT1.shop.x&code=1", Sec_Fetch_Site="cross-site")
    place = f"http://shop.localhost:{world.caddy.site.port}"
    assert (moved.status_code, moved.headers["Location"]) == (302, f"{place}/auth/callback?state=x&code=1")
    assert world.starting.begun == []
    answer = world.page("/auth/callback?state=x&code=1", Sec_Fetch_Site="cross-site")
    assert answer.json()["path"] == "/auth/callback?state=x&code=1"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_app_that_waits_on_a_path_of_its_own_is_asked_under_the_registered_name(world: World, method: str) -> None:
    tagged, place = "code=1&state=WT1.shop,oidc,done,.x%7Cy", "/oidc/done"
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "cross-site"}
    if method == "GET":
        sent = world.page(f"{place}?{tagged}", **form).json()
    else:
        answer = world.page(f"{place}?WT1,form&", method="POST", body=tagged.encode(), **form)
        assert answer.status_code == 200, answer.text
        sent = answer.json()
    assert sent["host"] == f"localhost:{world.caddy.site.port}"
    assert (sent["path"] if method == "GET" else sent["body"]).endswith("code=1&state=x%7Cy")
    assert sent["path"].startswith(place)
    assert "WT1" not in sent["path"]
    assert world.starting.begun == ["shop/web"]


def test_a_callback_without_a_tag_is_held_too(world: World) -> None:
    assert world.page("/auth/callback?state=shop.x&code=1").json()["path"] == "/auth/callback?state=shop.x&code=1"


def test_the_form_of_a_callback_is_held_and_reaches_the_app_once(world: World) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "cross-site", "Origin": "null"}
    answer = world.page("/auth/callback", method="POST", body=b"code=1&state=WT1.shop.x%7Cy", **form)
    assert (answer.json()["method"], answer.json()["body"]) == ("POST", "code=1&state=x%7Cy")
    assert world.starting.begun == ["shop/web"]


# Bodies


def test_a_body_is_sent_on_once_whole_and_unchanged(world: World) -> None:
    body = bytes(range(32, 127)) * 30_000
    answer = world.get("/upload", method="PUT", body=body)
    assert (answer.json()["method"], answer.json()["body"]) == ("PUT", body.decode())


def test_a_body_of_unknown_length_is_sent_on_too(world: World) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"one ", b"two " * 1000)) + b"0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", world.caddy.site.port), timeout=30) as client:
        head = f"POST /up HTTP/1.1\r\nHost: shop.localhost:{world.caddy.site.port}\r\n"
        client.sendall(f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode() + chunks)
        with client.makefile("rb") as file:
            said = file.read()
    assert json.loads(said.partition(b"\r\n\r\n")[2])["body"] == "one " + "two " * 1000


# What a browser does by itself


HELD: dict[str, dict[str, str]] = {
    "a fetch of the worktree's own page": {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
    "a fetch of another service's page": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors",
                                          "Origin": "http://api.shop.localhost"},
    "a form of another site": {**NAVIGATION, "Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
    "a client that says where from": {"Origin": "http://shop.localhost:{port}"},
    "a client that says on which page": {"Referer": "http://shop.localhost:{port}/x"},
    "a client that wants a page": {"Accept": "text/html"},
}  # fmt: skip
UNANSWERED: dict[str, tuple[str, dict[str, str]]] = {
    "an image on another site": (
        "/",
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    ),
    "a fetch on another site": ("/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}),
    "a frame on another site": ("/", {**NAVIGATION, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}),
    "an image in a browser that does not say so": ("/", {"Referer": "http://evil.example/"}),
    "a fetch in a browser that does not say so": ("/", {"Origin": "http://evil.example"}),
    "a fetch on a sibling in such a browser": ("/", {"Origin": "http://other.localhost:{port}"}),
    "a websocket": ("/", WEBSOCKET),
    "a websocket of Vite": ("/", {**WEBSOCKET, "Sec-WebSocket-Protocol": "vite-ping"}),
    "a websocket of Next": ("/_next/webpack-hmr?id=1", WEBSOCKET),
    "a stream of events": ("/__webpack_hmr", {"Accept": "text/event-stream"}),
    "a socket.io that polls": ("/socket.io/?EIO=4&transport=polling", {"Sec-Fetch-Site": "same-origin"}),
    "a ping of Vite": ("/", {"Accept": "text/x-vite-ping"}),
    "a prefetch": ("/", {**NAVIGATION, "Sec-Purpose": "prefetch"}),
    "a prerender": ("/", {**NAVIGATION, "Sec-Purpose": "prefetch;prerender"}),
    "a prefetch of old": ("/", {"X-Moz": "prefetch"}),
    "a prefetch of Next": ("/cart", {"Next-Router-Prefetch": "1", "Sec-Fetch-Site": "same-origin"}),
    "the icon": ("/favicon.ico", {}),
    "an icon of Apple": ("/apple-touch-icon-precomposed.png", {}),
    "what the developer tools ask": ("/.well-known/appspecific/com.chrome.devtools.json", {}),
    "a service worker's update": ("/sw.js", {"Service-Worker": "script", "Sec-Fetch-Site": "same-origin"}),
    "the ping of the starting page": ("/.router/ping", {"Sec-Fetch-Site": "same-origin"}),
    "anything of the router's": ("/.router/wake/begin/shop/web", {}),
}


def with_port(world: World, headers: dict[str, str]) -> dict[str, str]:
    return {name: value.replace("{port}", str(world.caddy.site.port)) for name, value in headers.items()}


@pytest.mark.parametrize("what", HELD)
def test_a_visit_is_held_for_the_apps_own_answer(world: World, what: str) -> None:
    method = "POST" if what.startswith("a form") else "GET"
    answer = world.get("/", method=method, **with_port(world, HELD[what]))
    assert answer.json()["method"] == method
    assert world.starting.begun == ["shop/web"]


def test_what_nobody_did_starts_nothing(world: World) -> None:
    for what, (path, headers) in UNANSWERED.items():
        answer = world.get(path, **with_port(world, headers))
        assert answer.status_code in (404, 502), what
        assert world.starting.begun == [], what


@pytest.mark.parametrize("what", ["a websocket", "a stream of events", "a socket.io that polls"])
def test_a_connection_that_comes_back_by_itself_may_join_a_start_under_way(world: World, what: str) -> None:
    path, headers = UNANSWERED[what]
    world.starting.go.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(world.get, "/")
        wait_until(lambda: world.starting.begun, what="a start")
        joined = pool.submit(world.get, path, **headers)
        wait_until(lambda: world.asked.count("/.router/wake/wait/shop/web") == 2, what="both held")
        world.starting.go.set()
        assert joined.result().status_code == (101 if what == "a websocket" else 200)
        assert first.result().status_code == 200
    assert world.starting.begun == ["shop/web"]


def test_what_is_needed_is_started_too_and_waited_for(world: World) -> None:
    world.needs(Wake(needs=("api", "docs", "gone")))
    assert world.get("/").status_code == 200
    assert sorted(world.starting.begun) == ["shop/api", "shop/docs", "shop/web"]
    assert len(world.starting.servers) == 3


# Navigations


def test_a_navigation_gets_the_starting_page_at_once(world: World) -> None:
    world.starting.go.clear()
    answer = world.page("/deep?x=1")
    assert answer.status_code == 502
    assert answer.headers["X-Worktree"] == "shop"
    assert 'data-waking="begun"' in answer.text
    assert "shop is starting" in answer.text
    wait_until(lambda: world.starting.begun == ["shop/web"], what="a start")


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Purpose": "prefetch"}])
def test_a_page_that_nobody_may_look_at_starts_nothing_by_itself(world: World, headers: dict[str, str]) -> None:
    answer = world.page(**headers)
    assert answer.status_code == 502
    assert 'data-waking="asleep"' in answer.text
    assert world.starting.begun == []


def test_a_navigation_to_what_does_not_wake_or_without_a_watcher_gets_todays_page(world: World) -> None:
    assert 'data-waking=""' in world.page(host="other").text
    world.live.close()
    answer = world.page()
    assert 'data-waking=""' in answer.text
    assert "shop is not answering yet" in answer.text


def test_only_a_page_of_the_host_starts_its_server_by_the_routers_address(world: World) -> None:
    own = f"http://shop.localhost:{world.caddy.site.port}"
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": own, "Sec-Fetch-Site": "cross-site"}):
        assert world.get("/.router/start", method="POST", **headers).status_code == 403
    assert world.get("/.router/start").json() == {"state": "asleep"}
    assert world.starting.begun == []
    world.get("/.router/start", method="POST", Origin=own)
    wait_until(lambda: world.get("/.router/start").json() == {"state": "up"}, what="up")
    assert world.starting.begun == ["shop/web"]
    assert world.get("/.router/start", "other").status_code == 204
