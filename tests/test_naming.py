"""Labels and the names that text can get."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.naming import hash3, host_forms, is_label, label, origin, read_host, service_host, suffixed
from router.text import host_port, shown

CONTRACT = json.loads((Path(__file__).parent / "contract" / "naming.json").read_text())
FROM_GIT = st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))


def _scalar(text: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in text)


@pytest.mark.parametrize("case", CONTRACT["labels"], ids=lambda case: case["branch"])
def test_a_branch_gets_the_label_of_the_contract(case: dict[str, str]) -> None:
    assert label(case["branch"]) == case["label"]


@pytest.mark.parametrize("case", CONTRACT["hash3"], ids=lambda case: case["text"])
def test_hash3_is_that_of_the_contract(case: dict[str, str]) -> None:
    assert hash3(case["text"]) == case["hash3"]


@given(FROM_GIT.filter(_scalar))
def test_any_text_gets_a_label(text: str) -> None:
    assert is_label(label(text))
    assert not label(text).startswith("xn-")


@given(st.text(st.sampled_from("aB0-_./ xn分é"), max_size=80))
def test_a_label_is_its_own_label(text: str) -> None:
    assert label(label(text)) == label(text)


def test_63_characters_stay_and_64_are_cut() -> None:
    assert label("a" * 63) == "a" * 63
    assert label("a" * 64) == "a" * 59 + "-" + hash3("a" * 64)


def test_a_cut_never_leaves_two_hyphens() -> None:
    assert label("a" * 58 + "/" + "b" * 10) == "a" * 58 + "-" + hash3("a" * 58 + "/" + "b" * 10)


def test_200_characters_that_differ_at_the_end_get_different_labels() -> None:
    assert label("a" * 199 + "1") != label("a" * 199 + "2")


def test_a_punycode_beginning_is_no_label_of_ours() -> None:
    assert label("xn--p1ai") == "wt-xn-p1ai"
    assert label("xn") == "xn"


def test_a_long_punycode_beginning_is_cut_after_the_prefix() -> None:
    text = "xn-" + "a" * 61
    assert label(text) == ("wt-" + text)[:59] + "-" + hash3(text)


@pytest.mark.parametrize("text", ["分支", "-", "...", "🎉", "\udcff", ""])
def test_text_without_ascii_gets_a_hash_for_a_label(text: str) -> None:
    assert label(text) == f"wt-{hash3(text)}"


def test_different_scripts_get_different_labels() -> None:
    assert label("分支") != label("枝")


@pytest.mark.parametrize("text", ["", "-a", "a-", "a--b", "A", "a.b", "a_b", "a\n", "a" * 64, "é", "\u0661"])
def test_what_is_no_label(text: str) -> None:
    assert not is_label(text)


def test_suffixed_stays_within_63_characters() -> None:
    assert suffixed("a" * 63, "x2d") == "a" * 59 + "-x2d"


def test_an_origin_on_port_80_has_no_port() -> None:
    assert origin("a.localhost", 80) == "http://a.localhost"
    assert origin("a.localhost", 8080) == "http://a.localhost:8080"


def test_web_has_the_worktrees_own_host() -> None:
    assert service_host("a", "web") == "a.localhost"
    assert service_host("a", "api") == "api.a.localhost"


def test_shown_keeps_letters_of_every_script_and_encodes_what_cannot_be_seen() -> None:
    assert shown("a 分支\n\x1b\udcff\u202e") == "a 分支%0A%1B%FF%E2%80%AE"


@given(FROM_GIT.filter(_scalar))
def test_what_is_shown_is_printable(text: str) -> None:
    assert shown(text).isprintable()


def test_an_ipv6_literal_has_brackets_in_front_of_a_port() -> None:
    assert host_port("::1", 3000) == "[::1]:3000"
    assert host_port("127.0.0.1", 3000) == "127.0.0.1:3000"
    assert host_port("host.docker.internal", 80) == "host.docker.internal:80"


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("feature-x.localhost", ("feature-x", "web")),
        ("api.feature-x.localhost", ("feature-x", "api")),
        ("feature-x--api.localhost", ("feature-x", "api")),
        ("tenant.feature-x--api.localhost", ("feature-x", "api")),
        ("tenant.feature-x.localhost", ("feature-x", "web")),
        ("a.api.feature-x.localhost", ("feature-x", "web")),
        ("docs.feature-x.localhost", ("feature-x", "web")),
        ("feature-x--docs.localhost", ("feature-x--docs", "web")),
        ("web.feature-x.localhost", ("feature-x", "web")),
    ],
)
def test_a_host_asks_for_a_service_of_a_name(host: str, asked: tuple[str, str]) -> None:
    assert read_host(host, ["web", "api"]) == asked


@pytest.mark.parametrize("service", ["web", "api", "api-2"])
def test_every_form_of_a_services_host_is_read_as_that_service(service: str) -> None:
    forms = host_forms(service)
    assert forms[0].host_of("feature-x") == service_host("feature-x", service)
    assert len({form.tag_of("feature-x") for form in forms}) == len(forms)
    for form in forms:
        assert read_host(form.host_of("feature-x"), ["web", "api", "api-2"]) == ("feature-x", service)
