"""Where a URL or a state would go, in words."""

import pytest

from router.caddy import assets
from router.caddy.explain import HOPS, Explanation, Sites, explanation
from router.errors import UsageError
from router.route_table import FormerName, RouteTable
from router.text import clock
from tests.fakes import route, service, table

UNTIL = 1.79e9
TABLE = table(
    route("feature-x", service("web", 14315, source="env:.env"), service("api", 13315, up=False, path="/api"),
          aliases=("shop-x",)),
    route("main", service("web", 3000, address="::1"), service("docs", 3001)),
    route("other", service("web", 3002), aliases=("before", "kept"), left=("first",),
          former=(FormerName("before", UNTIL), FormerName("kept"))),
)  # fmt: skip


RECENT = (("main",), ("feature-x", "api.feature-x"), ("shop-x",))


def explained(
    what: str, found: RouteTable = TABLE, paths: tuple[str, ...] = ("/auth/callback",), recent: Sites | None = RECENT
) -> Explanation:
    return explanation(what, found, port=8080, paths=paths, target="host", recent=recent)


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


@pytest.mark.parametrize("what", [
    "nobody", "main.feature-x", "http://localhost:8080/auth/callback?code=secret&state=nobody",
    "code=secret&state=nobody", "http://localhost:8080/auth/callback#state=nobody&code=secret",
])  # fmt: skip
def test_a_search_is_told_with_the_order_of_those_who_are_asked(what: str) -> None:
    found = explained(what)
    assert not found.routed
    assert found.lines[0] == "404: the chooser page"
    asked = "main, feature-x with api.feature-x, shop-x, other"
    assert found.lines[2] == f"a tab then asks in turn, what was used last first: {asked}"
    assert found.lines[3].startswith("who has begun a sign-in with that state gets the answer; nobody or two")
    assert "secret" not in "".join(found.lines)


def test_an_answer_without_a_state_is_searched_where_a_login_is_pending() -> None:
    lines = explained("code=secret", recent=None).lines
    assert lines[0] == "400: the chooser page"
    assert lines[2] == "a tab then asks in turn, as nobody was seen to be used: feature-x, main, other"
    assert lines[3].startswith("where alone a login is pending gets the answer")


def test_at_most_eight_are_asked_and_those_that_are_live_where_nobody_was_used() -> None:
    sites = tuple((f"w{n}",) for n in range(9))
    assert explained("nobody", recent=sites).lines[2].endswith("w6, w7")
    assert f"const HOPS = {HOPS};" in (assets.pages() / "claim-answer.js").read_text()
    assert explained("nobody", recent=()).lines[2].endswith("as nobody was seen to be used: feature-x, main, other")


@pytest.mark.parametrize("what", ["WT1.gone.abc", "state=a&state=b", "x" * 4097])
def test_what_is_not_searched_is_not_told_so(what: str) -> None:
    assert len(explained(what).lines) == 2


@pytest.mark.parametrize(("recent", "leads"), [
    (RECENT, "leads on to main, which was used last"), ((), "lists the worktrees"), (None, "lists the worktrees"),
])  # fmt: skip
def test_the_relay_page_is_told_with_where_a_sign_out_leads(recent: Sites | None, leads: str) -> None:
    lines = explained("http://localhost:8080/auth/callback", recent=recent).lines
    assert lines == (
        "200: the relay page", "rule: no state, code or error: the answer may be in the fragment",
        f"without a fragment it {leads}",
    )  # fmt: skip


def test_the_state_of_a_fragment_counts_as_the_relay_page_reads_it() -> None:
    found = explained("http://localhost:8080/auth/callback#code=secret&state=WT1.main.x")
    assert found.routed
    assert found.lines[0] == "302 to http://main.localhost:8080, the worktree main"


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


@pytest.mark.parametrize("what", ["http://before.localhost:8080/x", "before.nonce", "WT1.before.opaque"])
def test_a_name_that_was_the_worktrees_until_lately_is_told_with_its_end(what: str) -> None:
    found = explained(what)
    assert found.routed
    assert f"before was the name of other before, and leads to it until {clock(UNTIL)}" in found.lines
    assert (
        not found.lines[0].startswith("302")
        or found.lines[0] == "302 to http://before.localhost:8080, the worktree other"
    )


def test_a_former_label_that_stays_an_alias_is_told_too() -> None:
    assert (
        explained("http://kept.localhost:8080/").lines[-1] == "kept was the name of other before, and stays its alias"
    )
    assert "before" not in "".join(explained("http://other.localhost:8080/").lines)


@pytest.mark.parametrize("url", ["http://first.localhost:8080/", "http://localhost:8080/first/"])
def test_a_name_that_a_worktree_had_before_is_told_with_what_it_is_called_now(url: str) -> None:
    assert explained(url) == Explanation(
        ("404: no worktree is called 'first'", "the worktree that had this name is called other now"), routed=False
    )
