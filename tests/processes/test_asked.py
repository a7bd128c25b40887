"""What `router whose` is asked about."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import UsageError
from router.processes.asked import Asked, Directory, Host, Number, Port, Word, asked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5173", Number(5173)),
        ("4194304", Number(4194304)),
        (":5173", Port(5173)),
        ("localhost:5173", Port(5173)),
        ("http://localhost:5173/path?q=1", Port(5173)),
        ("http://127.0.0.1:5173", Port(5173)),
        ("[::1]:8000", Port(8000)),
        ("http://localhost/", Port(80)),
        ("https://localhost/", Port(443)),
        ("http://feature-x.localhost:8080/api/me", Host("feature-x.localhost", "/api/me")),
        ("feature-x.localhost", Host("feature-x.localhost", "")),
        ("api.feature-x.localhost:8080", Host("api.feature-x.localhost", "")),
        (".", Directory(".")),
        ("/home/me/shop", Directory("/home/me/shop")),
        ("src/app.ts", Directory("src/app.ts")),
        ("shop-db-1", Word("shop-db-1")),
    ],
)
def test_a_word_is_read_as_what_it_looks_like(text: str, expected: Asked) -> None:
    assert asked(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://example.com/", "example.com is not this machine"),
        ("http://localhost:99999/", "is no URL"),
        (":0", "0 is no port"),
        (":70000", "70000 is no port"),
        ("http://[::1/", "is no URL"),
    ],
)
def test_what_is_none_of_this_machines_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        asked(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        asked(text)
