"""The redirect URIs against the rules of those who register them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.doctor.redirect_uris import RULES, example, fit_one_callback, refusals

OURS = "http://localhost:8080/auth/callback"


def refusing(uri: str) -> set[str]:
    return {refusal.provider for refusal in refusals(uri)}


@pytest.mark.parametrize("uri", [OURS, "http://localhost/auth/callback", "http://localhost:8080/signin-oidc"])
def test_all_take_a_path_on_localhost(uri: str) -> None:
    assert refusals(uri) == ()


@pytest.mark.parametrize(
    ("uri", "providers"),
    [
        ("http://feature-x.localhost:8080/auth/callback", {"Entra", "Google"}),
        ("https://feature-x.localhost:8443/auth/callback", {"Google"}),
        ("http://127.0.0.1:8080/auth/callback", {"Entra"}),
        ("http://192.168.1.5:8080/auth/callback", {"Entra", "Google"}),
        ("https://192.168.1.5/auth/callback", {"Google"}),
        ("https://dev.example.org/auth/callback", set()),
        ("http://dev.example.org/auth/callback", {"Entra", "Google"}),
        (f"http://localhost:8080/{'a' * 256}", {"Entra"}),
        ("http://localhost:8080/auth(1)", {"Entra"}),
        ("http://localhost:8080/auth;v=1", {"Entra"}),
        ("http://localhost:8080/auth/*", {"Entra", "Google", "GitHub", "Okta"}),
        ("https://*.example.org/auth", {"Entra", "Google", "GitHub"}),
        ("http://localhost:8080/auth#x", {"Entra", "Google", "Okta"}),
        ("http://localhost:8080/a/../b", {"Google"}),
        ("http://localhost:8080/a/%2e%2e/b", {"Google"}),
        ("http://localhost:8080/a%zz", {"Google"}),
        ("http://me@localhost:8080/a", {"Google"}),
        ("http://localhost:8080/é", {"Google"}),
        ("myapp:/callback", {"Entra", "Google", "GitHub", "Okta"}),
        ("http://[::1", {"Entra", "Google", "GitHub", "Okta"}),
    ],
)
def test_each_provider_has_rules_of_its_own(uri: str, providers: set[str]) -> None:
    assert refusing(uri) == providers


def test_entra_takes_256_characters_and_no_more() -> None:
    longest = OURS + "a" * (256 - len(OURS))
    assert "Entra" not in refusing(longest)
    assert "Entra" in refusing(f"{longest}a")


def test_a_pattern_stands_for_a_uri_of_each_provider() -> None:
    assert example(OURS) == OURS
    assert example("http://localhost:8080/api/auth/callback/*") == "http://localhost:8080/api/auth/callback/google"


def test_github_takes_what_is_fit_one_callback_url() -> None:
    assert fit_one_callback((OURS,))
    assert fit_one_callback((f"{OURS}/github", OURS))
    assert not fit_one_callback((OURS, "http://localhost:8080/auth/callbacks"))
    assert not fit_one_callback((OURS, "http://localhost:8080/api/auth"))


@given(st.text(max_size=60))
def test_anything_gets_an_answer(text: str) -> None:
    assert refusing(text) <= set(RULES)
    assert refusing(f"http://localhost:8080/{text}") <= set(RULES)
