"""OAuth callbacks through a real Caddy: every case of the contract, every binding rule, tagging, pages and logs.

Requests are raw bytes on a socket. `router/caddy/callback_rules.py` is the reference; the last test compares the two.
"""

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httpx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.caddy import assets, caddyfile, callback_rules, sign_in
from router.route_table import FormerName, RouteTable
from tests.e2e.browsers import chromium
from tests.e2e.caddies import LIMIT, Running, free_port, running
from tests.fakes import route, service, table

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.e2e

CONTRACT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "contract" / "oauth-callback.json").read_text())
PATHS = ("/auth/callback", "/complete/*")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SAFETY: dict[str, str] = CONTRACT["headers_on_every_answer"]
SECRETS = ("s3cr3t-code", "s3cr3t-state", "s3cr3t-token", "s3cr3t-fragment")


@dataclass
class App:
    """A dev server of a test, and what it was asked: method, path with query, host, body; and X-Forwarded-Host."""

    port: int
    seen: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    forwarded: list[str] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    """Quiet about clients that go away."""

    def handle_error(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def app(port: int) -> Iterator[App]:
    """Run a dev server whose answer the request asks for: `Answer-Location` with `Answer-Status`, or an aborted one."""
    state = App(port)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.seen.append((self.command, self.path, self.headers["Host"], body))
            state.forwarded.append(self.headers["X-Forwarded-Host"])
            self.send_response(int(self.headers.get("Answer-Status") or 200))
            if location := self.headers.get("Answer-Location"):
                self.send_header("Location", location)
            if action := self.headers.get("Answer-Action"):
                self.send_header("X-Action-Redirect", action)
            self.send_header("Set-Cookie", "a=1")
            self.send_header("Content-Type", "text/html")
            aborted = self.headers.get("Answer-Aborted")
            self.send_header("Content-Length", "1000" if aborted else "7")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(b"the app")
            self.close_connection = bool(aborted)

        do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the names of http.server

        def log_message(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield state
        finally:
            server.shutdown()


@dataclass
class Setup:
    """A Caddy over the contract's worktrees; `web` and `api` are the servers of feature-x, nothing else listens."""

    caddy: Running
    table: RouteTable
    web: App
    api: App

    @property
    def port(self) -> int:
        return self.caddy.site.port

    def call(self, query: str = "", *, path: str = "/auth/callback", method: str = "GET", body: str = "",
             host: str = "", **headers: str) -> httpx.Response:  # fmt: skip
        """Send one callback as it is written; `Fetch_Mode="x"` is the header `Fetch-Mode: x`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = ({**FORM, **named} if method == "POST" else named) | (
            {"Content-Length": "0"} if method == "POST" and not body else {}
        )
        target_ = f"{path}?{query}" if query else path
        return self.caddy.request(
            method, target_, host=host or f"localhost:{self.port}", headers=sent, body=body.encode()
        )

    def origin(self, host: str) -> str:
        return f"http://{host}.localhost:{self.port}"

    def sign_in(self, location: str, *, host: str = "feature-x", status: int = 302) -> httpx.Response:
        """Have the app behind a host answer with a Location."""
        headers = {"Answer-Location": location, "Answer-Status": str(status)}
        return self.caddy.request("GET", "/login", host=f"{host}.localhost:{self.port}", headers=headers)

    def authorize(self, query: str) -> str:
        """Return an authorization request; `OURS` stands for our redirect URI, percent-encoded."""
        return "https://login.example/authorize?" + query.replace(
            "OURS", quote(f"http://localhost:{self.port}/auth/callback", safe="")
        )


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    ports = [free_port() for _ in range(2 * len(CONTRACT["live"]))]
    services = {
        name: (service("web", ports[2 * i]), service("api", ports[2 * i + 1]))
        for i, name in enumerate(CONTRACT["live"])
    }
    routes = [
        route(name, *both, aliases=(f"alias-of-{name}", f"{name}-before"), former=(FormerName(f"{name}-before", 1e9),))
        for name, both in services.items()
    ]
    web, api = services["feature-x"]
    live = table(*routes)
    with app(web.port) as first, app(api.port) as second:  # noqa: SIM117 - Caddy goes first
        with running(live, tmp_path_factory.mktemp("caddy"), callback_paths=PATHS) as caddy:
            yield Setup(caddy, live, first, second)


def written(text: str) -> str:
    """Return a query or body of the contract with its sizes in parentheses written out."""
    return re.sub(r"\((\d+) (?:times '(.)'|bytes)\)", lambda size: (size[2] or "x") * int(size[1]), text)


def location(answer: httpx.Response) -> str | None:
    return answer.headers.get("Location")


# The contract


@pytest.mark.parametrize("case", CONTRACT["cases"], ids=lambda case: case["id"])
def test_case_of_the_contract(setup: Setup, case: dict[str, Any]) -> None:
    query, body, method = written(case.get("query", "")), written(case.get("body", "")), case["method"]
    headers = {name.replace("-", "_"): value for name, value in case.get("headers", {}).items()}
    if "type" in case:
        headers["Content_Type"] = case["type"]
    answer = setup.call(query, method=method, body=body, **headers)
    assert answer.status_code == case["status"]
    assert answer.headers.items() >= {name.lower(): value for name, value in SAFETY.items()}.items()
    if case["to"]:
        origin = f"http://{case.get('host', case['to'] + '.localhost')}:{setup.port}"
        assert location(answer) == origin + "/auth/callback" + (f"?{query}" if query else "")
    else:
        assert location(answer) is None
        if method != "HEAD":
            page = case["page"].split()[0].strip(",;")
            assert ("chooser.js" in answer.text, 'id="unanswered"' in answer.text) == (
                page == "chooser",
                page == "relay",
            )
    if case["to"] or case["page"].startswith("relay"):
        assert not set(answer.headers) & {name.lower() for name in CONTRACT["headers_never_on_relay_and_redirect"]}


def test_every_worktree_but_one_is_down_and_live_all_the_same(setup: Setup) -> None:
    for name in CONTRACT["live"]:
        assert location(setup.call(f"state={name}")) == setup.origin(name) + f"/auth/callback?state={name}"


def test_aliases_are_live_names(setup: Setup) -> None:
    def origin(state: str) -> str:
        return str(location(setup.call(f"state={state}"))).split("/auth")[0]

    assert origin("alias-of-main") == origin("abc%7Calias-of-main") == setup.origin("alias-of-main")
    assert origin("WT1.alias-of-main.x") == setup.origin("alias-of-main")
    assert origin("WT1.alias-of-main--api.x") == setup.origin("api.alias-of-main")
    assert origin("alias-of-main.main") == setup.origin("alias-of-main")


@pytest.mark.parametrize("state", ["{}", "{}.nonce", "eyJ%7C{}", "3f2a;{}", "3f2a%3B{}", "CUSTOMx.{}"])
@pytest.mark.parametrize("host", ["feature-x", "alias-of-feature-x", "api.feature-x", "feature-x--api"])
def test_a_name_in_a_state_leads_to_the_very_host(setup: Setup, state: str, host: str) -> None:
    query = f"code=c&state={state.format(host)}"
    assert location(setup.call(query)) == f"{setup.origin(host)}/auth/callback?{query}"
    # Where the sign-in begins on that host, such a state is left as it is; on another one of the worktree it is tagged
    sent = setup.authorize(f"redirect_uri=OURS&state={state.format(host)}")
    assert location(setup.sign_in(sent, host=host)) == sent
    assert "state=WT1." in str(location(setup.sign_in(sent, host="api.alias-of-feature-x")))


def test_a_state_that_names_what_was_the_label_until_lately_leads_to_that_very_host(setup: Setup) -> None:
    def origin(state: str) -> str:
        return str(location(setup.call(f"state={state}"))).split("/auth")[0]

    before = setup.origin("main-before")
    assert origin("main-before") == origin("main-before.nonce") == origin("abc%7Cmain-before") == before
    assert origin("WT1.main-before.x") == before
    assert origin("WT1.main-before--api.x") == setup.origin("api.main-before")
    assert origin("main-before.x.main") == origin("main-before.main-before") == before
    assert origin("main.main-before") == setup.origin("main")
    assert location(setup.call("state=main-before.feature-x")) is None
    form = setup.call(method="POST", body="code=c&state=main-before.n")
    assert (form.status_code, location(form)) == (307, f"{before}/auth/callback")


@pytest.mark.parametrize(
    ("host", "state", "tagged"),
    [
        ("feature-x-before", "feature-x-before.n", "feature-x-before.n"),
        ("feature-x-before", "abc|feature-x-before", "abc|feature-x-before"),
        ("feature-x-before", "feature-x.n", "WT1.feature-x-before.feature-x.n"),
        ("feature-x-before", "opaque", "WT1.feature-x-before.opaque"),
        ("feature-x", "feature-x-before.n", "WT1.feature-x.feature-x-before.n"),
        ("feature-x", "feature-x.n", "feature-x.n"),
    ],
)
def test_a_state_is_tagged_where_it_names_the_host_of_before_or_of_now_and_began_on_the_other(
    setup: Setup, host: str, state: str, tagged: str
) -> None:
    answer = setup.sign_in(setup.authorize(f"redirect_uri=OURS&state={state}"), host=host)
    assert location(answer) == setup.authorize(f"redirect_uri=OURS&state={tagged}")


# The rules, by their numbers


@pytest.mark.parametrize(
    "state",
    [
        "http://evil.example",
        "//evil.example",
        "main@evil.example",
        "main:80@evil.example",
        "main.localhost",
        "evil.example",
        "..",
        "main/../..",
        "main%252eevil",
        "%EF%BD%8Dain",
        "{host}",
        "{env.HOME}",
        "${1}",
        "main\\",
        "main%00",
        "WT1.evil.example",
        "WT1.main.evil.example",
        "WT1.main@evil.example.x",
        "WT1.main--nothing.x",
        "main--api",
        "-main",
        "main-",
        "{vars.to}",
    ],
)
def test_r1_redirects_only_to_origins_of_the_table(setup: Setup, state: str) -> None:
    live = callback_rules.destinations(setup.table, port=setup.port)
    origins = {destination.origin for names in (live.tags, live.hosts) for destination in names.values()}
    to = location(setup.call(f"code=c&state={state}"))
    assert to is None or to.removesuffix(f"/auth/callback?code=c&state={state}") in origins


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Forwarded-Port", "Forwarded", "X-Original-URL", "Origin"])
def test_r1_no_header_moves_the_target(setup: Setup, header: str) -> None:
    answer = setup.call("state=main", **{header: "evil.example"})
    assert location(answer) == setup.origin("main") + "/auth/callback?state=main"


@pytest.mark.parametrize(
    "path",
    [
        "/auth/callback/",
        "/AUTH/callback",
        "//auth/callback",
        "/auth//callback",
        "/auth/./callback",
        "/auth/callback.html",
        "/x/../auth/callback",
        "/auth/%63allback",
        "/auth/callbacks",
        "/auth",
        "/complete/",
        "/complete//",
        "/complete/..",
        "/complete/a%2Fb",
        "/.router/relay/elsewhere",
        "/.router/relay/",
        "/.router/relay",
        "/.router/relay/auth/callback/x",
    ],
)
def test_r2_acts_only_on_exact_paths(setup: Setup, path: str) -> None:
    answer = setup.call("state=feature-x", path=path)
    assert location(answer) is None
    assert answer.status_code == (200 if path == "/complete/.." else 404)  # `/..` is the dashboard's /


@pytest.mark.parametrize("path", ["/complete/google", "/complete/google/", "/complete/a/b.c~d"])
def test_r2_keeps_the_path(setup: Setup, path: str) -> None:
    assert location(setup.call("state=main", path=path)) == setup.origin("main") + path + "?state=main"
    relayed = setup.call("state=main", path="/.router/relay" + path)
    assert location(relayed) == setup.origin("main") + path


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:1",
        "LOCALHOST:{port}",
        "localhost.:{port}",
        "127.0.0.1:{port}",
        "[::1]:{port}",
        "evil.example:{port}",
        "main.localhost:{port}",
    ],
)
def test_r3_answers_to_the_registered_host_alone(setup: Setup, host: str) -> None:
    answer = setup.call("state=main", host=host.format(port=setup.port), X_Forwarded_Host=f"localhost:{setup.port}")
    assert not (location(answer) or "").startswith(setup.origin("main"))
    assert answer.status_code in (307, 421, 502)  # to localhost, not here, or through to main's server, which is down


@pytest.mark.parametrize("mode", ["cors", "no-cors", "same-origin", "websocket", "navigate, cors", "Navigate"])
def test_r3_a_fetch_is_no_callback(setup: Setup, mode: str) -> None:
    answer = setup.call("state=main", Sec_Fetch_Mode=mode)
    assert (answer.status_code, location(answer)) == (403, None)


def test_r3_binds_to_loopback(setup: Setup) -> None:
    sockets = psutil.Process(setup.caddy.process.pid).net_connections(kind="tcp")
    listening = {sock.laddr.ip for sock in sockets if sock.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1", "::1"}


def test_r5_get_and_head_are_answered_with_302(setup: Setup) -> None:
    assert setup.call("state=main").status_code == setup.call("state=main", method="HEAD").status_code == 302


def test_r5_post_is_answered_with_307(setup: Setup) -> None:
    answer = setup.call(method="POST", body="code=c&state=main")
    assert (answer.status_code, location(answer)) == (307, setup.origin("main") + "/auth/callback")
    answer = setup.call("iss=x", method="POST", body="code=c&state=main")
    assert (answer.status_code, location(answer)) == (307, setup.origin("main") + "/auth/callback?iss=x")


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencodedx",
        "application/x-www-form-urlencoded, text/plain",
        "",
    ],
)
def test_r6_a_post_is_a_form(setup: Setup, kind: str) -> None:
    assert setup.call(method="POST", body="state=main", Content_Type=kind).status_code == 415


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-URLencoded ;x"]
)
def test_r6_a_form_may_have_a_charset(setup: Setup, kind: str) -> None:
    assert setup.call(method="POST", body="state=main", Content_Type=kind).status_code == 307


def test_r6_a_form_is_bounded(setup: Setup) -> None:
    most = "state=main&code=" + "x" * (callback_rules.MAX_FORM - len("state=main&code="))
    assert setup.call(method="POST", body=most).status_code == 307
    answer = setup.call(method="POST", body=most + "x")
    assert answer.status_code == 413
    assert answer.headers.items() >= {name.lower(): value for name, value in SAFETY.items()}.items()


def test_r6_a_form_in_chunks_is_read_and_bounded_too(setup: Setup) -> None:
    def chunked(body: str) -> int:
        headers = [*(f"{n}: {v}" for n, v in FORM.items()), "Transfer-Encoding: chunked", "Connection: close"]
        head = "\r\n".join(["POST /auth/callback HTTP/1.1", f"Host: localhost:{setup.port}", *headers, "", ""])
        with socket.create_connection(("127.0.0.1", setup.port), timeout=LIMIT) as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(f"{head}{len(body):x}\r\n{body}\r\n0\r\n\r\n".encode())
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            return answer.status

    assert chunked("code=c&state=main") == 307
    assert chunked("state=main&code=" + "x" * callback_rules.MAX_FORM) == 413


def test_r6_a_forms_state_is_decoded_once_like_a_querys(setup: Setup) -> None:
    assert location(setup.call(method="POST", body="state=m%61in")) == setup.origin("main") + "/auth/callback"
    assert setup.call(method="POST", body="state=m%2561in").status_code == 404
    assert setup.call("state=main", method="POST", body="state=main").status_code == 400


def test_r7_errors_are_routed_like_successes(setup: Setup) -> None:
    query = "error=access_denied&error_description=no&error_uri=https%3A%2F%2Fx&state=main.n"
    assert location(setup.call(query)) == setup.origin("main") + f"/auth/callback?{query}"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_r7_an_error_without_state_is_shown_escaped(setup: Setup, method: str) -> None:
    sent = "error=%3Cscript%3E&error_description=%22%3E%3Cimg%20src%3Dx%3E%7B%7Benv+%22HOME%22%7D%7D%7Benv.HOME%7D"
    answer = setup.call(sent) if method == "GET" else setup.call(method="POST", body=sent)
    assert answer.status_code == 400
    assert "&lt;script&gt;" in answer.text
    assert "&#34;&gt;&lt;img src=x&gt;{{env &#34;HOME&#34;}}{env.HOME}" in answer.text
    assert "<img src=x" not in answer.text


def test_r8_the_relay_is_asked_with_the_state_and_answers_without_a_fragment(setup: Setup) -> None:
    page = setup.call()
    assert (page.status_code, 'id="unanswered"' in page.text) == (200, True)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert f"script-src-elem '{sign_in.source((assets.pages() / 'relay.js').read_text())}';" in policy
    assert "frame-ancestors" not in policy
    answer = setup.call("state=feature-x", path="/.router/relay/auth/callback")
    assert (answer.status_code, location(answer)) == (302, setup.origin("feature-x") + "/auth/callback")


def test_r8_the_relay_passes_on_no_parameter(setup: Setup) -> None:
    answer = setup.call("code=c&state=WT1.feature-x.abc&x=y", path="/.router/relay/auth/callback")
    assert location(answer) == setup.origin("feature-x") + "/auth/callback"


def test_r8_a_relayed_answer_that_nobody_knows_is_the_developers_choice(setup: Setup) -> None:
    assert setup.call("state=gone", path="/.router/relay/auth/callback").status_code == 404
    assert setup.call("state=main&state=main", path="/.router/relay/auth/callback").status_code == 400
    for method in ("GET", "HEAD"):
        assert setup.call(path="/.router/relay/auth/callback", method=method).status_code == 400
    assert setup.call(path="/.router/relay/auth/callback", method="POST", body="state=main").status_code == 405


@pytest.mark.parametrize(
    "rest",
    [
        "&code=0.AX%2b%2F~!$'()*,:@/?",
        "&&=&a==&b",
        "&iss=https://x/",
        "&%zz=%",
        "&a={host}&b={env.HOME}",
        "&user=%7B%22a%22%3A1%7D",
        "&x=%0d%0aX-Evil:1",
        '&x="<>\\^`{|}',
        "&a=1;b=2",
        "&x=" + "y" * 9000,
        "&#",
    ],
)
def test_r9_everything_else_stays_as_it_came(setup: Setup, rest: str) -> None:
    for query in (f"state=main{rest}", f"a=b{rest}&state=main"):
        answer = setup.call(query)
        assert location(answer) == setup.origin("main") + f"/auth/callback?{query}"
        assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    "query",
    [
        "state=main&state=main",
        "state=main&state=",
        "state=main&%73tate=x",
        "state&state=main",
        "a=b&state=main&c=d&state=gone",
        "stat%65=main&state=main",
        "state=%zz&state=main",
    ],
)
def test_r10_two_states_are_no_state(setup: Setup, query: str) -> None:
    assert setup.call(query).status_code == 400
    assert setup.call(method="POST", body=query).status_code == 400


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("m%61in", 302),
        ("m%2561in", 404),
        ("main+", 404),
        ("a+b%7Cmain", 302),
        ("%0amain", 404),
        ("x%0a%7Cmain", 404),
        ("main%0a", 404),
        ("main.%0a", 404),
        ("%C3%A9%7Cmain", 404),
        ("é|main", 404),
        ("%7F%7Cmain", 404),
        ("%zz", 400),
        ("main%", 400),
        ("%FF%7Cmain", 404),
    ],
)
def test_r11_a_state_is_printable_ascii_decoded_once(setup: Setup, state: str, status: int) -> None:
    assert setup.call(f"code=c&state={state}").status_code == status


@pytest.mark.parametrize("query", ["state=3f2a;main", "a;b&state=3f2a;main", "state=3f2a;main&c=d;e", "a=;&state=main"])
def test_r12_a_raw_semicolon_is_a_character(setup: Setup, query: str) -> None:
    assert location(setup.call(query)) == setup.origin("main") + f"/auth/callback?{query}"
    assert setup.call(method="POST", body=query).status_code == 307


def test_r13_long_states_are_not_read_and_long_addresses_refused(setup: Setup) -> None:
    longest = "x" * (callback_rules.MAX_STATE - len("|main")) + "%7Cmain"
    assert setup.call(f"state={longest}").status_code == 302
    assert setup.call(f"state=x{longest}").status_code == 404
    own = "x" * callback_rules.MAX_STATE
    for tag in ("WT1.main.", "WT1.feature-x--api,auth,callback,."):
        assert setup.call(f"state={tag}{own}").status_code == 302
        assert "longer than 4096" in setup.call(f"state={tag}{own}x").text
    assert setup.call(method="POST", body=f"state=x{longest}").status_code == 404
    room = callback_rules.MAX_URI - len("/auth/callback?state=main&code=")
    assert setup.call("state=main&code=" + "x" * room).status_code == 302
    assert setup.call("state=main&code=" + "x" * (room + 1)).status_code == 414


@pytest.mark.parametrize(
    ("query", "more"),
    [
        ("state=main", {}),
        ("", {}),
        ("state=gone", {}),
        ("error=x", {}),
        ("state=main", {"method": "PUT"}),
        ("", {"path": "/complete/x"}),
        ("state=main", {"method": "POST", "body": "x", "Content_Type": "a/b"}),
        ("state=main", {"Sec_Fetch_Mode": "cors"}),
        ("state=main", {"host": "localhost:1"}),
        ("x=" + "y" * 17000, {}),
        ("state=main", {"path": "/.router/relay/auth/callback"}),
        ("", {"method": "POST", "body": "x" * 300_000}),
    ],
)
def test_r14_no_answer_is_stored_or_tells_where_it_came_from(setup: Setup, query: str, more: dict[str, Any]) -> None:
    answer = setup.call(query, **more)
    assert answer.headers.items() >= {name.lower(): value for name, value in SAFETY.items()}.items()
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "conditional", ["If-None-Match: *", "If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT", "Range: bytes=0-1"]
)
def test_r14_the_pages_are_always_whole(setup: Setup, conditional: str) -> None:
    name, value = conditional.split(": ")
    assert setup.call(**{name: value}).status_code == 200
    assert setup.call("state=gone", **{name: value}).status_code == 404


def _log(caddy: Running, holds: str) -> str:
    deadline = time.monotonic() + LIMIT
    while holds not in caddy.log and time.monotonic() < deadline:
        time.sleep(0.01)
    return caddy.log


SECRET_QUERY = "code=s3cr3t-code&state=s3cr3t-state&id_token=s3cr3t-token"
REFERER = {"Referer": f"http://feature-x.localhost/auth/callback?{SECRET_QUERY}#s3cr3t-fragment"}


def test_r15_an_aborted_response_to_a_callback_leaves_nothing_in_the_log(setup: Setup, tmp_path: Path) -> None:
    with running(setup.table, tmp_path, callback_paths=PATHS) as caddy:
        host = f"feature-x.localhost:{caddy.site.port}"
        with contextlib.suppress(http.client.HTTPException, ConnectionError):
            caddy.request(
                "GET", f"/auth/callback?{SECRET_QUERY}", host=host, headers={"Answer-Aborted": "1", **REFERER}
            )
        caddy.load(table(route("later")))  # whatever there was to log stands before what this logs
        log = _log(caddy, "servers shutting down")
    assert "servers shutting down" in log
    assert "aborting with incomplete response" not in log
    assert not [secret for secret in SECRETS if secret in log]


def test_r15_an_unhandled_error_on_a_callback_leaves_no_secret_in_the_log(setup: Setup, tmp_path: Path) -> None:
    # Without handle_errors Caddy writes an error's entry itself, address and headers included
    with running(setup.table, tmp_path, callback_paths=PATHS) as caddy:
        whole = caddyfile.render(setup.table, caddy.site, templates=assets.templates())
        bare, handlers = re.subn(r"(?ms)^\thandle_errors .*?^\t\}\n", "", whole)
        assert handlers == 1
        loaded = caddy.load_text(bare)
        assert loaded.status_code == 200, loaded.text
        for method, body in (("GET", b""), ("POST", SECRET_QUERY.encode())):
            answer = caddy.request(method, f"/auth/callback?{SECRET_QUERY}", host=f"main.localhost:{caddy.site.port}",
                                   headers={**FORM, **REFERER}, body=body)  # fmt: skip
            assert answer.status_code == 502
        log = _log(caddy, "connection refused")
    assert "connection refused" in log
    assert not [secret for secret in SECRETS if secret in log]


def test_r15_no_answer_of_the_router_leaves_a_secret_in_the_log(setup: Setup, tmp_path: Path) -> None:
    with running(setup.table, tmp_path, callback_paths=PATHS) as caddy:
        here = Setup(caddy, setup.table, setup.web, setup.api)
        for query in (
            SECRET_QUERY,
            SECRET_QUERY + ";",
            SECRET_QUERY.replace("state=", "state=main."),
            "state=s3cr3t-state&state=x",
        ):
            for method in ("GET", "PUT", "POST"):
                here.call(query, method=method, **REFERER)
        here.call(method="POST", body=SECRET_QUERY + "x" * 300_000)
        here.call("state=s3cr3t-state", path="/.router/relay/auth/callback")
        caddy.load(table(route("later")))  # whatever there was to log stands before what this logs
        log = _log(caddy, "servers shutting down")
    assert "servers shutting down" in log
    assert not [secret for secret in SECRETS if secret in log]


def test_r15_no_page_repeats_the_code(setup: Setup) -> None:
    for query in (SECRET_QUERY, SECRET_QUERY.replace("state=", "nostate="), "code=s3cr3t-code&state=a&state=b"):
        answer = setup.call(query)
        assert "s3cr3t-code" not in answer.text
        assert "s3cr3t-token" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/sw.js", "/index.html", "/auth/sw.js", "/auth/callback.js", "/assets/x", "/.router/x"]
)
def test_r20_no_worktree_is_served_on_the_origin_of_the_callback(setup: Setup, path: str) -> None:
    setup.web.seen.clear()
    answer = setup.call(path=path, Service_Worker="script", Cookie="a=1")
    assert "the app" not in answer.text
    assert "Service-Worker-Allowed" not in answer.headers
    assert not setup.web.seen
    assert answer.status_code in (200, 404)


def test_r21_only_requests_for_our_redirect_uris_are_tagged(setup: Setup) -> None:
    for sent in (
        "https://x.example/?state=abc",
        f"http://localhost:{setup.port}/auth/callback?state=abc",
        "/next?state=abc",
        setup.authorize("state=abc&post_logout_redirect_uri=OURS%2Fmore"),
        setup.authorize("state=abc&redirect_uri=OURS%2Fmore"),
        setup.authorize("state=abc&redirect_uri=OURS%3Fa%3Db"),
        setup.authorize("state=abc&redirect_uri=http%3A%2F%2Flocalhost%3A1%2Fauth%2Fcallback"),
        setup.authorize("state=abc&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fcallback"),
        setup.authorize("state=abc&x=redirect_uri=OURS"),
        setup.authorize("state=abc#redirect_uri=OURS"),
    ):
        assert location(setup.sign_in(sent)) == sent


# Tagging


@pytest.mark.parametrize(
    "host", ["feature-x", "api.feature-x", "feature-x--api", "alias-of-feature-x", "api.alias-of-feature-x"]
)
def test_a_sign_in_is_tagged_with_the_host_that_began_it(setup: Setup, host: str) -> None:
    service_, _, label = host.rpartition(".")
    name = f"{label}--{service_}" if service_ else label.replace("--", "---")
    answer = setup.sign_in(setup.authorize("redirect_uri=OURS&state=abc"), host=host)
    assert location(answer) == setup.authorize(f"redirect_uri=OURS&state=WT1.{name}.abc")
    back = setup.call(f"code=c&state=WT1.{name}.abc")
    assert location(back) == setup.origin(host) + f"/auth/callback?code=c&state=WT1.{name}.abc"


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:{port}/auth/callback",
        "http%3A%2F%2Flocalhost%3A{port}%2Fauth%2Fcallback",
        "http%3a%2f%2flocalhost%3a{port}%2fauth%2fcallback",
        "http%3A//localhost%3A{port}/auth/callback",
        "http%3A%2F%2Flocalhost%3A{port}%2Fcomplete%2Fgoogle-oauth2%2F",
    ],
)
@pytest.mark.parametrize(
    "query",
    [
        "client_id=a&redirect_uri={uri}&state={state}",
        "redirect_uri={uri}&x=y&state={state}&z=1#f",
        "state={state}&redirect_uri={uri}",
        "a=b&state={state}&c=d&redirect_uri={uri}&nonce=1",
    ],
)
def test_a_sign_in_is_tagged_wherever_its_state_and_redirect_uri_stand(setup: Setup, uri: str, query: str) -> None:
    def url(state: str) -> str:
        return "https://login.example/a%20b?" + query.format(uri=uri.format(port=setup.port), state=state)

    for state in ("eyJh.b-c_d~", "a%2Bb%3D%3D", "1{host}${1}", "x=y"):
        assert location(setup.sign_in(url(state))) == url(f"WT1.feature-x.{state}")


@pytest.mark.parametrize("status", [200, 201, 301, 302, 303, 307, 308, 401])
def test_a_sign_in_is_tagged_whatever_its_status(setup: Setup, status: int) -> None:
    answer = setup.sign_in(setup.authorize("redirect_uri=OURS&state=abc"), status=status)
    assert answer.status_code == status
    assert location(answer) == setup.authorize("redirect_uri=OURS&state=WT1.feature-x.abc")
    assert answer.headers.get_list("Set-Cookie")[0] == "a=1"
    assert len(answer.headers.get_list("Set-Cookie")) == (2 if status == 200 else 1)
    assert answer.text == "the app"


@pytest.mark.parametrize(
    "query",
    [
        "redirect_uri=OURS&state=WT1.feature-x.abc",
        "redirect_uri=OURS&state=WT1.main.abc",
        "redirect_uri=OURS&state=WT1.feature-x--api.abc",
        "redirect_uri=OURS&state=feature-x",
        "state=feature-x.nonce&redirect_uri=OURS",
        "redirect_uri=OURS&state=abc%7Cfeature-x&x=y",
        "redirect_uri=OURS&state=abc;feature-x",
        "redirect_uri=OURS&state=abc%3bfeature-x",
        "redirect_uri=OURS&state=abc.feature-x#f",
        "redirect_uri=OURS&state=abc&request_uri=urn:x",
        "request_uri=urn:x&redirect_uri=OURS&state=abc",
        "redirect_uri=OURS&state=abc&request=eyJ",
        "redirect_uri=OURS",
        "redirect_uri=OURS&state=",
        "redirect_uri=OURS&state=&x=y",
        "redirect_uri=OURS&xstate=abc",
        "redirect_uri=OURS#state=abc",
    ],
)
def test_a_sign_in_is_left_alone(setup: Setup, query: str) -> None:
    assert location(setup.sign_in(setup.authorize(query))) == setup.authorize(query)


def test_a_state_that_names_another_worktree_is_tagged(setup: Setup) -> None:
    answer = setup.sign_in(setup.authorize("redirect_uri=OURS&state=abc%7Cmain"))
    assert location(answer) == setup.authorize("redirect_uri=OURS&state=WT1.feature-x.abc%7Cmain")


@pytest.mark.parametrize(
    ("query", "arrives"),
    [
        ("code=c&state=WT1.feature-x.abc", "code=c&state=abc"),
        ("state=WT1.feature-x.abc&code=%2b{host}&&x=%zz", "state=abc&code=%2b{host}&&x=%zz"),
        ("xstate=WT1.feature-x.y&state=WT1.feature-x.abc", "xstate=WT1.feature-x.y&state=abc"),
        ("a=1;2&state=WT1.feature-x--api.a.b;c#", "a=1;2&state=a.b;c#"),
        ("state=WT1.renamed.abc", "state=abc"),
        ("state=WT1.feature-x.", "state=WT1.feature-x."),
        ("state=WT1.feature-x.&x=y", "state=WT1.feature-x.&x=y"),
        ("state=feature-x.abc", "state=feature-x.abc"),
        ("state=aWT1.feature-x.abc", "state=aWT1.feature-x.abc"),
        ("", ""),
    ],
)
def test_the_tag_comes_off_and_every_other_byte_stays(setup: Setup, query: str, arrives: str) -> None:
    for path in ("/auth/callback", "/complete/x/"):
        setup.web.seen.clear()
        setup.call(query, path=path, host=f"feature-x.localhost:{setup.port}")
        assert [seen[:2] for seen in setup.web.seen] == [("GET", path + (f"?{arrives}" if arrives else ""))]
        if query:
            setup.web.seen.clear()
            setup.call(method="POST", path=path, body=query, host=f"feature-x.localhost:{setup.port}")
            assert [(seen[0], seen[1], seen[3]) for seen in setup.web.seen] == [("POST", path, arrives.encode())]


def test_the_tag_stays_where_no_callback_is(setup: Setup) -> None:
    setup.web.seen.clear()
    for path in ("/other", "/auth/callback/x", "/Auth/Callback"):
        setup.call(
            "state=WT1.feature-x.abc",
            path=path,
            method="POST",
            body="state=WT1.feature-x.abc",
            host=f"feature-x.localhost:{setup.port}",
        )
    setup.call(
        method="POST",
        body='{"state=WT1.feature-x.abc"',
        host=f"feature-x.localhost:{setup.port}",
        Content_Type="application/json",
    )
    assert [b"WT1.feature-x.abc" in seen[3] for seen in setup.web.seen] == [True] * 4
    assert all("WT1." in seen[1] for seen in setup.web.seen[:3])


def test_a_long_form_reaches_the_app_whole(setup: Setup) -> None:
    setup.web.seen.clear()
    rest = "&x=" + "y" * 400_000
    setup.call(method="POST", body="a=b&state=WT1.feature-x.abc" + rest, host=f"feature-x.localhost:{setup.port}")
    assert setup.web.seen[0][3] == ("a=b&state=abc" + rest).encode()


def test_a_services_sign_in_comes_back_to_the_service(setup: Setup) -> None:
    setup.api.seen.clear()
    setup.call("code=c&state=WT1.feature-x--api.abc", host=f"api.feature-x.localhost:{setup.port}")
    assert [seen[:3] for seen in setup.api.seen] == [
        ("GET", "/auth/callback?code=c&state=abc", f"api.feature-x.localhost:{setup.port}")
    ]


# Other settings


def test_callbacks_go_to_the_dev_servers_own_port_where_asked(setup: Setup, tmp_path: Path) -> None:
    web = next(r for r in setup.table.routes if r.name == "feature-x").services[0].port
    with running(setup.table, tmp_path, callback_target="port") as caddy:
        here = Setup(caddy, setup.table, setup.web, setup.api)
        assert (
            location(here.call("code=c&state=feature-x"))
            == f"http://localhost:{web}/auth/callback?code=c&state=feature-x"
        )
        assert (
            location(here.call("state=alias-of-feature-x"))
            == f"http://localhost:{web}/auth/callback?state=alias-of-feature-x"
        )
        assert (
            location(here.call("state=feature-x--api"))
            == here.origin("feature-x--api") + "/auth/callback?state=feature-x--api"
        )
        posted = here.call(method="POST", body="state=feature-x.n")
        assert (posted.status_code, location(posted)) == (307, f"http://localhost:{web}/auth/callback")
        # Nobody there would strip the tag, and a tagged sign-in began on the worktree's host
        assert (
            location(here.call("state=WT1.feature-x.a"))
            == here.origin("feature-x") + "/auth/callback?state=WT1.feature-x.a"
        )
        assert f'data-origin="http://localhost:{web}"' in here.call("state=gone").text


def test_an_empty_table_has_pages_all_the_same(tmp_path: Path) -> None:
    with running(table(), tmp_path) as caddy:
        for query, status in (
            ("state=main", 404),
            ("code=c", 400),
            ("", 200),
            ("state=WT1.main.x", 404),
            ("state=a.b", 404),
        ):
            answer = caddy.request("GET", f"/auth/callback?{query}", host=f"localhost:{caddy.site.port}")
            assert (answer.status_code, location(answer)) == (status, None)
        assert (
            "No worktree is live"
            in caddy.request("GET", "/auth/callback?code=c", host=f"localhost:{caddy.site.port}").text
        )


def test_a_repositorys_callback_paths_are_added(tmp_path: Path) -> None:
    with running(table(route("main"), callback_paths=("/signin-oidc",)), tmp_path) as caddy:
        for path in ("/signin-oidc", "/auth/callback"):
            answer = caddy.request("GET", f"{path}?state=main", host=f"localhost:{caddy.site.port}")
            assert location(answer) == f"http://main.localhost:{caddy.site.port}{path}?state=main"


@pytest.mark.parametrize(
    "options", [{}, {"callback_target": "port"}, {"callback_paths": PATHS}, {"log": "/tmp/a log.txt"}]
)
def test_the_configuration_loads_without_a_warning(setup: Setup, tmp_path: Path, options: dict[str, Any]) -> None:
    with running(
        setup.table, tmp_path, **(options | ({"log": str(tmp_path / "a log.txt")} if "log" in options else {}))
    ) as caddy:
        for live in (table(), setup.table):
            answer = caddy.load(live)
            assert (answer.status_code, answer.text) == (200, "")


# The pages, in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    with contextlib.closing(browser.new_context()) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page


def _visit(page: "Page", url: str, until: Callable[[str], bool] | None = None) -> str:
    page.goto(url)
    if until:
        page.wait_for_url(until)
    return page.url


@pytest.mark.browser
@pytest.mark.parametrize(
    ("fragment", "arrives"),
    [
        ("state=WT1.feature-x,auth,callback,.a&code=c", "state=a&code=c"),
        ("code=c%2b&state=eyJpZCI6ImEifQ%3D%3D%7Cfeature-x&x=y", None),
        ("state=feature-x", None),
        ("code=c&state=WT1.feature-x.a.b&x=y", "code=c&state=a.b&x=y"),
        ("state=WT1.feature-x.a", "state=a"),
        ("error=login_required&state=feature-x.n", None),
    ],
)
def test_r8_a_fragment_arrives_as_it_came(setup: Setup, page: "Page", fragment: str, arrives: str | None) -> None:
    setup.web.seen.clear()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    there = setup.origin("feature-x")
    url = _visit(page, f"http://localhost:{setup.port}/auth/callback#{fragment}", lambda url: url.startswith(there))
    assert url == f"{there}/auth/callback#{arrives or fragment}"
    assert ("GET", "/auth/callback") in [seen[:2] for seen in setup.web.seen]
    assert {urlsplit(url).query.partition("=")[0] for url in asked} <= {"", "state"}


@pytest.mark.browser
def test_r8_the_relay_needs_nothing_but_its_page(setup: Setup, page: "Page") -> None:
    page.route("**/.router/*.*", lambda route: route.abort())
    page.goto(f"http://localhost:{setup.port}/auth/callback#code=c&state=feature-x")
    page.wait_for_url(f"{setup.origin('feature-x')}/auth/callback#code=c&state=feature-x")


@pytest.mark.browser
@pytest.mark.parametrize("again", ["by itself", "by a click"])
def test_r8_the_relay_asks_again_where_it_was_cut(setup: Setup, page: "Page", again: str) -> None:
    cut: list[str] = []

    def cuts(route: "Route") -> None:
        cut.append(route.request.url)
        if len(cut) == 1:
            route.abort("aborted")
        else:
            route.continue_()

    page.route("**/.router/relay/**", cuts)
    if again == "by a click":
        page.add_init_script("window.setTimeout = () => {}")  # however late the click is, nothing has asked before it
    page.goto(f"http://localhost:{setup.port}/auth/callback#code=c&state=feature-x", wait_until="commit")
    page.get_by_role("heading", name="The answer is on its way").wait_for()
    if again == "by a click":
        page.get_by_role("button", name="Ask again").click()
    page.wait_for_url(f"{setup.origin('feature-x')}/auth/callback#code=c&state=feature-x")
    assert len(cut) == 2


@pytest.mark.browser
def test_without_an_answer_the_relay_says_so_and_leads_on(setup: Setup, page: "Page") -> None:
    _visit(page, f"http://localhost:{setup.port}/auth/callback?from=sign-out&x=%7B")
    assert page.get_by_role("heading").inner_text() == "There is no answer in this address"
    assert page.locator(".links a").all_inner_texts() == sorted(CONTRACT["live"])
    page.get_by_role("link", name="feature-x", exact=True).click()
    page.wait_for_url(f"{setup.origin('feature-x')}/auth/callback?from=sign-out&x=%7B")


@pytest.mark.browser
@pytest.mark.parametrize(("recent", "there"), [
    ([["main"], ["feature-x"]], "main"), ([["gone"], ["feature-x"]], None), ([], None), ("torn", None),
])  # fmt: skip
def test_without_an_answer_the_relay_leads_to_whoever_was_used_last(
    setup: Setup, page: "Page", recent: object, there: str | None
) -> None:
    file = setup.caddy.directory / "recent.json"
    file.write_text(json.dumps({"recent": recent}) if recent != "torn" else '{"rec')
    try:
        page.goto(f"http://localhost:{setup.port}/auth/callback?from=sign-out&x=%7B")
        if there:
            page.wait_for_url(f"{setup.origin(there)}/auth/callback?from=sign-out&x=%7B")
        else:
            page.get_by_role("heading", name="There is no answer in this address").wait_for()
            assert page.locator(".links a").all_inner_texts() == sorted(CONTRACT["live"])
    finally:
        file.unlink()


@pytest.mark.browser
def test_in_a_frame_the_relay_leads_nowhere_by_itself(setup: Setup, page: "Page") -> None:
    file = setup.caddy.directory / "recent.json"
    file.write_text('{"recent": [["main"]]}')
    try:
        page.goto(setup.origin("feature-x"))
        address = f"http://localhost:{setup.port}/auth/callback"
        page.evaluate("src => document.body.append(Object.assign(document.createElement('iframe'), { src }))", address)
        page.frame_locator("iframe").get_by_role("heading", name="There is no answer in this address").wait_for()
    finally:
        file.unlink()


@pytest.mark.browser
def test_without_scripts_the_relay_says_what_it_cannot_read(setup: Setup, browser: "Browser") -> None:
    with contextlib.closing(browser.new_context(java_script_enabled=False)) as context:
        page = context.new_page()
        page.goto(f"http://localhost:{setup.port}/auth/callback#code=c&state=feature-x")
        assert page.locator("h1:visible").all_inner_texts() == ["An answer may be in this address"]


@pytest.mark.browser
def test_r8_a_fragment_that_nobody_knows_is_kept_for_the_chosen_one(setup: Setup, page: "Page") -> None:
    url = f"http://localhost:{setup.port}/auth/callback#error=access_denied&error_description=%3Cb%3Eno&state=gone.x"
    _visit(page, url, lambda url: "/.router/relay/" in url)
    assert page.locator("#error").inner_text().endswith("access_denied <b>no")
    page.get_by_role("button", name="feature-x", exact=True).click()
    page.wait_for_url(lambda url: url.startswith(setup.origin("feature-x")))
    assert (
        page.url
        == f"{setup.origin('feature-x')}/auth/callback#error=access_denied&error_description=%3Cb%3Eno&state=gone.x"
    )


@pytest.mark.browser
@pytest.mark.parametrize("query", ["code=c%2B&state=gone&x=%7B", "code=c#frag&y", "error=x"])
def test_the_chooser_forwards_on_a_click_alone(setup: Setup, page: "Page", query: str) -> None:
    here = f"http://localhost:{setup.port}/auth/callback?{query}"
    _visit(page, here)
    page.locator("#choose:visible").wait_for()  # every worktree was asked whether it has begun this
    assert page.url == here
    assert page.get_by_role("button").all_inner_texts() == sorted(CONTRACT["live"])
    page.get_by_role("button", name="feature-x", exact=True).click()
    page.wait_for_url(lambda url: url.startswith(setup.origin("feature-x")))
    assert page.url == here.replace(f"http://localhost:{setup.port}", setup.origin("feature-x"))


@pytest.mark.browser
@pytest.mark.parametrize("recent", ["", '{"recent": []}', '{"recent": [["main"]]}'])
def test_the_live_worktrees_are_asked_after_those_that_were_used(setup: Setup, page: "Page", recent: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    file = setup.caddy.directory / "recent.json"
    file.write_text(recent)
    try:
        page.goto(f"http://localhost:{setup.port}/auth/callback?code=c&state=gone")
        page.locator("#choose:visible").wait_for()
    finally:
        file.unlink()
    hosts = [urlsplit(url).hostname for url in asked if "/.router/claim/" in url]
    live = sorted(CONTRACT["live"])
    names = ["main", *(name for name in live if name != "main")] if "main" in recent else live
    assert hosts == [f"{name}.localhost" for name in names[:8]]


@pytest.mark.browser
def test_the_chooser_sends_a_form_again(setup: Setup, page: "Page") -> None:
    fields = [("code", "c+/=&é"), ("state", "gone"), ("submit", '<"x">'), ("code", "again")]
    inputs = "".join(f"<input name={name} value='{value.replace('&', '&amp;')}'>" for name, value in fields)
    form = f"<form method=post action='http://localhost:{setup.port}/auth/callback?iss=x'>{inputs}</form>"
    page.route("http://idp.test/", lambda it: it.fulfill(body=f"<meta charset=utf-8>{form}", content_type="text/html"))
    page.goto("http://idp.test/")
    with page.expect_navigation():
        page.evaluate("HTMLFormElement.prototype.submit.call(document.forms[0])")
    assert page.get_by_role("heading").inner_text() == "Which worktree is signing in?"
    setup.web.seen.clear()
    page.get_by_role("button", name="feature-x", exact=True).click()
    page.wait_for_url(lambda url: url.startswith(setup.origin("feature-x")))
    method, path, _, body = next(seen for seen in setup.web.seen if "callback" in seen[1])
    assert (method, path) == ("POST", "/auth/callback?iss=x")
    assert body == b"code=c%2B%2F%3D%26%C3%A9&state=gone&submit=%3C%22x%22%3E&code=again"


REASONS = [
    ("code=c", "has no state", ""),
    ("state=a&state=b", "more than one state", ""),
    ("state=a#b", "contains a raw", "form"),
    ("code=c#b&state=a", "contains a raw", "form"),
    ("state=" + "x" * 4097, "longer than 4096 characters", ""),
    ("state=main.feature-x", "names two worktrees that are live", ""),
    ("state=WT1.gone.x", "began on <strong>gone</strong>", ""),
    ("state=WT1.main--gone.x", "began on <strong>main--gone</strong>", ""),
    ("state=gone", "seems to name <strong>gone</strong>", ""),
    ("state=gone.nonce", "seems to name <strong>gone</strong>", ""),
    ("state=eyJ%7Cgone", "seems to name <strong>gone</strong>", ""),
    ("state=eyJ%7Cmain--gone", "seems to name <strong>main--gone</strong>", ""),
    ("state=3f2a9c0d1e4b5a69", "names none that is live", ""),
    ("state=3f2a9c0d1e%3Bgone", "seems to name <strong>gone</strong>", ""),
    ("state=0f8fad5b-d9cb-469f-a165-70867728950e", "names none that is live", ""),
    ("state=eyJhbGci..QWxh.ZGRpb", "names none that is live", ""),
]


@pytest.mark.parametrize(("sent", "reason", "as_form"), REASONS)
def test_the_chooser_says_why_it_asks(setup: Setup, sent: str, reason: str, as_form: str) -> None:
    text = (setup.call(method="POST", body=sent) if as_form else setup.call(sent)).text
    assert reason in text.partition('id="why">')[2].partition("</p>")[0]


def _framed(setup: Setup, page: "Page", answer: str, *, within: str = "") -> None:
    page.goto(within or setup.origin("api.feature-x") + "/")
    address = f"http://localhost:{setup.port}/auth/callback{answer}"
    page.evaluate("src => document.body.append(Object.assign(document.createElement('iframe'), { src }))", address)


@pytest.mark.browser
def test_the_chooser_has_no_buttons_in_a_frame(setup: Setup, page: "Page") -> None:
    _framed(setup, page, "?code=c&state=gone", within=f"http://localhost:{setup.web.port}/")
    inside = page.frame_locator("iframe")
    inside.get_by_text("Open it in a tab").wait_for()
    assert inside.get_by_role("button").count() == 0


@pytest.mark.browser
@pytest.mark.parametrize("answer", ["?error=login_required&state=gone", "#error=login_required&state=gone", "?code=c"])
def test_in_a_frame_an_answer_goes_to_the_host_around_it(setup: Setup, page: "Page", answer: str) -> None:
    _framed(setup, page, answer)
    page.frame_locator("iframe").get_by_text("the app").wait_for()
    assert page.frames[1].url == setup.origin("api.feature-x") + "/auth/callback" + answer


@pytest.mark.browser
def test_a_silent_sign_in_passes_through_a_frame(setup: Setup, page: "Page") -> None:
    _framed(setup, page, "#error=login_required&state=feature-x.n")
    page.frame_locator("iframe").get_by_text("the app").wait_for()
    assert page.frames[1].url == setup.origin("feature-x") + "/auth/callback#error=login_required&state=feature-x.n"


@pytest.mark.browser
@pytest.mark.parametrize("where", ["", "?code=c&state=gone"])
def test_the_pages_keep_to_their_policy(setup: Setup, page: "Page", where: str) -> None:
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text) if "Content Security" in message.text else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(f"http://localhost:{setup.port}/auth/callback{where}")
    page.get_by_role("heading").wait_for()
    assert not trouble


# Against the reference

WORDS = [
    "main",
    "feature-x",
    "alias-of-main",
    "main-before",
    "feature-x-before",
    "gone",
    "WT1",
    "WT1.main",
    "--api",
    "---api",
    "--nothing",
    "api.",
    ",complete,x,.",
    ",a.b,",
    ",",
    ".",
    "|",
    "%7C",
    ";",
    "%3B",
    "%2e",
    "+",
    "%",
    "%zz",
    "%0a",
    "é",
    "A",
    "",
]
PIECES = ["state", "%73tate", "code", "error", "=", "=main", "&", "&", "state=", ";", "%", "?", "+", "x", "#", ",", "é"]
STATES = st.lists(st.sampled_from(WORDS), max_size=6).map("".join)
QUERIES = st.one_of(
    STATES.map(lambda state: f"code=c&state={state}"),
    st.lists(st.sampled_from(PIECES), max_size=10).map("".join),
    st.tuples(STATES, STATES).map("&state=".join),
)


class Line:
    """One keep-alive connection to Caddy."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)

    def ask(self, request: callback_rules.Request) -> tuple[int, str | None]:
        target = f"{request.path}?{request.query}" if request.query else request.path
        head = [f"{request.method} {target} HTTP/1.1", f"Host: localhost:{self._port}"]
        body = request.body.encode() if request.method == "POST" else b""
        if request.method == "POST":
            head += [f"Content-Type: {request.content_type}", f"Content-Length: {len(body)}"]
        self._sock.sendall("\r\n".join([*head, "", ""]).encode() + body)
        answer = http.client.HTTPResponse(self._sock, method=request.method)
        answer.begin()
        answer.read()
        sent = answer.getheader("Location")
        return answer.status, sent and sent.encode("latin-1").decode()

    def close(self) -> None:
        self._sock.close()


@pytest.fixture(scope="module")
def line(setup: Setup) -> Iterator[Line]:
    with contextlib.closing(Line(setup.port)) as line:
        yield line


REQUESTS = st.builds(
    callback_rules.Request,
    path=st.sampled_from(["/auth/callback", "/complete/x", "/.router/relay/auth/callback"]),
    query=QUERIES,
    method=st.sampled_from(["GET", "GET", "HEAD", "POST", "PUT"]),
    body=QUERIES,
)


@settings(max_examples=400, deadline=None)
@given(request=REQUESTS)
def test_caddy_and_the_reference_agree(setup: Setup, line: Line, request: callback_rules.Request) -> None:
    expected = callback_rules.decide(
        request, paths=PATHS, live=callback_rules.destinations(setup.table, port=setup.port)
    )
    assert expected is not None
    assert line.ask(request) == (expected.status, expected.origin and expected.origin + expected.rest)
