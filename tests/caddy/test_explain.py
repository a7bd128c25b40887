"""Where a URL or a state would go, in words."""

import pytest

from router.caddy.explain import Explanation, explanation
from router.errors import UsageError
from router.model import RouteTable
from tests.fakes import route, service, table

TABLE = table(
    route("feature-x", service("web", 14315, source="env:.env"), service("api", 13315, up=False, path="/api"),
          aliases=("shop-x",)),
    route("main", service("web", 3000, address="::1"), service("docs", 3001)),
)  # fmt: skip


def explained(what: str, found: RouteTable = TABLE, paths: tuple[str, ...] = ("/auth/callback",)) -> Explanation:
    return explanation(what, found, port=8080, paths=paths, target="host")


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("feature-x.localhost", "127.0.0.1:14315, the web of feature-x (up)"),
        ("shop-x.localhost", "127.0.0.1:14315, the web of feature-x"),
        ("api.feature-x.localhost", "127.0.0.1:13315, the api of feature-x (down"),
        ("feature-x--api.localhost", "127.0.0.1:13315, the api"),
        ("tenant.feature-x--api.localhost", "127.0.0.1:13315, the api"),
        ("web.feature-x.localhost", "127.0.0.1:14315, the web"),
        ("tenant1.feature-x.localhost", "127.0.0.1:14315, the web"),
        ("a.b.c.feature-x.localhost", "127.0.0.1:14315, the web"),
        ("docs.feature-x.localhost", "127.0.0.1:14315, the web"),
        ("main.localhost", "[::1]:3000, the web of main"),
        ("FEATURE-X.localhost", "127.0.0.1:14315, the web"),
    ],
)
def test_a_host_leads_to_a_service(host: str, target: str) -> None:
    found = explained(f"http://{host}:8080/some/path?code=secret")
    assert found.routed
    assert found.lines[0].startswith(f"to {target}")


def test_the_source_of_the_port_is_told() -> None:
    assert "port source: .env; http://feature-x.localhost:8080" in explained("http://feature-x.localhost:8080/").lines


@pytest.mark.parametrize(
    ("path", "port"), [("/api", 13315), ("/api/users", 13315), ("/apis", 14315), ("/", 14315), ("", 14315)]
)
def test_a_path_on_the_own_host_leads_to_its_service(path: str, port: int) -> None:
    assert f":{port}," in explained(f"http://feature-x.localhost:8080{path}").lines[0]


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("http://nothing.localhost:8080/", "404: no worktree is called 'nothing'"),
        ("http://feature-x--web.localhost:8080/", "404"),
        ("http://feature-x--docs.localhost:8080/", "404: feature-x has no service 'docs'"),
        ("http://api.feature-x--docs.localhost:8080/", "404"),
        ("http://example.org/", "421"),
        ("http://feature-x.localhost.example.org/", "421"),
        ("http://notlocalhost/", "421"),
        ("http://127.0.0.1:8080/feature-x/", "307 to http://localhost:8080"),
        ("http://[::1]:8080/", "307 to http://localhost:8080"),
        ("http://localhost:8080", "200: the dashboard"),
        ("http://localhost:8080/", "200: the dashboard"),
        ("http://localhost:8080/nothing/", "404: no worktree is called 'nothing'"),
        ("http://localhost:8080//feature-x/", "404"),
        ("http://localhost:8080/.router/status.json", "/.router/ is the router's own"),
        ("http://feature-x.localhost:8080/.router/ping", "/.router/ is the router's own"),
    ],
)
def test_other_addresses_lead_to_no_worktree(url: str, first: str) -> None:
    found = explained(url)
    assert not found.routed
    assert found.lines[0].startswith(first)


@pytest.mark.parametrize("name", ["feature-x", "shop-x"])
def test_a_label_behind_localhost_leads_to_its_host(name: str) -> None:
    found = explained(f"http://localhost:8080/{name}/path?code=secret")
    assert found.routed
    assert found.lines[0] == f"307 to http://{name}.localhost:8080"


@pytest.mark.parametrize(
    "what",
    [
        "feature-x", "feature-x.nonce", "shop-x", "anything|feature-x", "WT1.feature-x.of-the-app",
        "http://localhost:8080/auth/callback?code=secret&state=feature-x",
        "code=secret&state=feature-x",
    ],
)  # fmt: skip
def test_a_state_leads_to_its_worktree_and_the_code_is_not_repeated(what: str) -> None:
    found = explained(what)
    assert found.routed
    assert "worktree feature-x" in found.lines[0]
    assert "secret" not in "".join(found.lines)


@pytest.mark.parametrize("what", ["nothing", "", "code=secret&state=nothing", "code=secret"])
def test_a_state_of_nobody_leads_to_the_chooser(what: str) -> None:
    found = explained(what)
    assert not found.routed
    assert "chooser" in found.lines[0]
    assert "secret" not in "".join(found.lines)


def test_a_callback_path_with_a_star_is_explained_too() -> None:
    assert explained("feature-x", paths=("/api/auth/callback/*",)).routed


def test_without_any_callback_path_a_state_leads_nowhere() -> None:
    assert not explained("feature-x", paths=()).routed


def test_what_is_no_url_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no URL"):
        explained("http://[::1")


def test_names_that_cannot_be_shown_are_encoded() -> None:
    assert explained("http://localhost:8080/\x1b[31m").lines[0].isprintable()


def test_with_nothing_routed_every_name_is_unknown() -> None:
    assert explained("http://main.localhost:8080/", table()).lines[0].startswith("404")


def test_a_blocked_service_leads_to_no_address() -> None:
    blocked = table(route("x", service("web", 3000, up=False, blocked=True)))
    lines = explanation("http://x.localhost:8080/", blocked, port=8080, paths=(), target="host").lines
    assert "somebody else listens on port 3000" in lines[0]
    assert "127.0.0.1" not in "".join(lines)
