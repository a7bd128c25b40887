"""Caddy's admin API as it answers, and as it does not."""

import gc
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import httpx
import pytest
import respx

from router.caddy.admin import Admin
from router.caddy.caddyfile import Endpoint
from router.errors import CaddyError, ForeignCaddyError, LoadRefusedError


@pytest.fixture
def admin() -> Iterator[Admin]:
    admin = Admin("127.0.0.1:2020")
    yield admin
    admin.close()


TEXT = "\tmap {host} {direct} {\n\t\ta.localhost é:1\n\t}\n"
FRAME = TEXT.replace("a.localhost é:1", 'rows_0 ""')
ADAPTED = {"map": [{"input": "rows_0", "outputs": [""]}], "others": "<kept>"}


@respx.mock
def test_a_load_posts_json_and_gives_the_digest_of_what_is_served(admin: Admin) -> None:
    adapt = respx.post("http://127.0.0.1:2020/adapt").respond(json={"result": ADAPTED})
    load = respx.post("http://127.0.0.1:2020/load").respond(200)
    respx.get("http://127.0.0.1:2020/config/").respond(200, json={"apps": {}})
    loaded = admin.load(TEXT)
    assert loaded.digest == admin.digest()
    assert loaded.milliseconds > 0
    asked, request = adapt.calls.last.request, load.calls.last.request
    assert (asked.content, asked.headers["content-type"]) == (FRAME.encode(), "text/caddyfile")
    assert json.loads(request.content) == {**ADAPTED, "map": [{"input": "a.localhost", "outputs": ["é:1"]}]}
    assert request.headers["content-type"] == "application/json"
    assert "origin" not in request.headers


@respx.mock
def test_a_frame_is_adapted_once_as_long_as_it_is_in_use(admin: Admin) -> None:
    adapt = respx.post("http://127.0.0.1:2020/adapt").respond(json={"result": ADAPTED})
    respx.post("http://127.0.0.1:2020/load").respond(200)
    respx.get("http://127.0.0.1:2020/config/").respond(200, json={"apps": {}})
    for label in "abc":
        admin.load(TEXT.replace("a.", f"{label}."))
    assert adapt.call_count == 1
    for number in (1, 2, 3, 1, 4, 1, 5, 1, 2):
        admin.load(f"# {number}\n{TEXT}")
    assert adapt.call_count == 1 + 5 + 1


@respx.mock
@pytest.mark.parametrize(
    ("status", "content"),
    [
        (400, b'{"error": "no"}'),
        (404, b""),
        (200, b"oops"),
        (200, b"[]"),
        (200, b'{"result": null}'),
        (200, b'{"result": {}}'),
    ],
)
def test_what_caddy_does_not_take_as_json_is_posted_as_text(admin: Admin, status: int, content: bytes) -> None:
    respx.post("http://127.0.0.1:2020/adapt").respond(status, content=content)
    load = respx.post("http://127.0.0.1:2020/load").respond(200)
    respx.get("http://127.0.0.1:2020/config/").respond(200, json={"apps": {}})
    admin.load(TEXT)
    (request,) = (call.request for call in load.calls)
    assert (request.content, request.headers["content-type"]) == (TEXT.encode(), "text/caddyfile")


@respx.mock
def test_json_that_caddy_refuses_is_posted_as_text_whose_reason_counts(admin: Admin) -> None:
    respx.post("http://127.0.0.1:2020/adapt").respond(json={"result": ADAPTED})
    answers = [httpx.Response(400, json={"error": each}) for each in ("of the JSON", "of the text")]
    load = respx.post("http://127.0.0.1:2020/load").mock(side_effect=answers)
    with pytest.raises(LoadRefusedError, match="of the text"):
        admin.load(TEXT)
    assert load.call_count == 2


@respx.mock
def test_another_configuration_has_another_digest(admin: Admin) -> None:
    respx.get("http://127.0.0.1:2020/config/").mock(side_effect=[httpx.Response(200, text=t) for t in ("a", "b", "a")])
    first, second, third = admin.digest(), admin.digest(), admin.digest()
    assert first == third != second


@respx.mock
@pytest.mark.parametrize(
    ("content", "reason"),
    [(b'{"error": "adapting config: no"}', "adapting config: no"), (b"oops", "status 400"), (b"[]", "status 400"),
     (b'{"error": "' + b"x" * 9000 + b'"}', "x" * 500)],
)  # fmt: skip
def test_a_refusal_has_caddys_reason(admin: Admin, content: bytes, reason: str) -> None:
    respx.post("http://127.0.0.1:2020/adapt").respond(400, content=content)
    respx.post("http://127.0.0.1:2020/load").respond(400, content=content)
    with pytest.raises(LoadRefusedError, match=reason) as caught:
        admin.load("rubbish")
    assert len(caught.value.message) < 600


@respx.mock
@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.WriteError])
def test_a_caddy_that_does_not_answer_is_no_refusal(admin: Admin, error: type[httpx.HTTPError]) -> None:
    respx.route().mock(side_effect=error("away"))
    with pytest.raises(CaddyError, match=r"does not answer at 127\.0\.0\.1:2020: away") as caught:
        admin.load("text")
    assert not isinstance(caught.value, LoadRefusedError)
    assert not admin.answers()


@respx.mock
@pytest.mark.parametrize(("status", "answers"), [(200, True), (404, False)])
def test_it_answers_where_it_serves_its_configuration(admin: Admin, status: int, answers: bool) -> None:
    respx.get("http://127.0.0.1:2020/config/").respond(status, text="null\n")
    assert admin.answers() is answers


MARKED = {"logging": {"logs": {"worktree-router": {}}}, "apps": {"http": {}}}


@respx.mock
@pytest.mark.parametrize(
    ("config", "foreign"),
    [
        (None, False),
        ({}, False),
        ({"admin": {"listen": "localhost:2020"}}, False),
        ({"apps": {}}, False),
        (MARKED, False),
        ({"apps": {"http": {}}}, True),
        ({"apps": {"http": {}}, "logging": {"logs": {"default": {}}}}, True),
        ({"apps": {"http": {}}, "logging": ["worktree-router"]}, True),
        (["worktree-router"], True),
        ("worktree-router", True),
    ],
)
def test_what_has_no_mark_and_serves_something_is_somebody_elses(admin: Admin, config: object, foreign: bool) -> None:
    respx.get("http://127.0.0.1:2020/config/").respond(text=json.dumps(config))
    assert admin.served().foreign is foreign


@respx.mock
def test_a_guarded_one_overwrites_nothing_of_somebody_elses_unless_told(admin: Admin) -> None:
    respx.get("http://127.0.0.1:2020/config/").respond(json={"apps": {"http": {}}})
    respx.post("http://127.0.0.1:2020/adapt").respond(json={"result": {}})
    load = respx.post("http://127.0.0.1:2020/load").respond(200)
    guarded = Admin("127.0.0.1:2020", guarded=True)
    with pytest.raises(ForeignCaddyError, match="left alone"):
        guarded.load("text")
    assert not load.called
    guarded.take_over(guarded.served())
    guarded.load("text")
    assert load.called
    guarded.close()


@respx.mock
@pytest.mark.parametrize(
    ("block", "endpoint"),
    [
        (None, Endpoint("localhost:2019")),
        ({}, Endpoint("localhost:2019")),
        ({"listen": 2019}, Endpoint("localhost:2019")),
        ({"listen": "caddy:2019"}, Endpoint("caddy:2019")),
        (
            {"listen": "caddy:2019", "origins": ["127.0.0.1:2019"], "enforce_origin": True},
            Endpoint("caddy:2019", ("127.0.0.1:2019",), enforce_origin=True),
        ),
    ],
)
def test_the_admin_block_is_known_to_be_kept(admin: Admin, block: object, endpoint: Endpoint) -> None:
    respx.get("http://127.0.0.1:2020/config/").respond(text=json.dumps({"admin": block}))
    assert admin.served().endpoint == endpoint


@respx.mock
def test_what_answers_but_lets_nobody_in_is_told(admin: Admin) -> None:
    respx.get("http://127.0.0.1:2020/config/").respond(403, json={"error": "host not allowed: x"})
    with pytest.raises(CaddyError, match="no Caddy that lets us in: host not allowed: x"):
        admin.served()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # httpcore leaves the socket open
def test_nothing_at_a_socket_path_is_a_caddy_that_does_not_answer(tmp_path: Path) -> None:
    admin = Admin(f"unix/{tmp_path}/caddy.sock")
    assert not admin.answers()
    admin.close()
    gc.collect()


class _Config(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        pass


def test_a_unix_socket_is_dialled_in_a_path_with_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    path = tmp_path / "with space" / "caddy.sock"
    path.parent.mkdir()
    with UnixStreamServer(str(path), _Config) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        admin = Admin(f"unix/{path}")
        try:
            assert admin.answers()
        finally:
            admin.close()
            server.shutdown()
            thread.join()
