"""next-auth 4 tells its own script the provider's address in the text of an answer, where it has to be tagged."""

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from tests.e2e.caddies import running
from tests.e2e.routers import free_port
from tests.e2e.test_callback import PATHS, Setup, app
from tests.fakes import route, service, table

pytestmark = pytest.mark.e2e

WISH = "csrfToken=0a1b&callbackUrl=http%3A%2F%2Ffeature-x.localhost%3A8080%2F&json=true"
COOKIE = "a=b; next-auth.csrf-token=0a1b%7C2c3d"


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    web = free_port()
    live = table(route("feature-x", service("web", web)), route("as-it-is", service("web", web), mask=False))
    with app(web) as server, running(live, tmp_path_factory.mktemp("caddy"), callback_paths=PATHS) as caddy:
        yield Setup(caddy, live, server, server)


def signs_in(
    setup: Setup, sent: str = "", *, path: str = "/api/auth/signin/x?", body: str = WISH, host: str = "feature-x",
    status: str = "302", **headers: str,
) -> httpx.Response:  # fmt: skip
    """Ask as the library's script does; the app answers with a Location, its own error page by default."""
    setup.web.seen.clear()
    sent = sent or f"{setup.origin(host)}/api/auth/error"
    named = {"Cookie": COOKIE, "Answer_Status": status, "Answer_Location": sent, **headers}
    return setup.call(path=path, method="POST", body=body, host=f"{host}.localhost:{setup.port}", **named)


def authorization(host: str, port: int, state: str) -> str:
    uri = quote(f"http://{host}:{port}/api/auth/callback/x", safe="")
    return f"https://login.example/authorize?client_id=a&redirect_uri={uri}&state={state}"


def test_the_script_is_told_the_registered_address_and_a_state_with_the_tag(setup: Setup) -> None:
    answer = signs_in(setup, authorization("feature-x.localhost", setup.port, "abc"))
    state = "WT1.feature-x,api,auth,callback,x,.abc"
    assert answer.json() == {"url": authorization("localhost", setup.port, state)}
    assert (answer.status_code, answer.headers["Set-Cookie"]) == (200, "a=1")
    assert answer.headers["Content-Type"] == "application/json"
    assert "Location" not in answer.headers
    assert [body for *_, body in setup.web.seen] == [WISH.removesuffix("&json=true").encode()]


@pytest.mark.parametrize("sent", ["/api/auth/error?error=x", "https://elsewhere.example/a%20b", ""])
def test_any_other_redirect_is_told_as_it_is(setup: Setup, sent: str) -> None:
    assert signs_in(setup, sent).json() == {"url": sent or f"{setup.origin('feature-x')}/api/auth/error"}


def test_an_answer_that_is_no_redirect_stays_as_it_is(setup: Setup) -> None:
    assert signs_in(setup, status="200").text == "the app"


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "/api/auth/signin"},
        {"path": "/api/auth/callback/credentials"},
        {"Cookie": "authjs.csrf-token=0a1b"},
        {"Content_Type": "application/json"},
        {"body": "csrfToken=0a1b&json=false"},
        {"body": "csrfToken=0a1b&xjson=true"},
        {"host": "as-it-is"},
    ],
)
def test_no_other_request_is_changed(setup: Setup, asked: dict[str, str]) -> None:
    answer = signs_in(setup, **asked)  # type: ignore[arg-type]
    assert answer.status_code == 302
    assert [body for *_, body in setup.web.seen] == [asked.get("body", WISH).encode()]
