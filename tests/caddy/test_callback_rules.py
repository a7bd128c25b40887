"""The rules of the callback in plain Python; `e2e/test_callback.py` holds Caddy to the same ones."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.caddy.callback_rules import (
    MAX_STATE,
    Decision,
    Request,
    decide,
    destinations,
    path_pattern,
    redirect_uri_pattern,
)
from router.caddy.tag import Tagged, split
from router.caddy.tag import written as written_tag
from router.naming import check_callback_path
from tests.fakes import route, service, table

CONTRACT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "contract" / "oauth-callback.json").read_text())
PATHS = ("/auth/callback", "/complete/*")
LIVE = destinations(
    table(
        *(
            route(name, service("web", 14000 + i), service("api", 24000 + i), aliases=(f"alias-of-{name}",))
            for i, name in enumerate(CONTRACT["live"])
        )
    ),
    port=8080,
)


def written(text: str) -> str:
    """Return a query or body of the contract with its sizes in parentheses written out."""
    return re.sub(r"\((\d+) (?:times '(.)'|bytes)\)", lambda size: (size[2] or "x") * int(size[1]), text)


def decided(query: str = "", *, path: str = "/auth/callback", **rest: Any) -> Decision:
    decision = decide(Request(path, query, **rest), paths=PATHS, live=LIVE)
    assert decision is not None
    return decision


def target(state: str) -> str | None:
    return decided(f"code=c&state={state}").origin


@pytest.mark.parametrize("case", CONTRACT["cases"], ids=lambda case: case["id"])
def test_case_of_the_contract(case: dict[str, Any]) -> None:
    query = written(case.get("query", ""))
    decision = decided(
        query,
        method=case["method"],
        body=written(case.get("body", "")),
        content_type=case.get("type", "application/x-www-form-urlencoded"),
        fetch_mode=case.get("headers", {}).get("Sec-Fetch-Mode", ""),
    )
    assert decision.status == case["status"]
    assert decision.label == case["to"]
    assert decision.page == ("redirect" if case["to"] else case["page"].split()[0].strip(",;"))
    if case["to"]:
        assert decision.origin == f"http://{case.get('host', case['to'] + '.localhost')}:8080"
        assert decision.rest == ("/auth/callback" + (f"?{query}" if query else ""))


@pytest.mark.parametrize("state", ["{}", "{}.nonce", "eyJ%7C{}", "3f2a;{}", "CUSTOMx.{}"])
@pytest.mark.parametrize("host", ["main", "alias-of-main", "api.main", "main--api", "api.alias-of-main",
                                  "alias-of-main--api"])  # fmt: skip
def test_a_name_leads_to_the_very_host(state: str, host: str) -> None:
    assert target(state.format(host)) == f"http://{host}.localhost:8080"


def test_a_tag_leads_to_the_very_host() -> None:
    assert target("WT1.alias-of-main.x") == "http://alias-of-main.localhost:8080"
    assert target("WT1.alias-of-main--api.x") == "http://api.alias-of-main.localhost:8080"
    assert target("WT1.alias-of-main---api.x") == "http://alias-of-main--api.localhost:8080"


def test_of_two_names_of_one_worktree_the_one_at_the_beginning_counts() -> None:
    assert target("alias-of-main.main") == "http://alias-of-main.localhost:8080"
    assert target("main.x.alias-of-main") == "http://main.localhost:8080"
    assert target("api.main.x.main") == "http://api.main.localhost:8080"
    assert target("x.api.main") == "http://api.main.localhost:8080"


def test_two_names_of_two_worktrees_are_ambiguous() -> None:
    for state in ("main.feature-x", "api.main.feature-x", "main--api.x.feature-x", "alias-of-main.x.api.feature-x"):
        assert decided(f"state={state}").rule == "the state names two live worktrees"


@pytest.mark.parametrize("state", ["main--nothing", "main---api", "main----api", "--api", "api.gone", "x%7Cgone--api"])
def test_a_host_that_is_not_there_is_named_by_no_state(state: str) -> None:
    assert target(state) is None


def test_a_name_in_front_that_is_no_service_leads_to_the_web() -> None:
    assert target("x%7Ctenant1.main") == "http://main.localhost:8080"


def test_the_tag_does_not_count_in_the_length_of_a_state() -> None:
    longest = "x" * MAX_STATE
    for tag in ("WT1.main.", "WT1.main--api,complete,oidc,,."):
        assert decided(f"state={tag}{longest}").page == "redirect"
        assert decided(f"state={tag}{longest}x").rule == f"the state is longer than {MAX_STATE} characters"


@pytest.mark.parametrize(("path", "state"), [
    ("/", "WT1.main,,,."), ("/", "WT1.main,,,.abc"), ("/signed-out", "WT1.main,,signed-out,.abc"),
    ("/signed/out/", "WT1.main%2C%2csigned,out,,."), ("/a~b", "WT1.main,,a%7Eb,."),
    ("/auth/callback", "WT1.main,,auth,callback,."),
])  # fmt: skip
def test_a_sign_out_leads_home_on_whatever_path_its_tag_says(path: str, state: str) -> None:
    for query in (f"state={state}", f"a=b&state={state}&c"):
        decision = decided(query, path=path)
        assert (decision.status, decision.origin, decision.rest) == (
            302,
            "http://main.localhost:8080",
            f"{path}?{query}",
        )
        assert decision.rule == "the tag names main, the host that the sign-out began on"


@pytest.mark.parametrize(("path", "state"), [
    ("/", "WT1.main,,signed-out,.abc"), ("/signed-out", "WT1.main,,,."), ("/", "WT1.main,,.abc"),
    ("//", "WT1.main,,,."), ("/signed-out/", "WT1.main,,signed-out,."), ("/.router/x", "WT1.main,,.router,x,."),
])  # fmt: skip
def test_a_sign_out_is_a_callback_on_its_own_path_alone(path: str, state: str) -> None:
    assert decide(Request(path, f"state={state}"), paths=PATHS, live=LIVE) is None


def test_an_unknown_candidate_does_not_hide_the_other() -> None:
    assert target("gone.main") == "http://main.localhost:8080"
    assert target("main.gone") == "http://main.localhost:8080"


@pytest.mark.parametrize("name", ["main--nothing", "main---nothing", "nobody", "nobody--api"])
def test_a_tag_of_no_live_host_leads_nowhere_whatever_the_rest_names(name: str) -> None:
    decision = decided(f"state=WT1.{name}.x%7Cfeature-x")
    assert (decision.page, decision.label) == ("chooser", None)
    assert name in decision.rule


@pytest.mark.parametrize(("state", "first"), [
    ("WT1.main-,done,.a", "main"), ("WT1.main--api-,done,.a.feature-x", "main--api"), ("WT1.gone-,done,.main", ""),
])  # fmt: skip
def test_a_tag_of_a_host_in_front_of_another_has_that_one_asked(state: str, first: str) -> None:
    decision = decided(f"code=c&state={state}", path="/done")
    assert (decision.status, decision.page, decision.searched, decision.first) == (404, "chooser", True, first)
    assert decided(f"code=c&state={state}", path="/auth/callback").first == ""


def test_a_tag_may_call_the_web_by_its_name() -> None:
    assert target("WT1.main--web.x") == "http://main.localhost:8080"


@pytest.mark.parametrize("state", ["WT1.main", "WT1..x", "wt1.main.x", "WT1.MAIN.x", "WT2.main.x"])
def test_what_only_looks_like_a_tag_is_read_as_a_state(state: str) -> None:
    assert "tag" not in decided(f"state={state}").rule


def test_callbacks_to_the_dev_servers_own_port() -> None:
    live = destinations(table(route("main", service("web", 14000), service("api", 24000))), port=8080, target="port")

    def origin(state: str) -> str | None:
        decision = decide(Request("/auth/callback", f"state={state}"), paths=PATHS, live=live)
        return decision and decision.origin

    assert origin("main") == "http://localhost:14000"
    assert origin("x%7Capi.main") == "http://api.main.localhost:8080"
    # Nobody there would strip the tag, and a tagged sign-in began on the worktree's host
    assert origin("WT1.main.x") == "http://main.localhost:8080"


def test_a_relayed_state_stays_behind() -> None:
    assert decided("state=main", path="/.router/relay/auth/callback").rest == "/auth/callback"
    assert decided("", path="/.router/relay/auth/callback").status == 400
    assert decided("state=main", path="/.router/relay/auth/callback", method="POST").status == 405


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("/auth/callback", True),
        ("/complete/google", True),
        ("/complete/google/", True),
        ("/complete/a/b.c", True),
        ("/auth/callback/", False),
        ("/Auth/Callback", False),
        ("//auth/callback", False),
        ("/auth/callbacks", False),
        ("/auth/%63allback", False),
        ("/complete", False),
        ("/complete/", False),
        ("/complete//", False),
        ("/complete/..", False),
        ("/complete/../x", False),
        ("/complete/a%2Fb", False),
        ("/.router/relay", False),
        ("/.router/relay/", False),
    ],
)
def test_only_configured_paths_are_callbacks(path: str, *, called: bool) -> None:
    assert (decide(Request(path, "state=main"), paths=PATHS, live=LIVE) is not None) is called


@pytest.mark.parametrize(
    "path", ["/auth/callback", "/api/auth/callback/*", "/accounts/x/login/callback/", "/a~b/c_d.e"]
)
def test_a_callback_path(path: str) -> None:
    assert check_callback_path(path) == path


@pytest.mark.parametrize(
    "path",
    ["", "/", "/*", "auth", "//x", "/a//b", "/a/../b", "/.", "/a b", "/a?b", "/a#b", "/a%20", "/a*", "/a/*/b", "/ü",
     "/.router/x", "/.router", "/.router/*", "/a\n", "/{a}", '/"', "/a/**"],
)  # fmt: skip
def test_no_callback_path(path: str) -> None:
    with pytest.raises(ValueError, match="cannot be used"):
        check_callback_path(path)


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:8080/auth/callback",
        "http%3A%2F%2Flocalhost%3A8080%2Fauth%2Fcallback",
        "http%3a%2f%2flocalhost%3a8080%2fauth%2fcallback",
        "http%3A//localhost%3A8080/auth/callback",
        "http://localhost:8080/complete/google",
    ],
)
def test_a_redirect_uri_as_it_stands_in_a_query(text: str) -> None:
    assert re.fullmatch(redirect_uri_pattern("http://localhost:8080", PATHS), text)


@pytest.mark.parametrize(
    "text",
    ["http://localhost:8081/auth/callback", "http://localhostx8080/auth/callback", "https://localhost:8080/auth/callback",
     "http://localhost:8080/auth/callback/x", "http%253A%252F%252Flocalhost:8080/auth/callback"],
)  # fmt: skip
def test_no_redirect_uri_of_ours(text: str) -> None:
    assert not re.fullmatch(redirect_uri_pattern("http://localhost:8080", PATHS), text)


def test_nothing_is_live_in_an_empty_table() -> None:
    decision = decide(Request("/auth/callback", "state=main"), paths=PATHS, live=destinations(table(), port=8080))
    assert decision is not None
    assert decision.status == 404


WORDS = ["main", "feature-x", "WT1", "alias-of-main", "x", ".", "|", ";", "--api", "--nothing", "api.", ""]
PIECES = ["state", "code", "error", "=", "&", ";", "%", "%73tate", "main", "c", "#", "?", "+"]
STATES = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(WORDS), max_size=7).map("".join),
    st.from_regex(r"(WT1\.)?[a-z-]{1,9}[.|;%]?[ -~]{0,9}", fullmatch=True),
)
QUERIES = st.one_of(
    STATES.map(lambda state: f"state={state}"),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(max_size=60),
)
ORIGINS = {destination.origin for names in (LIVE.tags, LIVE.hosts) for destination in names.values()}


@given(query=QUERIES, body=QUERIES, method=st.sampled_from(["GET", "HEAD", "POST", "PUT"]), relayed=st.booleans())
def test_r1_no_input_leads_out_of_the_table(query: str, body: str, method: str, *, relayed: bool) -> None:
    path = "/.router/relay/auth/callback" if relayed else "/auth/callback"
    decision = decided(query, path=path, method=method, body=body)
    if decision.page == "redirect":
        assert decision.origin in ORIGINS
        assert decision.rest == ("/auth/callback" if relayed else path + (f"?{query}" if query else ""))
        assert decision.status == (307 if method == "POST" else 302)
    else:
        assert (decision.label, decision.origin, decision.rest) == (None, None, "")


@given(state=STATES, name=st.sampled_from(sorted(LIVE.tags)))
def test_a_tag_decides_alone_and_comes_off_whole(state: str, name: str) -> None:
    printable = "".join(c for c in state if " " <= c <= "~") or "x"
    for path in ("", "/complete/oidc/"):
        tagged = f"{written_tag(name, path)}{printable}"
        assert split(tagged) == Tagged(name, path, printable)
        encoded = "".join(f"%{ord(c):02X}" for c in tagged)
        assert decided(f"state={encoded}").origin == LIVE.tags[name].origin


@given(st.lists(st.from_regex(r"/[a-z~_][a-z._~-]{0,5}", fullmatch=True), min_size=1, max_size=3).map("".join))
def test_every_path_that_is_taken_matches_itself_alone(path: str) -> None:
    pattern = path_pattern([check_callback_path(path)])
    assert re.fullmatch(pattern, path)
    assert not re.fullmatch(pattern, path + "x")
    assert not re.fullmatch(pattern, path.replace(".", "x")) or "." not in path
